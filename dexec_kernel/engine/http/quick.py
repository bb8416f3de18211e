"""A request in one write, and a short answer that has come in one piece. No I/O.

Engines send the JSON that cells wait for in one piece, and h11 takes as long to read it as the
engine to make it. What is not exactly such an answer, is h11's to read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dexec_kernel.engine.http.answer import Answer
from dexec_kernel.engine.http.stream import ByteStream
from dexec_kernel.errors import ProtocolError

#: In bytes: a longer head is h11's to read, or to refuse.
MAX_HEAD = 8 * 1024

_NEWLINE, _END = b"\r\n", b"\r\n\r\n"
_MAX_DIGITS = 9
_line = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ \t]*[ -~]*\r\n"
_head = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) [ -~]*\r\n((?:" + _line + rb")*)\r\n")
_chunk = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
_target = re.compile(r"[!-~]+")
_value = re.compile(r"[!-~]([ -~]*[!-~])?")
#: Answers with one of these headers do not end as the others do, or their connection does.
_SPECIAL = frozenset({"connection", "upgrade", "trailer"})
_FIRST_FINAL = 200
_WITHOUT_BODY = frozenset({204, 304})


class Head(NamedTuple):
    """The head of an answer. ``size`` is its own, in bytes."""

    status: int
    headers: Mapping[str, str]
    size: int


class Unread:
    """A stream of which ``data`` has been read before."""

    def __init__(self, stream: ByteStream, data: bytes) -> None:
        self._stream = stream
        self._data: bytes | None = data

    async def read(self) -> bytes:
        """Return that data first, then what the stream has."""
        if self._data is not None:
            data, self._data = self._data, None
            return data
        return await self._stream.read()


def request_bytes(
    method: str, target: str, headers: Sequence[tuple[str, str]], content: bytes = b""
) -> bytes:
    """Return a whole request. Raises :class:`ProtocolError` for what cannot be sent."""
    values = [value for _, value in headers]
    if not _target.fullmatch(target) or not all(map(_value.fullmatch, values)):
        raise ProtocolError(f"The engine cannot be asked for {target!r} ({', '.join(values)}).")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("ascii") + content


def head_of(data: bytes) -> Head | None:
    """Return the head that ``data`` begins with; None where it is not whole, or not usual."""
    end = data.find(_END, 0, MAX_HEAD)
    if end < 0 or (match := _head.fullmatch(data, 0, end + len(_END))) is None:
        return None
    headers: dict[str, str] = {}
    for line in match[2].decode("ascii").splitlines():
        name, _, value = line.partition(":")
        if (name := name.lower()) in headers:
            return None
        headers[name] = value.strip()
    return Head(int(match[1]), headers, match.end())


def whole_answer(data: bytes) -> Answer | None:
    """Return the answer that ``data`` is exactly; None for one that h11 is to read."""
    head = head_of(data)
    if head is None or head.status < _FIRST_FINAL or head.status in _WITHOUT_BODY:
        return None
    headers = head.headers
    if not _SPECIAL.isdisjoint(headers):
        return None
    if "transfer-encoding" not in headers:
        length = headers.get("content-length", "")
        is_whole = length.isdecimal() and len(length) <= _MAX_DIGITS
        is_whole = is_whole and len(data) - head.size == int(length)
        body = data[head.size :] if is_whole else None
    elif headers["transfer-encoding"] == "chunked" and "content-length" not in headers:
        body = _unchunked(data, head.size)
    else:
        body = None
    return None if body is None else Answer(head.status, headers, body)


def _unchunked(data: bytes, position: int) -> bytes | None:
    """Return the body that the rest of ``data`` is; None where it is none, or not whole."""
    parts: list[bytes] = []
    while (match := _chunk.match(data, position)) is not None:
        begin, size = match.end(), int(match[1], 16)
        position = begin + size + len(_NEWLINE)
        if data[begin + size : position] != _NEWLINE:
            return None
        if not size:
            return b"".join(parts) if position == len(data) else None
        parts.append(data[begin : begin + size])
    return None
