"""All magics that there are, and ``%magics``, which lists them."""

from __future__ import annotations

import textwrap
from argparse import Namespace

from dexec_kernel.cells.source.exec_magic import CELL_MAGICS
from dexec_kernel.cells.source.parser import MagicParser
from dexec_kernel.magics import (
    attach,
    check,
    containers,
    files,
    history,
    lab,
    log,
    logs,
    session,
    status,
)
from dexec_kernel.magics.context import MagicContext
from dexec_kernel.magics.registry import Magic, Registry

#: The modules with magics, in the order of the list. Add one here and nowhere else.
_SUBJECTS = (containers, status, history, session, log, logs, attach, files, lab, check)

#: In columns: front ends break longer lines within a word.
_WIDTH = 72


async def _list(context: MagicContext, _arguments: Namespace) -> None:
    usable = (magic for magic in REGISTRY if context.desk is not None or not magic.is_of_lab)
    lines = [f"{magic.usage}\n    {magic.summary}" for magic in usable]
    lines += ["%%exec [OPTION...] [-- COMMAND ARG...]\n    run the cell with options, or a command"]
    names = ", ".join(f"%%{name}" for name in CELL_MAGICS[1:])
    short = textwrap.fill(names, _WIDTH, break_long_words=False, break_on_hyphens=False)
    lines += [f"{short}\n    give the cell to that program, on its stdin"]
    lines += ["Each has --help, and %NAME? explains it too."]
    context.show_text("\n".join(lines))


_MAGICS = Magic(
    "magics",
    "list all magics",
    MagicParser("%magics", "List all magics and their arguments."),
    _list,
)

REGISTRY = Registry([*(magic for module in _SUBJECTS for magic in module.MAGICS), _MAGICS])
