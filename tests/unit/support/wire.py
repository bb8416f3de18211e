"""Bytes as an engine sends them."""

from __future__ import annotations

import struct

from dexec_kernel.backend.models import Stream

SWITCHED = (
    b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
    b"Connection: Upgrade\r\nUpgrade: tcp\r\nApi-Version: 1.41\r\n\r\n"
)
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def frame(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxI", stream, len(data)) + data


def out(data: bytes) -> bytes:
    return frame(Stream.STDOUT, data)


def err(data: bytes) -> bytes:
    return frame(Stream.STDERR, data)


def fault(text: bytes) -> bytes:
    return frame(Stream.SYSTEM_ERROR, text)


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"
