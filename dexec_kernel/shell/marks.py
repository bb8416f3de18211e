"""What the driver tells the kernel in band, cut out of the stream again. No I/O."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

#: In bytes: no message of a driver is as long as this.
MAX_MESSAGE = 6 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Message:
    """The text between two marks."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of one exec.

    ``greeting`` stands in the environment of the shell, and is believed until the shell has its
    cell. ``secret`` is sent to the shell's stdin and stands nowhere where a cell could meet it.
    They are the same where stdin does not work, or is a terminal.
    """

    greeting: str
    secret: str = field(repr=False)

    @classmethod
    def new(cls, *, stdin: bool = True) -> Marks:
        """Return marks for an exec; without a ``stdin`` for the cell they are the same."""
        greeting = new_mark()
        return cls(greeting, new_mark() if stdin else greeting)


def new_mark() -> str:
    """Return a random 128-bit mark. Output contains it only if the program was told it."""
    return f"dexec:{secrets.token_hex(16)}:"


class MarkScanner:
    """Splits a stream into its own bytes and the messages between two marks that are the same.

    Only as many bytes are held back as could be the beginning of a mark. A message that is not
    finished, or is longer than any of a driver, is dropped: nobody is to see it.
    """

    def __init__(self, *marks: str, limit: int = MAX_MESSAGE) -> None:
        self._marks = [mark.encode("ascii") for mark in dict.fromkeys(marks)]
        self._limit = limit
        self._buffer = bytearray()
        #: The mark that a message has begun with, while one is read; how much of it is searched.
        self._inside: bytes | None = None
        self._searched = 0
        self._is_too_long = False

    def only(self, mark: str) -> None:
        """Look for this mark alone from here on. Call it between two items, outside a message."""
        self._marks = [mark.encode("ascii")]

    def feed(self, data: bytes) -> Iterator[bytes | Message]:
        """Take the next bytes; return what is certain by now, in order, nothing empty."""
        if not self._buffer and self._inside is None and self._is_free_of_marks(data):
            return iter((data,) if data else ())
        self._buffer += data
        return self._items()

    def finish(self) -> bytes:
        """Take the end of the stream; return what was held back and turns out to be output."""
        rest = b"" if self._inside else bytes(self._buffer)
        self._buffer.clear()
        self._inside, self._searched = None, 0
        return rest

    def _items(self) -> Iterator[bytes | Message]:
        while True:
            if self._inside is None:
                begun = self._next_mark()
                if begun is None:
                    break
                position, self._inside = begun
                output = self._cut(position, self._inside)
                if output:
                    yield output
            end = self._buffer.find(self._inside, self._searched)
            if end < 0:
                self._searched = max(0, len(self._buffer) - len(self._inside) + 1)
                if len(self._buffer) > self._limit:
                    self._is_too_long = True
                    del self._buffer[: self._searched]
                    self._searched = 0
                return
            said = self._cut(end, self._inside)
            message = Message(b"" if self._is_too_long else said)
            self._inside, self._is_too_long = None, False
            yield message
        certain = len(self._buffer) - self._possible_mark()
        if certain:
            yield self._cut(certain, b"")

    def _next_mark(self) -> tuple[int, bytes] | None:
        found = [(self._buffer.find(mark), mark) for mark in self._marks]
        return min((item for item in found if item[0] >= 0), default=None)

    def _cut(self, position: int, mark: bytes) -> bytes:
        """Take what is before ``position`` from the buffer, and the mark that stands there."""
        part = bytes(self._buffer[:position])
        del self._buffer[: position + len(mark)]
        self._searched = 0
        return part

    def _is_free_of_marks(self, data: bytes) -> bool:
        """Whether there is no mark in ``data``, nor the beginning of one at its end."""
        for mark in self._marks:
            # One letter is found ten times as fast as a word, and most output is without it.
            if mark[-1:] in data and mark in data:
                return False
        return not _begun(data, self._marks)

    def _possible_mark(self) -> int:
        """Return how many bytes at the end may be the beginning of a mark."""
        return _begun(self._buffer, self._marks)


def _begun(data: bytes | bytearray, marks: Sequence[bytes]) -> int:
    """Return how many bytes at the end of ``data`` may be the beginning of a mark."""
    longest = 0
    for mark in marks:
        end = data[-(len(mark) - 1) :]
        # All begin with the same letter, which few ends have.
        start = end.find(mark[:1])
        while start >= 0 and not mark.startswith(end[start:]):
            start = end.find(mark[:1], start + 1)
        if start >= 0:
            longest = max(longest, len(end) - start)
    return longest
