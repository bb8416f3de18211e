"""Finds a magic below the first command of a cell, where the shell would read it. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable

from dexec_kernel.cells.source.cell import SIGN, Cell
from dexec_kernel.errors import CellSyntaxError
from dexec_kernel.shell.language.cursor import Kind, find_cursor

_line = re.compile(rf"^[ \t]*(?P<sign>{SIGN})(?=\?{{0,2}}\s|\?{{0,2}}\Z)", re.MULTILINE)
#: Each look goes through the text above: of long texts with many such lines not all are looked at.
_MAX_SIZE = 100_000
_MOST_LOOKS = 20


def refuse_misplaced(cell: Cell, is_known: Callable[[str], bool]) -> None:
    """Raise :class:`CellSyntaxError` for a magic among a shell's commands.

    To a shell ``%container web`` is a job, which does not exist: it prints an error and runs the
    next command, in the container that the cell was to leave. In a here-document and in quotes such
    a line is text. ``is_known`` tells of a name with its signs whether it is a magic's.
    """
    body = "" if cell.options.command or cell.cell_magic else cell.body[:_MAX_SIZE]
    looks = 0
    for found in _line.finditer(body):
        sign = found["sign"]
        if not is_known(sign):
            continue
        cursor = find_cursor(body, found.end("sign"))
        if cursor.kind is Kind.COMMAND and cursor.start == found.start("sign"):
            number = body.count("\n", 0, cursor.start) + 1
            raise CellSyntaxError(
                f"{sign} in line {number} is below the cell's first command, which would go on"
                " without it. Nothing has run.",
                advice="Magics are at the top of a cell: line magics first, then one %% line.",
            )
        looks += 1
        if looks == _MOST_LOOKS:
            return
