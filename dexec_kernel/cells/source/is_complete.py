"""Whether a cell's text is complete: what a console asks when Enter is pressed. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from dexec_kernel.cells.source.cell import parse_cell
from dexec_kernel.cells.source.parser import asks_for_help
from dexec_kernel.errors import CellSyntaxError
from dexec_kernel.shell.language.grammar import check_syntax
from dexec_kernel.shell.language.lexer import SyntaxFault, Unfinished

#: In characters: no one types more at a prompt, and a front end waits for the answer.
_MAX_SIZE = 100_000
_INDENT = "  "
_SHELLS = frozenset({"bash", "sh", "dash", "ash"})


class Status(Enum):
    """The states of an ``is_complete_reply``."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    INVALID = "invalid"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Completeness:
    """Whether text is complete; if not, ``indent`` is the indentation of the next line."""

    status: Status
    indent: str = ""


def is_complete(text: str) -> Completeness:
    """Judge a cell: shell text below line magics, or the body of a cell magic.

    A body for a program other than a shell is complete when an empty line ends it. A cell that
    :func:`parse_cell` refuses is invalid.
    """
    if len(text) > _MAX_SIZE or "\0" in text:
        return Completeness(Status.UNKNOWN)
    try:
        cell = parse_cell(text)
    except CellSyntaxError:
        return Completeness(Status.INVALID)
    if cell.help or (cell.cell_magic is not None and asks_for_help(cell.cell_magic.arguments)):
        return Completeness(Status.COMPLETE)
    command = cell.options.command
    if command and cell.options.detach:
        return Completeness(Status.COMPLETE)
    if cell.sign and not cell.body.strip():
        return Completeness(Status.INCOMPLETE)
    if cell.cell_magic is not None or (command and command[0] not in _SHELLS):
        return Completeness(Status.COMPLETE if cell.body.endswith("\n") else Status.INCOMPLETE)
    return _shell(cell.body)


def _shell(text: str) -> Completeness:
    try:
        check_syntax(text)
    except SyntaxFault:
        return Completeness(Status.INVALID)
    except Unfinished as end:
        return Completeness(Status.INCOMPLETE, "" if end.inside_text else _INDENT * end.depth)
    except RecursionError:
        return Completeness(Status.UNKNOWN)
    return Completeness(Status.COMPLETE)
