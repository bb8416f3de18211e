"""The guardian: an exec that ends a killed kernel's running cells.

While they run it also looks whether one of their processes waits for input. Otherwise each look
would start an exec, as often as once a second while a cell is silent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from dexec_kernel.backend.models import ExecConfig
from dexec_kernel.backend.protocol import Backend, Exec
from dexec_kernel.cells.signals.leftovers import Leftover, Leftovers
from dexec_kernel.errors import DexecError
from dexec_kernel.shell.commands import Shell, guardian_program
from dexec_kernel.shell.marks import new_mark

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

#: In seconds: a cell that ends sooner has no guardian, and does not pay for one.
_DELAY = 1.0
#: In seconds: how long a guardian may take to start, and to go when it is told to.
_START_TIMEOUT, _END_TIMEOUT = 5.0, 0.3
#: In seconds: after a failed start the pause, which doubles up to the second of these. One that has
#: lived for less has failed, too.
_RETRY, _LONGEST_RETRY = 5.0, 60.0
#: In seconds: for its answer, which takes milliseconds unless its container is paused.
_LOOK_TIMEOUT = 5.0
#: In bytes: no answer is as long as this.
_MAX_ANSWER = 10_000
#: In digits: no PID is as long as this.
_MAX_PID = 10
#: What a signal means that may be a guardian's: it takes the end of its stdin for the kernel's.
_SUSPICION = "the connection of its guardian broke, which may have ended it"


@dataclass(frozen=True, slots=True)
class GuardedPlace:
    """Where a guardian is: one serves all cells of a user in a container."""

    container_id: str
    started_at: str
    shell: Shell
    user: str


class Guarded(Protocol):
    """The needed part of :class:`~dexec_kernel.cells.execution.Execution`."""

    left: asyncio.Future[None]
    #: What else may have ended the cell by a signal than the container, "" for nothing.
    suspicion: str

    @property
    def inner_pid(self) -> int | None:
        """The PID of the cell's shell in the container, None while unknown."""


class Guardians:
    """Owns the guardians. ``keeps_background`` tells whether background processes stay.

    ``leftovers`` ends those whose connection was lost: only its end would have ended them.
    """

    def __init__(self, keeps_background: Callable[[], bool], leftovers: Leftovers) -> None:
        self._keeps_background = keeps_background
        self._leftovers = leftovers
        self._guardians: dict[GuardedPlace, _Guardian] = {}

    async def run_guarded(
        self,
        work: Coroutine[Any, Any, _T],
        backend: Backend,
        place: GuardedPlace,
        execution: Guarded,
    ) -> _T:
        """Run ``work``, which is ``execution``'s, with a guardian beside it if it takes long.

        Raises what the work raises. A guardian that cannot start is logged: the cell runs on.
        """
        guards: list[asyncio.Task[None]] = []

        def begin() -> None:
            if execution.left.done() and self._keeps_background():
                return
            guards.append(asyncio.create_task(self._guard(backend, place, execution)))

        timer = asyncio.get_running_loop().call_later(_DELAY, begin)
        try:
            return await work
        finally:
            timer.cancel()
            for guard in guards:
                guard.cancel()
                await asyncio.gather(guard, return_exceptions=True)

    async def look(self, container_id: str, leader: int) -> str | None:
        """Return the answer of waiting.sh about a guarded cell; None if no guardian can give it.

        It is "" where none comes: the container may be paused, and then no exec is to start.
        """
        for place, guardian in list(self._guardians.items()):
            if place.container_id != container_id:
                continue
            try:
                async with asyncio.timeout(_LOOK_TIMEOUT):
                    answer = await guardian.look(leader)
            except TimeoutError:
                return ""
            except DexecError as error:
                _log.info("The guardian of %s: %s", container_id, error)
                return None
            if answer is not None:
                return answer
        return None

    async def _guard(self, backend: Backend, place: GuardedPlace, execution: Guarded) -> None:
        if place.shell is Shell.NONE:
            return
        # A busy engine may take longer than that for the start of the cell itself.
        while (leader := execution.inner_pid) is None:  # noqa: ASYNC110 -- few cells, once a second
            await asyncio.sleep(_DELAY)
        guardian = self._guardians.setdefault(place, _Guardian(place, self._leftovers))
        loop = asyncio.get_running_loop()
        try:
            while True:
                ended, since = await self._add(guardian, backend, leader), loop.time()
                await asyncio.wait({ended, execution.left}, return_when=asyncio.FIRST_COMPLETED)
                if execution.left.done() and self._keeps_background():
                    return
                await asyncio.wait({ended})
                execution.suspicion = _SUSPICION
                await guardian.give_up()
                _log.warning("The guardian of %s has ended, or its connection.", place.container_id)
                if loop.time() - since < _RETRY:
                    await asyncio.sleep(_RETRY)
        finally:
            await guardian.remove(leader)
            if guardian.is_idle and self._guardians.get(place) is guardian:
                del self._guardians[place]

    async def _add(self, guardian: _Guardian, backend: Backend, leader: int) -> asyncio.Task[None]:
        """Have a cell guarded, however often the guardian has to be started for it.

        Returns what is done when the guardian has ended.
        """
        pause = _RETRY
        while True:
            try:
                return await guardian.add(backend, leader)
            except (DexecError, TimeoutError) as error:
                reason = str(error) or "the engine takes too long to start its guardian"
                level = logging.WARNING if pause == _RETRY else logging.INFO
                _log.log(level, "A cell would go on if this kernel were killed: %s", reason)
            await guardian.remove(leader)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_RETRY)


