"""``%lab``: the lab as a whole, and its containers made anew. Elsewhere it is an error."""

from __future__ import annotations

from argparse import Namespace

from dexec_kernel.cells.source.parser import MagicParser
from dexec_kernel.display.lab import lab_data
from dexec_kernel.display.table import line_data
from dexec_kernel.errors import UnknownMagic, UsageError
from dexec_kernel.magics.context import MagicContext
from dexec_kernel.magics.registry import Magic
from dexec_kernel.units import format_duration

_RESET = "reset"


async def _lab(context: MagicContext, arguments: Namespace) -> None:
    room = context.room
    if room is None:
        raise UnknownMagic(
            "%lab is a magic of labs, and this kernel is not that of a lab.",
            advice="`dexec-kernel lab install DIR` puts a lab into the kernel picker.",
        )
    if arguments.action is None:
        if context.show_lab is not None:
            await context.show_lab(room)
        else:
            context.show(lab_data(await room.look()))
        return
    if arguments.action != _RESET:
        raise UsageError(
            f"%lab cannot {arguments.action!r}.", advice="%lab reset makes new containers."
        )
    name = arguments.name or ""
    seconds = await room.reset(name)
    what = f"The container {name} is new" if name else "The lab is as it was at the beginning"
    context.show(line_data((what, format_duration(seconds))))


def _parser() -> MagicParser:
    parser = MagicParser(
        "%lab",
        "In a lab: show its containers, its time and its tasks, with buttons for checks, hints\n"
        "and new containers. `%lab reset` makes new containers, `%lab reset NAME` one of\n"
        "them: files and processes in it are gone, points stay.",
    )
    parser.add_argument("action", metavar="reset", nargs="?", help="make the containers anew")
    parser.add_argument("name", metavar="NAME", nargs="?", help="this container alone")
    return parser


MAGICS = (
    Magic(
        "lab",
        "in a lab: show it, or make its containers anew",
        _parser(),
        _lab,
        is_of_lab=True,
    ),
)
