"""The last cells of a kernel: their text, their ends, and a part of their output. No I/O.

A front end loses output that comes while its page is being loaded. The kernel keeps a bounded part,
in memory, until it ends.
"""

from __future__ import annotations

import re
import shlex
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from dexec_kernel.cells.outcome import Snapshot
from dexec_kernel.cells.output.text import Piece
from dexec_kernel.cells.source.exec_magic import is_exec_magic
from dexec_kernel.shell.history import shortened

#: The bounds of the ring: cells, and characters of source and output together.
MAX_CELLS, MAX_SIZE = 100, 4_000_000
#: In characters: how much of a cell's source is kept, and of the beginning and end of its output.
MAX_SOURCE, HEAD, TAIL = 64_000, 32_000, 96_000
#: In characters: shorter pieces of one stream are joined; by how much an end is longer at times,
#: since cutting it with each piece would cost more.
_JOIN, _SLACK = 4_096, 8_192

_magic = re.compile(r"[ \t]*(?P<sign>%%?[A-Za-z_][\w.-]*)")
_word = re.compile(r"(?:\\.|'[^']*'|\"(?:\\.|[^\"\\])*\"|[^\s'\"\\]|['\"\\])+")
_short_env = re.compile(r"-[A-Za-z]*e(?P<value>.*)", re.DOTALL)
_HIDDEN = "…"


def _ignore(_by: int) -> None:
    """Take no note of a change of size."""


class KeptOutput:
    """The beginning and the end of a cell's output, as it was shown.

    ``resized`` is told by how many characters it grows or shrinks.
    """

    def __init__(self, resized: Callable[[int], None] = _ignore) -> None:
        self._resized = resized
        self._head: list[Piece] = []
        self._tail: deque[Piece] = deque()
        self._head_size = self._tail_size = 0
        #: In characters: what is between them.
        self._omitted = 0

    @property
    def size(self) -> int:
        """How much is kept, in characters."""
        return self._head_size + self._tail_size

    def add(self, pieces: Sequence[Piece]) -> None:
        """Take output, in order."""
        before = self.size
        for piece in pieces:
            begin = piece.text[: HEAD - self._head_size]
            rest = piece.text[len(begin) :]
            if begin:
                self._head_size += len(begin)
                _append(self._head, Piece(piece.stream, begin))
            if rest:
                kept = rest[-TAIL:]
                self._omitted += len(rest) - len(kept)
                self._tail_size += len(kept)
                _append(self._tail, Piece(piece.stream, kept))
        if self._tail_size > TAIL + _SLACK:
            self._shorten_tail(self._tail_size - TAIL)
        self._resized(self.size - before)

    def detach(self) -> None:
        """Tell nobody of its size any more."""
        self._resized = _ignore

    def _shorten_tail(self, excess: int) -> None:
        self._tail_size -= excess
        self._omitted += excess
        while excess:
            first = self._tail.popleft()
            if len(first.text) > excess:
                self._tail.appendleft(Piece(first.stream, first.text[excess:]))
                return
            excess -= len(first.text)

    def pieces(self) -> list[Piece]:
        """Return what is kept, with a line that says what is missing."""
        notice = []
        if self._omitted:
            # The head may end within a line.
            words = f"\n[{self._omitted:,} characters are not kept]\n"
            notice.append(Piece("stderr", words))
        return [*self._head, *notice, *self._tail]


@dataclass
class PastCell:
    """A cell that has run or runs. ``number`` is the front end's; ``snapshot`` is the last known.

    ``source`` is the cell's text without the values of environment variables on magic lines.
    """

    number: int
    source: str
    snapshot: Snapshot | None = None
    output: KeptOutput = field(default_factory=KeptOutput)

    @property
    def size(self) -> int:
        """How much is kept of it, in characters."""
        return len(self.source) + self.output.size


class PastCells:
    """The last cells, the oldest first, within ``MAX_CELLS`` and ``MAX_SIZE``."""

    def __init__(self) -> None:
        self._cells: deque[PastCell] = deque()
        #: In characters, of the cells that are kept. Each cell would else ask a hundred others.
        self._size = 0

    def __iter__(self) -> Iterator[PastCell]:
        """Those whose end, or going on in the background, is known."""
        return (cell for cell in self._cells if cell.snapshot is not None)

    def begin(self, number: int, source: str) -> PastCell:
        """Take note of a cell that is about to run."""
        text = shortened(without_values(source), MAX_SOURCE)
        cell = PastCell(number, text, output=KeptOutput(self._resize))
        self._cells.append(cell)
        self._size += len(text)
        while len(self._cells) > MAX_CELLS or self._size > MAX_SIZE:
            first = self._cells.popleft()
            first.output.detach()
            self._size -= first.size
        return cell

    def _resize(self, by: int) -> None:
        self._size += by


def without_values(source: str) -> str:
    """Return a cell's text without the values that ``%env`` and ``%%exec -e`` give to variables."""
    lines = source.split("\n")
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        match = _magic.match(line)
        if match is None:
            break
        name = match["sign"].lstrip("%")
        is_cell_magic = match["sign"].startswith("%%")
        if is_cell_magic and is_exec_magic(name):
            lines[number] = _without_option_values(line)
        elif not is_cell_magic and name == "env":
            lines[number] = _word.sub(lambda word: _hidden(word[0]), line)
        if is_cell_magic:
            break
    return "\n".join(lines)


def _without_option_values(line: str) -> str:
    parts: list[str] = []
    position, is_value = 0, False
    for match in _word.finditer(line):
        word = _plain(match[0])
        if word == "--" and not is_value:
            break
        parts.append(line[position : match.start()])
        position = match.end()
        short = None if word.startswith("--") else _short_env.fullmatch(word)
        if is_value:
            parts.append(_hidden(match[0]))
            is_value = False
        elif word.startswith("--env="):
            parts.append(f"--env={_hidden(word.removeprefix('--env='))}")
        elif short is not None and "=" in short["value"]:
            parts.append(word[: short.start("value")] + _hidden(short["value"]))
        else:
            is_value = word == "--env" or (short is not None and not short["value"])
            parts.append(match[0])
    return "".join(parts) + line[position:]


def _hidden(word: str) -> str:
    """Return an assignment without its value, any other word as it is."""
    name, equals, _ = _plain(word).partition("=")
    return f"{name}={_HIDDEN}" if equals else word


def _plain(word: str) -> str:
    """Return a word without its quotes."""
    try:
        return "".join(shlex.split(word)) or word
    except ValueError:
        return word


def _append(pieces: list[Piece] | deque[Piece], piece: Piece) -> None:
    """Append a piece, to the last one where both are short and of one stream."""
    last = pieces[-1] if pieces else None
    if last is None or last.stream != piece.stream or len(last.text) + len(piece.text) > _JOIN:
        pieces.append(piece)
    else:
        pieces[-1] = Piece(piece.stream, last.text + piece.text)
