"""Bounding a cell's output to a head and a tail. No I/O and no clock.

Sizes are those of the text in Jupyter's messages: JSON in UTF-8, in which quotes and newlines take
two bytes and other control characters six. Bytes that are not UTF-8 become U+FFFD, three bytes
each.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

#: In bytes: the tail is sent at once, and so it stays small however high the limit is.
MAX_TAIL = 1024 * 1024
#: In bytes: what a change from one stream to the other counts besides, since it makes a message.
SWITCH = 32
#: In bytes: how far a cut is moved so that it falls between two lines.
_LINE_REACH = 64 * 1024
#: In bytes: small pieces are put together up to this.
_CHUNK = 32 * 1024
#: Where the limit allows: what the line about the omission may take.
_NOTICE = 1024

_TWO_BYTES = b'"\\\n\r\t\b\f'
_SIX_BYTES = bytes(code for code in range(32) if code not in _TWO_BYTES)
_MAX_CONTINUATION = 3


def json_size(data: bytes) -> int:
    """Return the number of bytes that ``data`` takes in a message, at least its own length.

    A character that is cut at either end counts as its replacement.
    """
    try:
        data.decode()
    except UnicodeDecodeError:
        data = data.decode("utf-8", "replace").encode()
    size = len(data)
    two, six = (size - len(data.translate(None, those)) for those in (_TWO_BYTES, _SIX_BYTES))
    return size + two + 5 * six


@dataclass(slots=True)
class Omission:
    """The omission between head and tail: ``size`` in bytes, ``lines`` in newlines."""

    size: int = 0
    lines: int = 0
    streams: set[str] = field(default_factory=set)

    def add(self, stream: str, data: bytes | bytearray) -> None:
        """Count ``data`` as left out."""
        if data:
            self.size += len(data)
            # Looking for one takes a tenth of the time of counting.
            self.lines += data.count(b"\n") if b"\n" in data else 0
            self.streams.add(stream)


@dataclass(slots=True)
class _Chunk:
    stream: str
    data: bytes | bytearray
    #: Its size in addition to its data.
    switch: int

    @property
    def size(self) -> int:
        return len(self.data) + self.switch


class Limiter:
    """Lets a cell's first bytes through and keeps its last ones, together at most ``limit``.

    ``limit`` is in bytes, as :func:`json_size` counts; 0 lets everything through. The order of
    the streams is kept, every byte is passed on, kept, or counted in :attr:`omitted`, and the
    memory that is taken is that of the tail.
    """

    def __init__(self, limit: int) -> None:
        self._unlimited = limit <= 0
        self._tail_limit = min(MAX_TAIL, limit // 2)
        self._head_room = limit - self._tail_limit - min(_NOTICE, limit // 64)
        # So that the number of messages is bounded too: the browser feels each of them.
        self._switch = min(SWITCH, limit // 2048)
        self._last = ""
        self._owed = {"stdout": 0, "stderr": 0}
        self._tail: deque[_Chunk] = deque()
        self._tail_size = 0
        self.head_is_full = False
        self.omitted = Omission()

    def feed(self, stream: str, data: bytes) -> bytes:
        """Take bytes of ``stream``; return those of them, from the first on, that are the head."""
        if self._unlimited or not data:
            return data
        if self.head_is_full:
            # A character that the head has begun is finished there.
            end = _continuation(data, self._owed[stream]) if self._owed[stream] else 0
        else:
            end = self._head_end(stream, data)
        head, rest = (data, b"") if end == len(data) else (data[:end], data[end:])
        if head or not self.head_is_full:
            self._owed[stream] = _owed(head, self._owed[stream])
        if rest:  # The head is full.
            self._owed[stream] = 0
            self._keep(stream, rest)
        return head

    def end_head(self) -> None:
        """Let nothing more through: what follows is the tail, or left out."""
        self.head_is_full = not self._unlimited

    def finish(self, room: int | None = None) -> list[tuple[str, bytes]]:
        """Return the tail, and complete :attr:`omitted`; ``room`` in bytes makes it shorter."""
        room = self._tail_limit if room is None else min(room, self._tail_limit)
        later = ""
        kept: deque[tuple[str, bytes]] = deque()
        while self._tail:
            chunk = self._tail.pop()
            data = bytes(chunk.data)
            switch = self._switch if later not in ("", chunk.stream) else 0
            size = json_size(data) + switch
            if size > room:
                begin = self._tail_begin(data, room - switch)
                self._omit(chunk.stream, data[:begin])
                if begin < len(data):
                    kept.appendleft((chunk.stream, data[begin:]))
                break
            kept.appendleft((chunk.stream, data))
            room -= size
            later = chunk.stream
        for chunk in self._tail:
            self._omit(chunk.stream, bytes(chunk.data))
        self._tail.clear()
        return [(stream, data) for stream, data in self._whole_characters(kept) if data]

    def _head_end(self, stream: str, data: bytes) -> int:
        """Return how much of ``data`` still belongs to the head; close it when that is not all."""
        room = self._head_room - (self._switch if self._last not in ("", stream) else 0)
        size = json_size(data)
        if size <= room:
            self._head_room = room - size
            self._last = stream
            return len(data)
        self.head_is_full = True
        end = most(len(data), lambda count: json_size(data[:count]) <= room)
        newline = data.rfind(b"\n", max(0, end - _LINE_REACH), end)
        if newline >= 0:
            end = newline + 1
        elif begun := _begun(data[:end]):
            end -= begun
        # The tail gets the rest of the head's room, so that output within the limit is complete.
        self._tail_limit += max(0, room - json_size(data[:end]))
        # A character that was begun in an earlier piece is finished.
        return max(end, _continuation(data, self._owed[stream]))

    def _keep(self, stream: str, data: bytes) -> None:
        """Put ``data`` at the end of the tail, and drop from its front what cannot be shown."""
        last = self._tail[-1] if self._tail else None
        is_same = last is not None and last.stream == stream
        if last is not None and is_same and len(last.data) + len(data) <= _CHUNK:
            if isinstance(last.data, bytes):
                last.data = bytearray(last.data)
            last.data += data
        else:
            switch = 0 if last is None or is_same else max(self._switch, 1)
            self._tail.append(_Chunk(stream, data, switch))
            self._tail_size += switch
        self._tail_size += len(data)
        # At least the limit remains, since the size in a message is never below the byte count.
        while self._tail_size - self._tail[0].size >= self._tail_limit + SWITCH:
            first = self._tail.popleft()
            self._tail_size -= first.size
            self._omit(first.stream, first.data)

    def _tail_begin(self, data: bytes, room: int) -> int:
        """Return from where on ``data`` fits into ``room``, at the beginning of a line if near."""
        size = len(data)
        begin = size - most(size, lambda count: json_size(data[size - count :]) <= room)
        newline = data.find(b"\n", begin, begin + _LINE_REACH)
        # The end of the last line begins none.
        return begin if newline in (-1, size - 1) else newline + 1

    def _whole_characters(self, kept: deque[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
        """Begin each stream of which something was left out with a whole character."""
        cut = set(self.omitted.streams)
        for stream, data in kept:
            skip = 0
            if stream in cut:
                cut.remove(stream)
                skip = _continuation(data, _MAX_CONTINUATION)
                self._omit(stream, data[:skip])
            yield stream, data[skip:]

    def _omit(self, stream: str, data: bytes | bytearray) -> None:
        self.omitted.add(stream, data)


def most(size: int, fits: Callable[[int], bool]) -> int:
    """Return the largest count up to ``size`` that fits, or 0. A larger count never fits better."""
    least, most = 0, size
    while least < most:
        middle = (least + most + 1) // 2
        if fits(middle):
            least = middle
        else:
            most = middle - 1
    return least


def _continuation(data: bytes, most: int) -> int:
    """Return how many of the first bytes go on with a character, ``most`` at most."""
    count = 0
    while count < min(most, len(data)) and data[count] & 0xC0 == 0x80:  # noqa: PLR2004 -- UTF-8
        count += 1
    return count


def _begun(data: bytes) -> int:
    """Return how many of the last bytes begin a character that is not complete."""
    for count in range(1, min(_MAX_CONTINUATION, len(data)) + 1):
        lead = data[-count]
        if lead & 0xC0 == 0x80:  # noqa: PLR2004 -- UTF-8
            continue
        return count if _length(lead) > count else 0
    return 0


def _owed(data: bytes, before: int) -> int:
    """Return the number of bytes missing from the last character of ``data``.

    ``before`` is the number that was missing before ``data``.
    """
    if len(data) <= before and _continuation(data, before) == len(data):
        return before - len(data)
    begun = _begun(data)
    return _length(data[-begun]) - begun if begun else 0


def _length(lead: int) -> int:
    """Return how many bytes a character has that begins with ``lead``."""
    return 1 + (lead >= 0xC2) + (lead >= 0xE0) + (lead >= 0xF0) if lead < 0xF5 else 1  # noqa: PLR2004
