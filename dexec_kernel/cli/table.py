"""A table on a terminal, or in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence

from dexec_kernel.cli.terminal import aligned, printable

#: The colours of the words for an outcome, where they stand alone in a cell.
OUTCOMES = {
    "passed": "green",
    "ok": "green",
    "failed": "red",
    "FAULT": "bold red",
    "BROKEN": "bold yellow",
    "TIMED OUT": "bold yellow",
    "-": "dim",
}


def show_table(
    rows: Sequence[Sequence[str]],
    words: Mapping[str, str] | None = None,
    *,
    title: Callable[[str], str] = str,
    style: Callable[[int], str] = lambda _number: "",
) -> None:
    """Print rows, the first of which has the titles.

    On a terminal ``words`` has the styles of whole cells, ``title`` words a title, and ``style`` is
    that of the row of a number from 0 on.
    """
    if not sys.stdout.isatty():
        sys.stdout.write(aligned(rows) + "\n")
        return
    from rich import box  # noqa: PLC0415 -- slow, and a pipe does without
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    titles, *others = rows
    words = words or {}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for text in titles:
        # Folded, never cut: names are there to be copied.
        table.add_column(title(text), overflow="fold")
    for number, row in enumerate(others):
        # A Text is not parsed as markup: a name may contain [red].
        cells = (Text(printable(cell), style=words.get(cell, "")) for cell in row)
        table.add_row(*cells, style=style(number))
    Console().print(table)