class _Guardian:
    """One guardian: an exec that lives while there are cells that need it."""

    def __init__(self, place: GuardedPlace, leftovers: Leftovers) -> None:
        self._place = place
        self._leftovers = leftovers
        self._exec: Exec | None = None
        self._pid: int | None = None
        self._leaders: set[int] = set()
        #: Around the answer that is due, "" for none. It may come after nobody waits any more.
        self._mark = ""
        self._said = b""
        self._heard = asyncio.Event()
        #: Done when it has ended, or its connection: what is there to be heard is heard at once.
        self._listening: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    @property
    def is_idle(self) -> bool:
        """Whether it guards nothing, and nobody waits for it."""
        return not self._leaders and not self._lock.locked()

    async def add(self, backend: Backend, leader: int) -> asyncio.Task[None]:
        """Guard a cell; return what is done when the guardian has ended.

        Raises what the engine's verbs raise, and TimeoutError.
        """
        async with self._lock, asyncio.timeout(_START_TIMEOUT):
            self._end_if_lost()
            is_new = self._exec is None
            if self._exec is None:
                program = guardian_program(self._place.shell)
                config = ExecConfig(
                    program.command,
                    env=program.env,
                    attach_stdin=True,
                    user=self._place.user,
                    in_root=True,
                )
                self._exec = await backend.exec(self._place.container_id, config)
            if self._listening is None:
                self._listening = asyncio.create_task(self._listen(self._exec))
            listening = self._listening
            # At once: the kernel may be killed at any moment.
            self._leaders.add(leader)
            await self._exec.write(f"add {leader}\n".encode())
            if is_new:
                self._pid = await self._read_pid(listening)
                await self._exec.inspect()  # For its PID on the engine's host.
            return listening

    async def give_up(self) -> None:
        """Have an exec ended whose connection has ended: soon it would end its cells."""
        async with self._lock:
            self._end_if_lost()

    async def look(self, leader: int) -> str | None:
        """Return what waiting.sh says of a cell; None where it guards no such cell, or has ended.

        Raises what the engine's verbs raise.
        """
        if leader not in self._leaders:
            return None
        async with self._lock:
            if self._exec is None or self._listening is None:
                return None
            if self._mark and await self._read_answer(self._listening) is None:
                return None
            self._mark = new_mark()
            await self._exec.write(f"waiting {leader} {self._mark}\n".encode())
            return await self._read_answer(self._listening)

    async def remove(self, leader: int) -> None:
        """Guard a cell no longer; the last one ends the guardian."""
        async with self._lock:
            self._leaders.discard(leader)
            if self._exec is None:
                return
            try:
                async with asyncio.timeout(_END_TIMEOUT):
                    if self._leaders:
                        await self._exec.write(f"del {leader}\n".encode())
                        return
                    await self._exec.write(b"end\n")
                    if self._listening is not None:
                        await self._listening
            except (DexecError, TimeoutError) as error:
                _log.info("The guardian of %s: %s", self._place.container_id, error)
                if not self._leaders:
                    self._leave()
            if not self._leaders:
                self._close()

    async def _listen(self, guardian: Exec) -> None:
        """Take all that it says, until it ends or says too much."""
        try:
            while len(self._said) <= _MAX_ANSWER and (frames := await guardian.read()):
                self._said += b"".join(frame.data for frame in frames)
                self._heard.set()
        except DexecError as error:
            _log.info("The guardian of %s: %s", self._place.container_id, error)
        finally:
            self._heard.set()

    async def _wait_until(
        self, listening: asyncio.Task[None], is_whole: Callable[[], bool]
    ) -> bool:
        """Wait until it has said what is waited for; return False if it ends before."""
        while not is_whole():
            if listening.done():
                return False
            self._heard.clear()
            await self._heard.wait()
        return True

    async def _read_answer(self, listening: asyncio.Task[None]) -> str | None:
        """Return the answer that is due; None if the guardian ends before."""
        mark = self._mark.encode()
        if not await self._wait_until(listening, lambda: self._said.count(mark) > 1):
            return None
        answer = self._said.split(mark)[1]
        self._mark, self._said = "", b""
        return answer.decode("utf-8", "replace")

    async def _read_pid(self, listening: asyncio.Task[None]) -> int | None:
        """Return the PID that the guardian names first, None if it ends before."""
        await self._wait_until(listening, lambda: b"\n" in self._said or len(self._said) > _MAX_PID)
        line, self._said = self._said.partition(b"\n")[0], b""
        return int(line) if line.isdigit() and len(line) <= _MAX_PID else None

    def _end_if_lost(self) -> None:
        if self._listening is not None and self._listening.done():
            self._leave()
            self._close()

    def _close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
        if self._exec is not None:
            self._exec.close()
        self._exec = self._listening = self._pid = None
        self._mark, self._said = "", b""

    def _leave(self) -> None:
        """Have it ended by others: nobody can tell it to end any more."""
        place = self._place
        self._leftovers.add(
            Leftover(
                *(place.container_id, place.started_at, place.shell, place.user),
                inner_pid=self._pid,
                pid=self._exec.pid if self._exec else None,
            )
        )
