"""A table on a terminal, or in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from dexec_kernel.cli.terminal import aligned, printable

#: The colours of words that stand alone in a cell.
_STYLES = {
    "passed": "green",
    "ok": "green",
    "failed": "red",
    "FAULT": "bold red",
    "BROKEN": "bold yellow",
    "TIMED OUT": "bold yellow",
    "-": "dim",
}


def show_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows, the first of which has the titles."""
    if not sys.stdout.isatty():
        sys.stdout.write(aligned(rows) + "\n")
        return
    from rich import box  # noqa: PLC0415 -- slow, and a pipe does without
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    titles, *others = rows
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in titles:
        # Folded, never cut: names are there to be copied.
        table.add_column(title, overflow="fold")
    for row in others:
        # A Text is not parsed as markup: a name may contain [red].
        table.add_row(*(Text(printable(cell), style=_STYLES.get(cell, "")) for cell in row))
    Console().print(table)
