"""Processes that could not be ended: remembered, and ended as soon as they can be.

No exec starts in a paused container, or on an engine that hangs or is gone. An engine that comes
back with live-restore keeps the execs of before, and forgets their connections: a standby and a
guardian would wait there for ever.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from dexec_kernel.backend.models import ContainerInspect, ExecState
from dexec_kernel.backend.protocol import Backend
from dexec_kernel.cells.signals import Signaller
from dexec_kernel.cells.signals.ladder import Ladder
from dexec_kernel.cells.signals.ways import find_signaller, host_signaller
from dexec_kernel.errors import ContainerNotFound, DexecError, ExecNotFound
from dexec_kernel.shell.commands import Shell

_log = logging.getLogger(__name__)

#: In seconds: the first pause between two attempts, and the longest.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
#: In seconds: after this the PIDs of a busy container may be others'.
_FORGET_AFTER = 3600.0
#: How many are remembered at most for the kernel's end; the oldest are forgotten.
_MOST = 100


@dataclass(frozen=True, slots=True)
class Leftover:
    """The processes of one exec, by its PID in the container and on the engine's host.

    ``started_at`` is the container's: its processes do not outlive a restart. ``grace`` is in
    seconds, between SIGINT, SIGTERM and SIGKILL; None sends nothing but SIGKILL. The engine is
    asked about ``exec_id`` where neither PID is known: it may yet start the exec.
    """

    container_id: str
    started_at: str
    shell: Shell
    user: str
    inner_pid: int | None
    pid: int | None
    grace: float | None = None
    exec_id: str | None = None

    @property
    def has_pid(self) -> bool:
        """Whether one of its PIDs is known."""
        return self.inner_pid is not None or self.pid is not None


class Leftovers:
    """Owns what is left to be ended. Everything happens on one event loop.

    ``connect`` returns the engine, which may be another client after each failure.
    """

    def __init__(self, connect: Callable[[], Awaitable[Backend]] | None = None) -> None:
        self._connect = connect
        self._since: dict[Leftover, float] = {}
        self._at_end: dict[Leftover, None] = {}
        self._work: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    @property
    def count(self) -> int:
        """How many there are that are to be ended now."""
        return len(self._since)

    def add(self, leftover: Leftover, *, at_end: bool = False) -> None:
        """End these processes as soon as possible, or ``at_end``, with the kernel."""
        if self._connect is None or not (leftover.has_pid or leftover.exec_id):
            return
        if at_end:
            self._at_end[leftover] = None
            while len(self._at_end) > _MOST:
                del self._at_end[next(iter(self._at_end))]
            return
        loop = asyncio.get_running_loop()
        self._since[leftover] = loop.time()
        self._news.set()
        if self._work is None or self._work.done():
            self._work = loop.create_task(self._go_on())

    def hint(self) -> None:
        """Try again soon: the engine answers, and a container runs."""
        self._news.set()

    def discard(self, leftover: Leftover | None) -> None:
        """Forget processes that have ended; None is never remembered."""
        if leftover is not None:
            self._since.pop(leftover, None)
            self._at_end.pop(leftover, None)

    async def aclose(self) -> None:
        """Try once more, with SIGKILL, for all that is left, and end."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        left = self._at_end.keys() | self._since.keys()
        self._since.clear()
        self._at_end.clear()
        await asyncio.gather(*(self._last(leftover) for leftover in left))

    async def _go_on(self) -> None:
        pause, loop = _FIRST_PAUSE, asyncio.get_running_loop()
        while self._since:
            for leftover, since in list(self._since.items()):
                if await self._end(leftover) or loop.time() - since > _FORGET_AFTER:
                    self._since.pop(leftover, None)
            if not self._since:
                return
            self._news.clear()
            try:
                async with asyncio.timeout(pause):
                    await self._news.wait()
                pause = _FIRST_PAUSE
            except TimeoutError:
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _end(self, leftover: Leftover) -> bool:
        """Try to end the processes; return whether there is nothing to be ended any more."""
        try:
            backend, container = await self._look(leftover)
            if not container.running or container.started_at != leftover.started_at:
                return True
            located = await _located(backend, leftover)
        except (ContainerNotFound, ExecNotFound):
            return True
        except DexecError as error:
            _log.debug("Processes wait for their end: %s", error.message)
            return False
        if located is None or container.paused or not located.has_pid:
            return located is None
        return await self._climb(backend, located)

    @staticmethod
    async def _climb(backend: Backend, leftover: Leftover) -> bool:
        """Send the signals; return whether nothing is left."""
        ladder = Ladder(leftover.grace or 0.0)
        if leftover.grace is None:
            ladder.kill()
        never = asyncio.create_task(asyncio.Event().wait())
        try:
            signaller = _signaller(backend, leftover)
            return not (await ladder.climb(signaller, never)).survivors
        except DexecError as error:
            _log.info("Processes that were to end go on: %s", error.message)
            return False
        finally:
            never.cancel()

    async def _last(self, leftover: Leftover) -> None:
        """Kill the processes from this machine where they run on it: it needs no engine."""
        try:
            host = host_signaller(leftover.pid, leftover.container_id)
            if host is not None and not await self._is_remote():
                await host.send("KILL")
                return
            backend, container = await self._look(leftover)
            located = await _located(backend, leftover)
            runs = container.running and container.started_at == leftover.started_at
            if runs and located is not None and located.has_pid:
                await _signaller(backend, located).send("KILL")
        except (ContainerNotFound, ExecNotFound):
            return
        except DexecError as error:
            _log.warning("Processes go on after the kernel's end: %s", error.message)

    async def _is_remote(self) -> bool:
        assert self._connect is not None  # noqa: S101 -- nothing is added without it
        try:
            return (await self._connect()).is_remote
        except DexecError:  # No engine is found: none that was named.
            return False

    async def _look(self, leftover: Leftover) -> tuple[Backend, ContainerInspect]:
        assert self._connect is not None  # noqa: S101 -- nothing is added without it
        backend = await self._connect()
        return backend, await backend.container_inspect(leftover.container_id)


async def _located(backend: Backend, leftover: Leftover) -> Leftover | None:
    """Return it with a PID, or without one where its exec has not started; None if that has ended.

    Raises what the engine's inspect raises.
    """
    if leftover.has_pid or leftover.exec_id is None:
        return leftover
    inspect = await backend.container_exec_inspect(leftover.exec_id)
    if inspect.state is ExecState.EXITED:
        return None
    return replace(leftover, pid=inspect.pid)


def _signaller(backend: Backend, leftover: Leftover) -> Signaller:
    """Return the way to signal what is left. Raises :class:`SignalError` if there is no way."""
    return find_signaller(
        *(backend, leftover.container_id, leftover.shell),
        inner_pid=leftover.inner_pid,
        pid=leftover.pid,
        user=leftover.user,
    )
