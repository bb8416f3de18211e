"""``%timeout``: how long a cell may take."""

from __future__ import annotations

from argparse import Namespace

from dexec_kernel.cells.source.parser import MagicParser, seconds
from dexec_kernel.display.table import line_data
from dexec_kernel.magics.context import MagicContext
from dexec_kernel.magics.registry import Magic


async def _timeout(context: MagicContext, arguments: Namespace) -> None:
    if arguments.seconds is not None:
        context.settings.timeout = arguments.seconds
    limit = context.settings.timeout
    context.show(
        line_data([f"Cells are ended after {limit:g} s." if limit else "Cells have no time limit."])
    )


def _parser() -> MagicParser:
    parser = MagicParser(
        "%timeout",
        "End every cell that takes longer, from here on, as an interrupt does. Without a\n"
        "number, show the limit. %%exec --timeout S is for one cell.",
    )
    parser.add_argument(
        "seconds", metavar="S", nargs="?", type=seconds, help="in seconds; 'off' or 0 for none"
    )
    return parser


MAGICS = (Magic("timeout", "end cells that take longer than S seconds", _parser(), _timeout),)
