"""Frames of a WebSocket, as a server sends them."""

from __future__ import annotations

import struct

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


def ws(data: bytes, opcode: int = BINARY, *, fin: bool = True) -> bytes:
    """A frame as a server sends it."""
    head = bytes([fin << 7 | opcode])
    if len(data) < 126:
        return head + bytes([len(data)]) + data
    if len(data) < 1 << 16:
        return head + struct.pack("!BH", 126, len(data)) + data
    return head + struct.pack("!BQ", 127, len(data)) + data
