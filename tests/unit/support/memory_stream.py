"""A connection's bytes without a connection."""

from __future__ import annotations

from collections.abc import Iterable

from dexec_kernel.errors import EngineUnavailable


class MemoryStream:
    """Gives the ``pieces`` one a read, then the end, or a lost connection."""

    def __init__(self, pieces: Iterable[bytes], *, lost: bool = False) -> None:
        self._pieces = list(pieces)
        self._lost = lost
        self.sent = b""
        self.ended = False
        self.closed = 0

    async def read(self) -> bytes:
        if self._pieces:
            return self._pieces.pop(0)
        if self._lost:
            raise EngineUnavailable("The connection to the engine was lost: reset.")
        return b""

    async def write(self, data: bytes) -> None:
        assert not self.ended
        self.sent += data

    async def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed += 1
