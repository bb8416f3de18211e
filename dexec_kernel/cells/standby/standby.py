"""A standby: an exec that is started ahead, whose shell waits on its stdin for a cell.

An engine needs 30 to 60 ms to start a process. A standby has started and restored the session's
state before its cell arrives. It is an ordinary exec with its own PID and exit code; it ends when
its stdin does, and therefore with the kernel.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from dexec_kernel.backend.models import (
    ConsoleSize,
    ContainerInspect,
    ExecConfig,
    ExecInspect,
    Frame,
    Stream,
)
from dexec_kernel.backend.protocol import Backend, Exec
from dexec_kernel.cells.command import standby_config
from dexec_kernel.cells.driver import greeting_pid
from dexec_kernel.cells.signals.leftovers import Leftover
from dexec_kernel.errors import CommandNotStarted, DexecError, EngineError
from dexec_kernel.shell.commands import Shell
from dexec_kernel.shell.marks import Marks, MarkScanner, Message
from dexec_kernel.shell.state import ShellState

_log = logging.getLogger(__name__)

#: In seconds: for an engine to start a process.
_START_TIMEOUT = 10.0
#: In bytes: what a shell may print before its first word. Its cell gets to see it.
_MAX_AHEAD = 1024 * 1024


class ReadAhead:
    """Wraps an exec, and is one.

    The first owner calls :meth:`read_ahead` for the frames that it needs, then :meth:`watch`: from
    then on :attr:`is_silent` is false once anything has arrived, the end of the stream included.
    The second owner reads the stream from its beginning.
    """

    def __init__(self, attached: Exec) -> None:
        self._exec = attached
        self._frames: list[Frame] = []
        self._next: asyncio.Task[list[Frame]] | None = None

    @property
    def id(self) -> str:
        """The engine's name for the exec."""
        return self._exec.id

    @property
    def pid(self) -> int | None:
        """The process's id on the engine's host, None while that is not known."""
        return self._exec.pid

    @property
    def upgraded(self) -> bool:
        """False where what is written does not arrive."""
        return self._exec.upgraded

    @property
    def tells_pid(self) -> bool:
        """Whether the engine tells the PID."""
        return self._exec.tells_pid

    @property
    def half_closes(self) -> bool:
        """Whether stdin can be ended."""
        return self._exec.half_closes

    async def read_ahead(self) -> list[Frame]:
        """Return the next frames, which :meth:`read` will return too. Raises as that does."""
        frames = await self._exec.read()
        self._frames += frames
        return frames

    def watch(self) -> None:
        """Wait for what comes next, beside whatever happens until it is read."""
        self._next = asyncio.create_task(self._exec.read())

    @property
    def is_silent(self) -> bool:
        """True while nothing has come since :meth:`watch`, and the stream has not ended."""
        return self._next is not None and not self._next.done()

    async def read(self) -> list[Frame]:
        """Return the next frames; an empty list at the end."""
        if self._frames:
            frames, self._frames = self._frames, []
            return frames
        if self._next is not None:
            coming, self._next = self._next, None
            return await coming
        return await self._exec.read()

    async def write(self, data: bytes) -> None:
        """Send to the process's stdin."""
        await self._exec.write(data)

    async def close_write(self) -> None:
        """Give the process end of file."""
        await self._exec.close_write()

    async def resize(self, size: ConsoleSize) -> None:
        """Set the size of the Tty."""
        await self._exec.resize(size)

    async def inspect(self) -> ExecInspect:
        """Look at the exec."""
        return await self._exec.inspect()

    async def wait(self) -> ExecInspect:
        """Return how the exec ended, once its stream has."""
        return await self._exec.wait()

    def why_not_started(self, inspect: ExecInspect, printed: bytes) -> CommandNotStarted | None:
        """Return why the command was not started, None where it was."""
        return self._exec.why_not_started(inspect, printed)

    def close(self) -> None:
        """Close the connection, which ends the wait that :meth:`watch` has begun."""
        self._exec.close()

    async def aclose(self) -> None:
        """Close the connection, and wait until that wait has ended."""
        self.close()
        if self._next is not None:
            with suppress(DexecError):  # Nobody needs to know any more.
                await self._next


@dataclass(frozen=True, slots=True)
class Standby:
    """An exec that waits for its cell. ``state`` is its shell's initial session state, or None.

    ``inner_pid`` is its shell's PID in the container. Its owner closes the exec, which ends it
    while it waits.
    """

    exec: ReadAhead
    config: ExecConfig
    marks: Marks
    shell: Shell
    state: ShellState | None
    inner_pid: int | None = None

    @property
    def waits(self) -> bool:
        """True while it is waiting. False once it has sent anything or its stream has ended."""
        return self.exec.is_silent


@dataclass(frozen=True, slots=True)
class Place:
    """One run of a container: a standby does not outlive it."""

    container_id: str
    started_at: str

    @classmethod
    def of(cls, container: ContainerInspect) -> Place:
        """Return where a container's standbys are."""
        return cls(container.id, container.started_at)

    def leftover(self, standby: Standby) -> Leftover:
        """Return what is to be ended where a standby here goes on without its connection."""
        return Leftover(
            *(self.container_id, self.started_at, standby.shell, standby.config.user),
            inner_pid=standby.inner_pid,
            pid=standby.exec.pid,
        )


async def open_standby(
    backend: Backend,
    container: ContainerInspect,
    shells: Sequence[Shell],
    state: ShellState | None,
    *,
    is_urgent: bool,
) -> Standby | None:
    """Start a standby with the first of the shells that starts; return None if all fail.

    With ``is_urgent`` its PID is not asked for now; the inspect at the end of its cell has it.
    """
    for shell in shells:
        if shell is Shell.NONE:
            break
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                standby = await _open(backend, container, shell, state, is_urgent=is_urgent)
        except (DexecError, TimeoutError) as error:
            # The next cell says what is wrong, if it still is then.
            _log.info("No standby in %s: %s", container.name, error)
            return None
        if standby is not None:
            return standby
    return None


async def _open(
    backend: Backend,
    container: ContainerInspect,
    shell: Shell,
    state: ShellState | None,
    *,
    is_urgent: bool,
) -> Standby | None:
    marks = Marks.new()
    config = standby_config(shell, state, marks).with_defaults(container.exec_defaults)
    attached = ReadAhead(await backend.exec(container.id, config))
    try:
        if (greeting := await _greeting(attached, marks.greeting)) is not None:
            if not is_urgent:
                await attached.inspect()
            attached.watch()
            return Standby(attached, config, marks, shell, state, greeting_pid(greeting))
    except BaseException:
        attached.close()
        raise
    attached.close()
    return None


async def _greeting(attached: ReadAhead, mark: str) -> bytes | None:
    """Return the driver's first words; None when the stream ends before.

    Raises :class:`EngineError` where it could not hear.
    """
    if not attached.upgraded:
        raise EngineError("Something between this kernel and the engine passes no stdin on.")
    scanner = MarkScanner(mark)
    size = 0
    while frames := await attached.read_ahead():
        size += sum(len(frame.data) for frame in frames)
        if size > _MAX_AHEAD:
            raise EngineError(f"The shell prints more than {_MAX_AHEAD:,} bytes as it starts.")
        for frame in frames:
            if frame.stream is not Stream.STDERR:
                continue
            for item in scanner.feed(frame.data):
                if isinstance(item, Message):
                    return item.data
    return None
