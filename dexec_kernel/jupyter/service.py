"""The services of a kernel for its front end: cells, magics, completion, help, history.

They are put together here and not in :mod:`dexec_kernel.jupyter.kernel`, so that the kernel can
report that it is ready before it imports this module.
"""

from __future__ import annotations

import asyncio
from asyncio import FIRST_COMPLETED
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

from ipykernel.kernelbase import Kernel

from dexec_kernel.cells.output.log_folder import remove_stale_logs
from dexec_kernel.cells.signals.leftovers import Leftovers
from dexec_kernel.cells.standby.pool import Standbys
from dexec_kernel.cells.standby.preparation import Preparation
from dexec_kernel.cells.why import unexpected
from dexec_kernel.cells.workspace import Workspaces
from dexec_kernel.display.fault import CellFault, interrupted, of_error
from dexec_kernel.errors import (
    DexecError,
    EngineUnavailable,
    NotChosenError,
)
from dexec_kernel.jupyter.again import Again, FailedCell
from dexec_kernel.jupyter.bars import Bars
from dexec_kernel.jupyter.chooser import Chooser
from dexec_kernel.jupyter.containers import ContainerWatch
from dexec_kernel.jupyter.deadline import Deadline
from dexec_kernel.jupyter.history import Entry, History, HistoryRequest, allowed_file
from dexec_kernel.jupyter.input import Input
from dexec_kernel.jupyter.lab_status import LabStatus
from dexec_kernel.jupyter.language import Language
from dexec_kernel.jupyter.magics import MagicRunner
from dexec_kernel.jupyter.messages import Messages
from dexec_kernel.jupyter.receipt import has_widgets, wait_for_receipt
from dexec_kernel.jupyter.runner import CellRunner, log_parent
from dexec_kernel.jupyter.settings import Settings
from dexec_kernel.jupyter.status import KernelStatus
from dexec_kernel.jupyter.target import target_of
from dexec_kernel.jupyter.turns import Turns
from dexec_kernel.jupyter.work import CellWork, Ending

#: In seconds: Jupyter kills a kernel that has not ended after five.
_BUDGET = 4.0
#: In seconds, within the budget: reserved for everything but the processes of cells.
_REST = 0.7
#: In seconds: what an engine may take to say that it is there.
_ANSWER = 1.0
#: In seconds: what is left of the budget if the engine does not answer.
_HOPELESS = 0.8
#: In seconds, within the budget: reserved for the processes that this machine can end itself.
_LAST = 0.3
#: In seconds, within the budget: what a front end may take to handle the last messages.
_RECEIPT = 2.0


