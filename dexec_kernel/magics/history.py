"""``%last`` and ``%history``: the session's last cells, with what the kernel keeps of them."""

from __future__ import annotations

import argparse
from argparse import Namespace

from dexec_kernel.cells.outcome import State
from dexec_kernel.cells.past import PastCell
from dexec_kernel.cells.source.parser import MagicParser
from dexec_kernel.display.bar import bar_data
from dexec_kernel.display.table import line_data, table_data
from dexec_kernel.display.times import time_of_day
from dexec_kernel.magics.context import MagicContext
from dexec_kernel.magics.registry import Magic

#: The number of cells in ``%history`` where nothing else is asked for.
_DEFAULT = 20
#: In characters: as much as ``%last`` shows at once, which jupyter_server lets through.
_MAX_SHOWN = 1_000_000
#: In characters: how much of a cell's text a row has.
_MAX_LINE = 60

_NONE = "No cell has run in this kernel yet."
_TITLES = ("In", "Started", "Ended", "PID", "Exit code", "State", "Container", "Cell")


async def _last(context: MagicContext, arguments: Namespace) -> None:
    cells = [*context.past][-arguments.count :]
    if not cells:
        context.show(line_data([_NONE]))
        return
    shown: list[PastCell] = []
    room = _MAX_SHOWN
    for cell in reversed(cells):
        room -= cell.size
        if shown and room < 0:
            break
        shown.insert(0, cell)
    if len(shown) < len(cells):
        context.show(line_data([f"The last {len(shown)} of them; more is too much at once."]))
    for cell in shown:
        _show(context, cell)


def _show(context: MagicContext, cell: PastCell) -> None:
    assert cell.snapshot is not None  # noqa: S101 -- the ring yields no others
    context.show(bar_data(cell.snapshot))
    context.show_text("\n".join(f"In [{cell.number}]: {cell.source}".splitlines()))
    for piece in cell.output.pieces():
        context.write(piece.text, piece.stream)


async def _history(context: MagicContext, arguments: Namespace) -> None:
    cells = [*context.past][-arguments.count :]
    if cells:
        context.show(table_data(_TITLES, [_row(cell) for cell in cells]))
    else:
        context.show(line_data([_NONE]))


def _row(cell: PastCell) -> tuple[str, ...]:
    snapshot = cell.snapshot
    assert snapshot is not None  # noqa: S101 -- the ring yields no others
    ended, code = snapshot.ended, snapshot.exit_code
    exit_code = "unknown" if code is None else str(code)
    if snapshot.state is State.BACKGROUND:
        exit_code = ""
    lines = [line for line in cell.source.splitlines() if line.strip()]
    text = lines[0].strip() if lines else ""
    if len(lines) > 1 or len(text) > _MAX_LINE:
        text = f"{text[:_MAX_LINE].rstrip()} …"
    return (
        str(cell.number),
        time_of_day(snapshot.started),
        "" if ended is None else time_of_day(ended),
        "unknown" if snapshot.pid is None else str(snapshot.pid),
        exit_code,
        snapshot.state.value,
        snapshot.container,
        text,
    )


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of cells, from 1 on")
    return int(text)


def _parser_last() -> MagicParser:
    parser = MagicParser(
        "%last",
        "Show the last cell again: its bar, its text, and the output that the kernel keeps\n"
        "(the beginning and the end, about 130,000 characters). Output that came while a page\n"
        "was loaded again is there. With N, show the last N cells. Values of %env and\n"
        "%%exec -e are not kept.",
    )
    parser.add_argument(
        "count", metavar="N", nargs="?", type=_count, default=1, help="the number of cells"
    )
    return parser


def _parser_history() -> MagicParser:
    parser = MagicParser(
        "%history",
        "List the last cells of this kernel: start, end, PID, exit code, container, text.\n"
        "The kernel keeps the last 100 cells, and fewer with much output; %last shows one.",
    )
    parser.add_argument(
        *("-n", "--number"),
        dest="count",
        metavar="N",
        type=_count,
        default=_DEFAULT,
        help=f"the last N cells; default: {_DEFAULT}",
    )
    return parser


MAGICS = (
    Magic("last", "show the last cells again, with their output", _parser_last(), _last),
    Magic("history", "list the last cells of this kernel", _parser_history(), _history),
)
