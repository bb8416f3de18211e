"""A cell that failed for lack of a container, kept so that it can be run when there is one.

A front end draws what a cell prints after its reply as well, as long as it is the one that has sent
the cell: a page that was loaded since then has nowhere to put it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any

from ipykernel.kernelbase import Kernel

from dexec_kernel.cells.source.cell import Cell
from dexec_kernel.jupyter.messages import Messages

_CHOOSE = "%container"


@dataclass(frozen=True, slots=True)
class FailedCell:
    """The cell: as it is parsed, its whole ``code``, its ``number``, and the front end's session.

    ``cell`` has no magics that have run. ``context`` is that of its request: what runs in it has
    the request as its parent.
    """

    cell: Cell
    code: str
    number: int
    session: str
    context: Context

    @classmethod
    def of(cls, kernel: Kernel, cell: Cell, code: str, number: int) -> FailedCell:
        """Return the cell whose request is being handled."""
        return cls(cell, code, number, session_of(kernel), copy_context())

    @property
    def announcement(self) -> dict[str, Any]:
        """A message's content that says that the cell runs below another one."""
        lines = (line.strip() for line in self.code.split("\n"))
        first = next((line for line in lines if line), "")
        text = f"Cell [{self.number}] had no container. It runs here: {first}"
        return {"data": {"text/plain": text}, "metadata": {}, "transient": {}}


class Again:
    """Runs failed cells again, in their own place. ``serve`` does the work, and may wait first."""

    def __init__(
        self, kernel: Kernel, serve: Callable[[FailedCell, Messages], Awaitable[None]]
    ) -> None:
        self._kernel = kernel
        self._serve = serve
        self._task: asyncio.Task[None] | None = None

    def start(self, failed: FailedCell) -> bool:
        """Run a cell again; return False where the front end that asks would not see it."""
        is_busy = self._task is not None and not self._task.done()
        if is_busy or session_of(self._kernel) != failed.session:
            return False
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._run(failed), context=failed.context)
        return True

    async def aclose(self) -> None:
        """Wait for the cell, which has been interrupted. When cancelled, cancel it."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, failed: FailedCell) -> None:
        messages = Messages(self._kernel, silent=False)
        messages.publish("status", {"execution_state": "busy"})
        try:
            await self._serve(failed, messages)
        finally:
            messages.publish("status", {"execution_state": "idle"})


def session_of(kernel: Kernel) -> str:
    """Return the session of the front end whose request is being handled."""
    return str(kernel.get_parent("shell").get("header", {}).get("session", ""))


def chooses_only(cell: Cell) -> bool:
    """Return whether ``%container NAME`` is all that there is in a cell."""
    if cell.runs or cell.cell_magic is not None or cell.help or len(cell.magics) != 1:
        return False
    (magic,) = cell.magics
    return magic.sign == _CHOOSE and len(magic.arguments) == 1 and magic.arguments[0][:1] != "-"
