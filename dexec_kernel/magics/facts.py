"""What the kernel knows of a student's session -> the facts of a check."""

from __future__ import annotations

from collections.abc import Iterable

from dexec_kernel.cells.past import PastCell
from dexec_kernel.lab.checks.facts import CellFact, Facts
from dexec_kernel.shell.state import ShellState


def facts_of(cells: Iterable[PastCell], state: ShellState | None, *, folder: str) -> Facts:
    """Return the facts. ``folder`` is that of a session that no cell has left a state of."""
    state = state or ShellState()
    return Facts(
        cells=tuple(map(_cell, cells)),
        folder=state.folder or folder,
        exported=state.exported,
        variables=state.variables,
        functions=state.functions,
        aliases=state.aliases,
        options=state.options,
    )


def _cell(cell: PastCell) -> CellFact:
    output = "".join(piece.text for piece in cell.output.pieces())
    return CellFact(cell.source, output, cell.snapshot.exit_code if cell.snapshot else None)
