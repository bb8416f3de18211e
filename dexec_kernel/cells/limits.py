"""The bounds of one cell."""

from __future__ import annotations

from dataclasses import dataclass

from dexec_kernel.backend.models import ConsoleSize
from dexec_kernel.cells.output.limits import OutputLimits

#: The usual initial size of a terminal.
DEFAULT_CONSOLE_SIZE = ConsoleSize(rows=24, columns=80)


@dataclass(frozen=True, slots=True)
class CellLimits:
    """The bounds of a cell: its output's, the seconds that each signal may take, its terminal's."""

    output: OutputLimits = OutputLimits()  # noqa: RUF009 -- frozen
    interrupt_grace: float = 2.0
    console_size: ConsoleSize = DEFAULT_CONSOLE_SIZE
