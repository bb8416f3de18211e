"""Runs a cell's magics for a front end."""

from __future__ import annotations

from functools import partial

from dexec_kernel.cells.source.cell import Cell
from dexec_kernel.cells.source.misplaced import refuse_misplaced
from dexec_kernel.cells.workspace import Workspaces
from dexec_kernel.jupyter.containers import ContainerWatch
from dexec_kernel.jupyter.input import Input
from dexec_kernel.jupyter.lab_status import LabStatus
from dexec_kernel.jupyter.messages import Messages
from dexec_kernel.jupyter.runner import CellRunner
from dexec_kernel.jupyter.settings import Settings
from dexec_kernel.jupyter.status import KernelStatus
from dexec_kernel.jupyter.target import Target
from dexec_kernel.magics.catalogue import REGISTRY
from dexec_kernel.magics.context import MagicContext
from dexec_kernel.magics.registry import run_calls


class MagicRunner:
    """Runs the magics of one cell at a time. ``status`` and ``lab`` are the live displays.

    ``watch`` knows the pods.
    """

    def __init__(
        self,
        settings: Settings,
        target: Target,
        questions: Input,
        workspaces: Workspaces,
        cells: CellRunner,
        *,
        status: KernelStatus,
        lab: LabStatus,
        watch: ContainerWatch,
    ) -> None:
        self._settings = settings
        self._target = target
        self._input = questions
        self._workspaces = workspaces
        self._cells = cells
        self._status = status
        self._lab = lab
        self._watch = watch
        self._context: MagicContext | None = None
        #: How many magics of the last cell have run to their end.
        self.completed = 0

    def interrupt(self) -> None:
        """End the magic that runs, if one does."""
        if self._context is not None:
            self._context.interrupted.set()

    async def run(
        self, cell: Cell, messages: Messages, *, interactive: bool, is_live: bool
    ) -> bool:
        """Run a cell's magics, all of which are read before; return False when interrupted.

        ``interactive`` where a person looks at the cell, who sees widgets where it ``is_live``.
        """
        refuse_misplaced(cell, REGISTRY.knows)
        calls = [REGISTRY.read(line) for line in cell.magics]
        if cell.cell_magic is not None:
            calls.append(REGISTRY.read(cell.cell_magic, body=cell.body))
        context = MagicContext(
            settings=self._settings,
            target=self._target,
            publish=messages.publish,
            last=self._cells.last,
            past=self._cells.past,
            ask=self._input.asker() if interactive and not messages.silent else None,
            workspaces=self._workspaces,
            policy=self._target.policy,
            desk=self._target.desk,
            room=self._target.room,
            pods=self._watch.pods,
        )
        if is_live:
            context.show_status = partial(self._status.show, messages)
            context.show_lab = partial(self._lab.show, messages)
        self._context = context
        try:
            completed = await run_calls(calls, context)
        finally:
            self._context, self.completed = None, context.completed
        if completed and cell.help:
            context.show_text(cell.help)
        return completed
