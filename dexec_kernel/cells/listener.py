"""The interface by which a running cell tells of its output and its changes."""

from __future__ import annotations

from typing import Protocol

from dexec_kernel.cells.output.text import Piece


class CellListener(Protocol):
    """Hears of one cell. Called on the event loop."""

    def printed(self, pieces: list[Piece]) -> None:
        """Take output, in order."""
        ...

    def changed(self) -> None:
        """Take in that :meth:`CellRun.snapshot` has something new."""
        ...
