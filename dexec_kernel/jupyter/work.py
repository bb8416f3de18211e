"""The work of one cell: its magics, the look for its container, and its exec."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from ipykernel.kernelbase import Kernel

from dexec_kernel.backend.models import ContainerInspect
from dexec_kernel.backend.protocol import Backend
from dexec_kernel.cells.outcome import Exited, Failed, Interrupted, Outcome, TimedOut
from dexec_kernel.cells.source.cell import Cell, parse_cell
from dexec_kernel.display.fault import CellFault, fault_of, interrupted, of_error
from dexec_kernel.display.mode import Mode
from dexec_kernel.errors import DexecError, EngineUnavailable, NotChosenError
from dexec_kernel.jupyter.again import FailedCell, chooses_only
from dexec_kernel.jupyter.chooser import Chooser, wants_choice
from dexec_kernel.jupyter.interruptible import Interruptible
from dexec_kernel.jupyter.magics import MagicRunner
from dexec_kernel.jupyter.messages import Messages
from dexec_kernel.jupyter.runner import CellRunner
from dexec_kernel.jupyter.settings import Settings
from dexec_kernel.jupyter.target import Target

_DEFAULTS = Settings()
#: In seconds: a front end sends the cells of Run All one after the other.
_BETWEEN_CELLS = 0.25
#: What went wrong with a cell, None for nothing; and the cell, if another container would help.
Ending: TypeAlias = tuple[CellFault | None, FailedCell | None]


class CellWork:
    """Does the work of one cell at a time. ``has_waiting`` tells whether more cells are queued."""

    def __init__(
        self,
        kernel: Kernel,
        settings: Settings,
        target: Target,
        magics: MagicRunner,
        cells: CellRunner,
        *,
        chooser: Chooser,
        has_waiting: Callable[[], bool],
    ) -> None:
        self._kernel = kernel
        self._settings = settings
        self._target = target
        self._magics = magics
        self._cells = cells
        self._chooser = chooser
        self._has_waiting = has_waiting
        self._finding = Interruptible()
        self._is_interrupted = False
        #: Whether the engine did not answer when the cell's processes were to be ended.
        self.is_unanswered = False

    def begin(self) -> None:
        """Leave the interrupts of earlier cells behind."""
        self._is_interrupted = self.is_unanswered = False

    def interrupt(self, *, by_front_end: bool) -> None:
        """End the work that goes on; ``by_front_end``, or by a button of ours."""
        self._is_interrupted = True
        self.stop()
        self._cells.interrupt(by_front_end=by_front_end)

    def stop(self) -> None:
        """End what a cell does besides its exec."""
        self._magics.interrupt()
        self._finding.interrupt()

    def is_live(self, messages: Messages, *, interactive: bool) -> bool:
        """Whether somebody sees widgets, and wants them."""
        return interactive and not messages.silent and Mode(self._settings.status_bar) is Mode.LIVE

    async def run(
        self, code: str, messages: Messages, failed: FailedCell | None, *, interactive: bool
    ) -> Ending:
        """Run a cell. ``failed`` is the one before it, if that failed for lack of a container.

        Raises :class:`DexecError` for all that goes wrong before its exec.
        """
        if self._settings.fault is not None:
            raise self._settings.fault
        self._target.policy.check_settings(self._settings, _DEFAULTS)
        given, number = (parse_cell(code), code, messages, failed), self._kernel.execution_count
        return await self._run_parsed(*given, interactive=interactive, number=number)

    async def run_failed(self, failed: FailedCell, messages: Messages, number: int) -> Ending:
        """Run what has not run of a cell. Raises :class:`DexecError` as :meth:`run` does."""
        self._target.policy.check_settings(self._settings, _DEFAULTS)
        given = (failed.cell, failed.code, messages, None)
        return await self._run_parsed(*given, interactive=True, number=number)

    async def offer(self, messages: Messages, again: Callable[[], bool]) -> None:
        """Show the containers that there are to choose from; an interrupt ends the look at them.

        ``again`` runs the cell. Raises what goes wrong.
        """
        await self._finding.do(self._chooser.offer(messages, again))

    async def _run_parsed(
        self,
        cell: Cell,
        code: str,
        messages: Messages,
        failed: FailedCell | None,
        *,
        interactive: bool,
        number: int,
    ) -> Ending:
        if cell.runs or cell.magics or cell.cell_magic:
            preparing = self._target.preparing(messages.publish)
            if preparing is not None and not await self._finding.do(preparing):
                return interrupted("", ""), None
        is_live = self.is_live(messages, interactive=interactive)
        try:
            completed = await self._magics.run(
                cell, messages, interactive=interactive, is_live=is_live
            )
        except NotChosenError as error:
            rest = replace(cell, magics=cell.magics[self._magics.completed :])
            return of_error(error), FailedCell.of(self._kernel, rest, code, number)
        if not (
            completed and interactive and chooses_only(cell) and failed and await self._is_last()
        ):
            failed = None
        if not completed or self._is_interrupted:
            return interrupted("", ""), None
        if failed is not None:
            self._chooser.withdraw(f"The cell was run with %container, as [{number}].")
            messages.publish("display_data", failed.announcement)
            return await self.run_failed(failed, messages, number)
        if not cell.runs:
            return None, None
        outcome = await self._run_exec(cell, code, messages, interactive=interactive, number=number)
        if cell.options.no_error and isinstance(outcome, Exited):
            return None, None
        failed = None
        if wants_choice(outcome, cell.options):
            failed = FailedCell.of(self._kernel, replace(cell, magics=()), code, number)
        return fault_of(outcome), failed

    async def _is_last(self) -> bool:
        """Tell whether no cell comes behind this one, as with Run All: it may be the failed one."""
        if self._has_waiting():
            return False
        await asyncio.sleep(_BETWEEN_CELLS)
        return not self._has_waiting()

    async def _run_exec(
        self, cell: Cell, code: str, messages: Messages, *, interactive: bool, number: int
    ) -> Outcome:
        """Run a cell, whose whole text is ``code``, in its container."""

        async def find() -> tuple[Backend, ContainerInspect]:
            return await self._target.client(), await self._target.running(cell.options.container)

        try:
            found = await self._finding.do(find())
        except EngineUnavailable:
            raise
        except DexecError as error:
            return Failed(error)
        if found is None or self._is_interrupted:
            return Interrupted("", "")
        backend, container = found
        past = None if messages.silent else self._cells.past.begin(number, code)
        outcome = await self._cells.run(
            backend, container, cell, messages, interactive=interactive, past=past
        )
        if isinstance(outcome, Interrupted | TimedOut):
            self.is_unanswered = outcome.is_unanswered
        return outcome