class Service:
    """Serves the front end of one kernel. Everything happens on the main event loop.

    ``has_waiting`` tells whether more cells are queued. Close it with :meth:`aclose`. ``language``
    answers questions about text, ``history`` stores cells.
    """

    def __init__(
        self,
        kernel: Kernel,
        settings: Settings,
        *,
        has_waiting: Callable[[], bool],
        bars: Bars,
    ) -> None:
        log = kernel.log
        self._kernel, self._settings, self._log = kernel, settings, log
        self._target = target_of(settings, bars.kernel_id)
        self._is_executing = False
        self._turns = Turns()
        #: The last cell, if it failed for lack of a container.
        self._failed: FailedCell | None = None
        self._again = Again(kernel, self._serve_again)
        leftovers = self._leftovers = Leftovers(self._target.client)
        self._workspaces = Workspaces(
            keeps_background=lambda: settings.keep_background,
            standbys=Standbys(
                *(lambda: settings.standby, has_waiting, lambda: settings.standby_timeout),
                leftovers=leftovers,
            ),
            leftovers=leftovers,
        )
        self._input = Input(kernel)
        self._bars = bars
        self._cells = CellRunner(
            *(settings, self._workspaces, self._input, bars, log),
            policy=lambda: self._target.policy,
        )
        self._watch = ContainerWatch(settings, self._target)
        self._chooser = Chooser(settings, self._watch, bars)
        self._status = KernelStatus(
            *(settings, self._watch, self._target),
            workspaces=self._workspaces,
            cells=self._cells,
            bars=bars,
            interrupt=partial(self.interrupt, by_front_end=False),
            standby_count=lambda: self._workspaces.standbys.count,
        )
        self._lab = LabStatus(kernel, bars, self._serve_button)
        self._preparation = Preparation(
            self._workspaces,
            self._target,
            is_busy=lambda: self._is_executing,
            log=log,
        )
        magics = MagicRunner(
            *(settings, self._target, self._input, self._workspaces, self._cells),
            status=self._status,
            lab=self._lab,
            watch=self._watch,
        )
        self._work = CellWork(
            *(kernel, settings, self._target, magics, self._cells),
            chooser=self._chooser,
            has_waiting=has_waiting,
        )
        self.history = History(
            lambda: allowed_file(settings.history_file, lambda: self._target.policy), log
        )
        self.language = Language(
            self._target,
            workspaces=self._workspaces,
            timeout=lambda: settings.completion_timeout,
            log=log,
        )

    def start(self) -> None:
        """Prepare for the first cell."""
        asyncio.get_running_loop().run_in_executor(None, remove_stale_logs, log_parent())
        self._preparation.at_start()
        self._settings.observe(lambda _change: self._preparation.after_cell(), "container")

    @property
    def is_executing(self) -> bool:
        """Whether a cell runs: also one that is run again, without a request."""
        return self._is_executing

    def interrupt(self, *, by_front_end: bool = True) -> None:
        """Interrupt the cell that runs, if one does; ``by_front_end``, or by a button of ours."""
        self._turns.interrupt()
        self._work.interrupt(by_front_end=by_front_end)

    async def aclose(self, *, restarts: bool = False) -> None:
        """End what runs in the container, and everything else, within ``_BUDGET`` seconds.

        An engine that does not answer gets less: nothing can be ended through it. Unless the kernel
        ``restarts``, the front end that shows widgets has time to handle their end.
        """
        whole = deadline = Deadline(_BUDGET)
        # JupyterLab takes nothing more in once it has asked for a restart.
        awaits_front_end = not restarts and has_widgets()
        self._work.stop()
        self._chooser.withdraw()
        self._input.close()
        if not self._is_executing:
            # First: a front end may let go of the kernel before all else is done.
            await deadline.wait(self._status.aclose(), self._lab.aclose())
        ending = asyncio.ensure_future(self._cells.end())
        asking = asyncio.ensure_future(self._target.answers())
        await asyncio.wait({ending, asking}, timeout=_ANSWER, return_when=FIRST_COMPLETED)
        if not (ending.done() or (asking.done() and asking.result())):
            deadline = Deadline(_HOPELESS)
        asking.cancel()
        if not await deadline.wait(ending, reserve=_REST):
            self._log.warning("What cells have started could not be ended in time.")
        await deadline.wait(self._again.aclose(), self._preparation.aclose(), reserve=_LAST)
        if not await deadline.wait(self._target.end(restarts=restarts), reserve=_LAST):
            self._log.warning("The lab's containers could not be removed in time.")
        rest = (self._status, self._lab, self._watch, self.language, self.history)
        closing = (part.aclose() for part in (*rest, self._cells, self._bars))
        if not await deadline.wait(*closing, reserve=_LAST):
            self._log.warning("The kernel could not be ended in order in time.")
        if not await deadline.wait(self._leftovers.aclose()):
            self._log.warning("Processes in the container go on: the engine does not answer.")
        await self._target.forget()
        if awaits_front_end:
            patience = Deadline(min(_RECEIPT, whole.left))
            await patience.wait(wait_for_receipt(Messages(self._kernel, silent=False)))

    async def execute(self, code: str, *, silent: bool, interactive: bool) -> CellFault | None:
        """Run a cell, the only one at a time. Return what went wrong, None for nothing.

        It always returns: an exception that nothing was prepared for is an :class:`InternalError`.
        ``interactive`` tells a front end with a person from a program that executes notebooks:
        only the former gets widgets.
        """
        messages = Messages(self._kernel, silent=silent)

        def begin() -> Awaitable[Ending]:
            failed = None
            if not silent:
                failed, self._failed = self._failed, None
            return self._work.run(code, messages, failed, interactive=interactive)

        return await self._serve(begin, messages, interactive=interactive)

    async def _serve_again(self, failed: FailedCell, messages: Messages) -> None:
        """Run a cell again, when no other runs."""

        def begin() -> Awaitable[Ending]:
            self._failed = None
            messages.publish("clear_output", {"wait": False})
            return self._work.run_failed(failed, messages, failed.number)

        await self._serve(begin, messages, interactive=True)

    async def _serve_button(self, line: str, messages: Messages) -> None:
        """Run a magic for a button, when no cell runs."""

        def begin() -> Awaitable[Ending]:
            return self._work.run(line, messages, None, interactive=False)

        await self._serve(begin, messages, interactive=False)

    async def _serve(
        self, begin: Callable[[], Awaitable[Ending]], messages: Messages, *, interactive: bool
    ) -> CellFault | None:
        """Do the work of a cell in its turn; show what went wrong, and return it.

        An interrupt while the cell waits for one that is run again ends it before it begins.
        """
        async with self._turns.take() as begins:
            if begins:
                fault, failed = await self._do(begin())
            else:
                fault, failed = interrupted("", ""), None
            if fault is not None:
                is_live = self._work.is_live(messages, interactive=interactive)
                shown = fault
                if failed is not None and is_live and fault.name == NotChosenError.__name__:
                    # The list below the error has the containers. The reply is for programs, too.
                    shown = replace(fault, details=())
                messages.publish("error", shown.content())
                if failed is not None and is_live:
                    await self._offer(messages, failed)
            if begins and interactive and not messages.silent:
                self._failed = failed
            return fault

    async def _do(self, work: Awaitable[Ending]) -> Ending:
        """Do the work of a cell, which always has an end; it is the only one."""
        self._is_executing = True
        self._work.begin()
        try:
            ending = await work
            if self._work.is_unanswered:
                # Its connection may be frozen: the next cell would wait as long for an answer.
                await self._forget_engine()
            return ending
        except DexecError as error:
            if isinstance(error, EngineUnavailable):
                await self._forget_engine()
            return of_error(error), None
        except Exception as error:  # noqa: BLE001 -- a cell always gets its reply
            return of_error(unexpected(error)), None
        finally:
            self._is_executing = False
            self._preparation.after_cell()
            self._target.after_cell()
            self._lab.changed()

    async def _offer(self, messages: Messages, failed: FailedCell) -> None:
        """Show the containers that there are to choose from."""
        try:
            await self._work.offer(messages, partial(self._again.start, failed))
        except Exception as error:  # noqa: BLE001 -- the cell has its reply all the same
            self._log.error("No containers can be shown.", exc_info=error)

    async def find_history(self, *values: Any, **named: Any) -> list[Entry]:
        """Return lines of the history; the arguments are those of a ``history_request``."""
        return await self.history.find(HistoryRequest(*values, **named))

    async def _forget_engine(self) -> None:
        """Look for the engine again with the next cell: it may come up elsewhere."""
        await self._workspaces.standbys.aclose()
        await self._target.forget()
