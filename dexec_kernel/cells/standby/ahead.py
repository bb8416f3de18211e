"""An attached connection that is read before its user comes; what was read is given again."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from dexec_kernel.backend.models import Frame
from dexec_kernel.backend.protocol import Attached
from dexec_kernel.errors import DexecError


class ReadAhead:
    """Wraps an attached connection, and is one.

    The first owner calls :meth:`read_ahead` for what it needs to see, then :meth:`watch`: from then
    on :attr:`is_silent` tells whether anything more has come, the end of the stream included. The
    second owner reads as if nobody had before.
    """

    def __init__(self, connection: Attached) -> None:
        self._connection = connection
        self._frames: list[Frame] = []
        self._next: asyncio.Task[list[Frame]] | None = None
        self.upgraded = connection.upgraded

    async def read_ahead(self) -> list[Frame]:
        """Return the next frames, which :meth:`read` will return too. Raises as that does."""
        frames = await self._connection.read()
        self._frames += frames
        return frames

    def watch(self) -> None:
        """Wait for what comes next, beside whatever happens until it is read."""
        self._next = asyncio.create_task(self._connection.read())

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
        return await self._connection.read()

    async def write(self, data: bytes) -> None:
        """Send to the process's stdin."""
        await self._connection.write(data)

    async def close_write(self) -> None:
        """Give the process end of file."""
        await self._connection.close_write()

    def close(self) -> None:
        """Close the connection, which ends the wait that :meth:`watch` has begun."""
        self._connection.close()

    async def aclose(self) -> None:
        """Close the connection, and see that wait to its end."""
        self.close()
        if self._next is not None:
            with suppress(DexecError):  # Nobody needs to know any more.
                await self._next
