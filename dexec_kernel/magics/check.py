"""``%check`` and ``%hint``: the tasks of a lab. In any other kernel they are errors."""

from __future__ import annotations

import asyncio
import uuid
from argparse import Namespace
from collections.abc import Mapping

from dexec_kernel.cells.source.parser import MagicParser
from dexec_kernel.display.check import check_data, ending_of, hint_data, running_data
from dexec_kernel.errors import CheckBroken, CheckNotPassed, UnknownMagic
from dexec_kernel.lab.checks.desk import CheckDesk
from dexec_kernel.lab.result import NotYet, Passed, last_words
from dexec_kernel.magics.context import MagicContext
from dexec_kernel.magics.facts import facts_of
from dexec_kernel.magics.registry import Magic

#: In seconds: a check that takes longer is shown while it runs.
_SHOWN_AFTER = 0.4


async def _check(context: MagicContext, arguments: Namespace) -> None:
    desk = await _desk(context, "%check")
    task = desk.choose(arguments.name or "").task
    container = await context.container(desk.student())
    workspace = await context.workspace(container)
    facts = facts_of(context.past, workspace.state, folder=container.working_dir or "/")
    show = _Display(context)
    loop = asyncio.get_running_loop()
    timer = loop.call_later(_SHOWN_AFTER, lambda: show(running_data(task)))
    try:
        checked = await desk.check(task.name, facts)
    except BaseException:
        show.forget()
        raise
    finally:
        timer.cancel()
    show(check_data(checked))
    words = f"{task.name}: {ending_of(checked.result)}"
    if isinstance(checked.result, NotYet):
        raise CheckNotPassed(words)
    if not isinstance(checked.result, Passed):
        raise CheckBroken(words + (last_words(checked.result.stderr) if desk.tells else ""))


async def _hint(context: MagicContext, arguments: Namespace) -> None:
    desk = await _desk(context, "%hint")
    context.show(hint_data(desk.hint(arguments.name or "")))


async def _desk(context: MagicContext, magic: str) -> CheckDesk:
    if context.desk is None:
        raise UnknownMagic(
            f"{magic} is a magic of labs, and this kernel is not that of a lab.",
            advice="`dexec-kernel lab install DIR` puts a lab into the kernel picker.",
        )
    return await context.desk()


class _Display:
    """One display, which is brought up to date."""

    def __init__(self, context: MagicContext) -> None:
        self._context = context
        self._id = uuid.uuid4().hex
        self._is_shown = False

    def __call__(self, data: Mapping[str, object]) -> None:
        kind = "update_display_data" if self._is_shown else "display_data"
        self._is_shown = True
        content = {"data": dict(data), "metadata": {}, "transient": {"display_id": self._id}}
        self._context.publish(kind, content)

    def forget(self) -> None:
        """Take back what says that the check runs."""
        if self._is_shown:
            self({"text/plain": "The check was ended before it had a result."})


def _parser(magic: str, description: str) -> MagicParser:
    parser = MagicParser(magic, description)
    parser.add_argument("name", metavar="NAME", nargs="?", help="the task; else the next open one")
    return parser


MAGICS = (
    Magic(
        "check",
        "in a lab: check a task",
        _parser(
            "%check",
            "In a lab: check a task, the next open one without a name. The check runs where your\n"
            "cells cannot reach it, on a copy of the task's files.",
        ),
        _check,
        is_of_lab=True,
    ),
    Magic(
        "hint",
        "in a lab: show the next hint for a task",
        _parser("%hint", "In a lab: show the next hint for a task, after some failed checks."),
        _hint,
        is_of_lab=True,
    ),
)
