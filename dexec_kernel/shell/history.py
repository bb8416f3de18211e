"""The cells of a session, for bash's builtin ``history``. No I/O."""

from __future__ import annotations

import re
import shlex
from collections import deque

#: As many as bash keeps where HISTSIZE says nothing.
_MAX_CELLS = 500
#: In characters: how much of a cell is remembered, and of all of them. The shell reads them in
#: some 50 ms, and only for a cell that may ask for them.
_MAX_CELL = 4_000
_MAX_SIZE = 48_000

_asks = re.compile(r"\b(?:history|fc)\b")
_clears = re.compile(r"(?:^|[;&|({\n])[ \t]*history[ \t]+-c\b")


def shortened(source: str, limit: int) -> str:
    """Return a cell's text as it is remembered: up to ``limit`` characters, and dots."""
    text = source.replace("\r\n", "\n").strip("\n")
    return text if len(text) <= limit else text[:limit] + " …"


class CellHistory:
    """The last cells of a session, as a terminal's shell remembers its lines."""

    def __init__(self) -> None:
        self._cells: deque[str] = deque(maxlen=_MAX_CELLS)

    def add(self, source: str) -> bytes:
        """Take note of a cell that is to run; return what its shell evaluates before it.

        That is nothing, unless the cell's text has the words ``history`` or ``fc``.
        """
        text = shortened(source, _MAX_CELL)
        if text.strip():
            self._cells.append(text)
        while sum(map(len, self._cells)) > _MAX_SIZE:
            self._cells.popleft()
        if not _asks.search(source):
            return b""
        told = "\n".join(f"history -s -- {shlex.quote(cell)}" for cell in self._cells)
        if _clears.search(source):
            self._cells.clear()
        return f'\nif [ -n "${{BASH_VERSION-}}" ]; then\n{told}\nfi'.encode()
