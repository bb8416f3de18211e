"""An exec that is read before its user comes; what was read is given again."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from dexec_kernel.backend.models import ConsoleSize, ExecInspect, Frame
from dexec_kernel.backend.protocol import Exec
from dexec_kernel.errors import CommandNotStarted, DexecError


class ReadAhead:
    """Wraps an exec, and is one.

    The first owner calls :meth:`read_ahead` for what it needs to see, then :meth:`watch`: from then
    on :attr:`is_silent` tells whether anything more has come, the end of the stream included. The
    second owner reads as if nobody had before.
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
