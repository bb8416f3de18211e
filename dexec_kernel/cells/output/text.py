"""Bytes to text, and text to few and large pieces. No I/O and no clock: time is handed in.

Every piece becomes a message that a browser appends, at a cost that grows with the output so far.
Pieces are therefore few, end with lines, and become less frequent. The first output is sent at
once.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field

from dexec_kernel.cells.output.limit import json_size

#: In seconds: how often pieces come, in the beginning and after a lot of output.
MIN_INTERVAL, MAX_INTERVAL = 0.05, 1.0
#: In characters: from here on pieces come more seldom, reaching the maximum at twenty times that.
STRETCH_FROM = 1_000_000
#: In seconds: how long an incomplete line is held for its end.
MAX_HOLD = 0.25
#: In characters: the largest piece, and the most that is gathered.
MAX_PIECE, LATER_PIECE = 1024 * 1024, 256 * 1024
#: In bytes, as the JSON that travels: up to here all output may go out at once, so that no piece
#: ever waits, and large pieces cost the browser half the time. Later they are smaller.
MAX_EARLY_SIZE = 2_200_000

_decoder = codecs.getincrementaldecoder("utf-8")


@dataclass(frozen=True, slots=True)
class Piece:
    """Text of one stream, ``stdout`` or ``stderr``."""

    stream: str
    text: str


@dataclass(slots=True)
class _Run:
    """Consecutive text of one stream."""

    stream: str
    parts: list[str] = field(default_factory=list)


class Coalescer:
    """Gathers the output of a cell and returns the pieces that are due.

    Bytes that are not UTF-8 become U+FFFD; a character that is cut by the end of a frame waits for
    its rest. The order of the streams is kept, and nothing is dropped.
    """

    def __init__(self) -> None:
        self._decoders = {name: _decoder("replace") for name in ("stdout", "stderr")}
        self._runs: list[_Run] = []
        self._size = 0
        self._total = 0
        #: The size of the output so far as JSON, until it is too much for large pieces.
        self._early_size = 0
        self._last_taken = float("-inf")
        self._held_since: float | None = None

    def feed(self, stream: str, data: bytes) -> None:
        """Take bytes of ``stream``."""
        self._append(stream, self._decoders[stream].decode(data))

    def interject(self, stream: str, text: str) -> None:
        """Append text; an incomplete character before it ends there."""
        self._end_characters()
        self._append(stream, text)

    def finish(self) -> list[Piece]:
        """Take the end of all streams, and return what there still is."""
        self._end_characters()
        return self._take(hold_back="")

    def take(self, now: float) -> list[Piece]:
        """Return the pieces that are due at ``now`` (seconds, of a monotonic clock)."""
        due = self.due_at()
        if due is None or now < due:
            return []
        held = self._incomplete_line() if self._may_hold(now) else ""
        pieces = self._take(hold_back=held)
        self._held_since = (self._held_since or now) if held else None
        self._last_taken = now
        return pieces

    def due_at(self) -> float | None:
        """Return when :meth:`take` is to be called next; None when nothing waits."""
        if not self._runs:
            return None
        if self._size >= self._piece_length():
            return float("-inf")
        due = self._last_taken + self._interval()
        if self._held_since is not None and self._is_held_line_alone():
            return max(due, self._held_since + MAX_HOLD)
        return due

    def _end_characters(self) -> None:
        for stream, decoder in self._decoders.items():
            self._append(stream, decoder.decode(b"", final=True))

    def _append(self, stream: str, text: str) -> None:
        if not text:
            return
        if not self._runs or self._runs[-1].stream != stream:
            self._runs.append(_Run(stream))
        self._runs[-1].parts.append(text)
        self._size += len(text)

    def _interval(self) -> float:
        excess = max(0, self._total - STRETCH_FROM) / (20 * STRETCH_FROM)
        return min(MAX_INTERVAL, MIN_INTERVAL + excess * (MAX_INTERVAL - MIN_INTERVAL))

    def _may_hold(self, now: float) -> bool:
        """An incomplete line is held, but not the very first output, and not for long."""
        if self._total == 0 or self._size >= self._piece_length():
            return False
        return self._held_since is None or now - self._held_since < MAX_HOLD

    def _incomplete_line(self) -> str:
        """Return the end of the last run that no newline or carriage return ends yet."""
        text = "".join(self._runs[-1].parts)
        self._runs[-1].parts = [text]
        cut = max(text.rfind("\n"), text.rfind("\r")) + 1
        return text[cut:]

    def _is_held_line_alone(self) -> bool:
        return len(self._runs) == 1 and not any(
            "\n" in part or "\r" in part for part in self._runs[0].parts
        )

    def _take(self, *, hold_back: str) -> list[Piece]:
        runs, self._runs = self._runs, []
        self._size = 0
        pieces: list[Piece] = []
        for run in runs:
            text = "".join(run.parts)
            if hold_back and run is runs[-1]:
                text = text[: len(text) - len(hold_back)]
                self._append(run.stream, hold_back)
            self._total += len(text)
            if self._early_size <= MAX_EARLY_SIZE:
                self._early_size += json_size(text.encode())
            pieces += [Piece(run.stream, part) for part in _split(text, self._piece_length())]
        return pieces

    def _piece_length(self) -> int:
        return MAX_PIECE if self._early_size <= MAX_EARLY_SIZE else LATER_PIECE


def _split(text: str, length: int) -> list[str]:
    """Cut ``text`` into parts of at most ``length`` characters, after newlines if possible."""
    parts: list[str] = []
    start = 0
    while len(text) - start > length:
        newline = text.rfind("\n", start, start + length)
        end = newline + 1 if newline >= start else start + length
        parts.append(text[start:end])
        start = end
    if start < len(text):
        parts.append(text[start:])
    return parts
