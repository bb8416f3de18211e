"""SPDY/3.1 as a client of a kubelet's streaming server needs it; no I/O.

Streams are opened, written, half-closed and read. Flow control is left out, as the server leaves
it out. Source: SPDY Protocol, Draft 3.1, 2.2 "Framing", 2.6 "Control frames".
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_VERSION = 3
_SYN_STREAM, _RST_STREAM, _PING = 1, 3, 6
_FIN = 0x01
_HEAD = 8
_LARGEST_DATA = 1 << 16


@dataclass(frozen=True)
class Data:
    """Bytes of a stream; ``fin`` if they are its last."""

    stream: int
    data: bytes
    fin: bool


@dataclass(frozen=True)
class Reset:
    """A stream that the server has given up."""

    stream: int


class SpdyError(Exception):
    """The server's bytes are not SPDY/3.1."""


class SpdyClient:
    """One connection. Methods return bytes to send; :meth:`receive` yields what has come."""

    def __init__(self) -> None:
        self._next = 1
        # Without the protocol's dictionary: zlib's header tells the server so. Headers of the
        # server are compressed with it, but nothing in them is needed here.
        self._compressor = zlib.compressobj()
        self._buffer = bytearray()

    def open(self, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Open a stream; return its number and the frame."""
        number, self._next = self._next, self._next + 2
        block = struct.pack(">I", len(headers))
        for name, value in headers.items():
            for text in (name.encode(), value.encode()):
                block += struct.pack(">I", len(text)) + text
        packed = self._compressor.compress(block) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
        return number, _control(_SYN_STREAM, struct.pack(">IIH", number, 0, 0) + packed)

    def send(self, stream: int, data: bytes, *, fin: bool = False) -> bytes:
        """Return the frames for bytes of a stream; ``fin`` closes it for writing."""
        pieces = [data[at : at + _LARGEST_DATA] for at in range(0, len(data), _LARGEST_DATA)]
        frames = [struct.pack(">II", stream, len(piece)) + piece for piece in pieces]
        if fin:
            frames.append(struct.pack(">II", stream, _FIN << 24))
        return b"".join(frames)

    def receive(self, data: bytes) -> Iterator[Data | Reset | bytes]:
        """Take the server's bytes; yield events, and bytes to send back. Raises SpdyError."""
        self._buffer += data
        while len(self._buffer) >= _HEAD:
            first, second = struct.unpack_from(">II", self._buffer)
            flags, size = second >> 24, second & 0xFFFFFF
            if len(self._buffer) < _HEAD + size:
                return
            body = bytes(self._buffer[_HEAD : _HEAD + size])
            del self._buffer[: _HEAD + size]
            if not first >> 31:
                yield Data(first, body, bool(flags & _FIN))
                continue
            if first >> 16 & 0x7FFF != _VERSION:
                raise SpdyError(f"version {first >> 16 & 0x7FFF} of SPDY")
            yield from self._control(first & 0xFFFF, body, fin=bool(flags & _FIN))

    def _control(self, kind: int, body: bytes, *, fin: bool) -> Iterator[Data | Reset | bytes]:
        if kind == _RST_STREAM:
            yield Reset(struct.unpack_from(">I", body)[0])
        elif kind == _PING and not struct.unpack_from(">I", body)[0] % 2:
            yield _control(_PING, body)
        elif fin:  # a SYN_REPLY or HEADERS that ends its stream
            yield Data(struct.unpack_from(">I", body)[0], b"", fin=True)


def _control(kind: int, body: bytes) -> bytes:
    return struct.pack(">HHI", 0x8000 | _VERSION, kind, len(body)) + body
