"""Removes the driver's in-band messages from a stream. No I/O."""

from __future__ import annotations

import secrets
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """The text between two marks."""

    data: bytes


def new_mark() -> str:
    """Return a mark that no output contains but by being told it: 128 random bits."""
    return f"dexec:{secrets.token_hex(16)}:"


class MarkScanner:
    """Splits a stream into output and the messages between marks.

    Only bytes that could be the beginning of a mark are held back. After the announced number of
    ``messages`` the search ends: a cell that prints the arguments of its own process (`ps >&2`)
    prints marks, which are then ordinary output.
    """

    def __init__(self, mark: str, *, messages: int = 1) -> None:
        self._mark = mark.encode("ascii")
        self._expected = messages
        self._buffer = b""
        self._inside = False

    def feed(self, data: bytes) -> list[bytes | Message]:
        """Take the next bytes; return what is certain by now, in order, nothing empty."""
        if not self._expected:
            return [data] if data else []
        buffer = self._buffer + data
        items: list[bytes | Message] = []
        position = 0
        while self._expected and (found := buffer.find(self._mark, position)) >= 0:
            part = buffer[position:found]
            if self._inside:
                items.append(Message(part))
                self._expected -= 1
            elif part:
                items.append(part)
            self._inside = not self._inside
            position = found + len(self._mark)
        rest = buffer[position:]
        if not self._inside:
            kept = self._possible_mark(rest) if self._expected else 0
            if len(rest) > kept:
                items.append(rest[: len(rest) - kept])
            rest = rest[len(rest) - kept :]
        self._buffer = rest
        return items

    def finish(self) -> bytes:
        """Take the end of the stream; return what was held back and turns out to be output."""
        rest = (self._mark if self._inside else b"") + self._buffer
        self._buffer, self._inside = b"", False
        return rest

    def _possible_mark(self, data: bytes) -> int:
        """Return how many bytes at the end of ``data`` may be the beginning of a mark."""
        for length in range(min(len(self._mark) - 1, len(data)), 0, -1):
            if data.endswith(self._mark[:length]):
                return length
        return 0
