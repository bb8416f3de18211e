"""The services of a kernel for its front end: cells, magics, completion, help, history.

They are put together here and not in :mod:`dexec_kernel.jupyter.kernel`, so that the kernel can
report that it is ready before it imports this module.
"""

from __future__ import annotations

import asyncio
from asyncio import FIRST_COMPLETED
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias, TypeVar

from ipykernel.kernelbase import Kernel

from dexec_kernel.backend.models import ContainerInspect
from dexec_kernel.backend.protocol import Backend
from dexec_kernel.cells.outcome import Exited, Failed, Interrupted, Outcome
from dexec_kernel.cells.output.log_folder import remove_stale_logs
from dexec_kernel.cells.signals.leftovers import Leftovers
from dexec_kernel.cells.source.cell import Cell, parse_cell
from dexec_kernel.cells.standby.pool import Standbys
from dexec_kernel.cells.standby.preparation import Preparation
from dexec_kernel.cells.why import unexpected
from dexec_kernel.cells.workspace import Workspaces
from dexec_kernel.display.fault import CellFault, fault_of, interrupted, of_error
from dexec_kernel.display.mode import Mode
from dexec_kernel.errors import (
    DexecError,
    EngineUnavailable,
    NotChosenError,
)
from dexec_kernel.jupyter.again import Again, FailedCell, chooses_only
from dexec_kernel.jupyter.bars import Bars
from dexec_kernel.jupyter.chooser import Chooser, wants_choice
from dexec_kernel.jupyter.containers import ContainerWatch
from dexec_kernel.jupyter.deadline import Deadline
from dexec_kernel.jupyter.history import Entry, History, HistoryRequest, allowed_file
from dexec_kernel.jupyter.input import Input
from dexec_kernel.jupyter.lab_status import LabStatus
from dexec_kernel.jupyter.language import Language
from dexec_kernel.jupyter.messages import Messages
from dexec_kernel.jupyter.receipt import has_widgets, wait_for_receipt
from dexec_kernel.jupyter.runner import CellRunner, log_parent
from dexec_kernel.jupyter.settings import Settings
from dexec_kernel.jupyter.status import KernelStatus
from dexec_kernel.jupyter.target import target_of
from dexec_kernel.magics.catalogue import REGISTRY
from dexec_kernel.magics.context import MagicContext
from dexec_kernel.magics.registry import run_calls
from dexec_kernel.shell.complete import CompletionContext

#: In seconds: Jupyter kills a kernel that has not ended after five. What is reserved for all else
#: than processes; what an engine may take to say that it is there, and what is left if it does not;
#: what is reserved for the processes that this machine can end itself.
_BUDGET, _REST, _ANSWER, _HOPELESS, _LAST = 4.0, 0.7, 1.0, 0.8, 0.3
#: In seconds, within the budget: what a front end may take to handle the last messages.
_RECEIPT = 2.0
_DEFAULTS = Settings()


_T = TypeVar("_T")
#: What went wrong with a cell, None for nothing; and the cell, if another container would help.
Ending: TypeAlias = tuple[CellFault | None, FailedCell | None]


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
        self._has_waiting = has_waiting
        self._is_executing = self._is_interrupted = False
        self._turn = asyncio.Lock()
        self._interrupts = 0
        #: The last cell, if it failed for lack of a container.
        self._failed: FailedCell | None = None
        self._again = Again(kernel, self._serve_again)
        self._offering: asyncio.Task[None] | None = None
        self._finding: asyncio.Task[Any] | None = None
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
        self._magics: MagicContext | None = None
        self._completed = 0
        self.history = History(
            lambda: allowed_file(settings.history_file, lambda: self._target.policy), log
        )
        self.language = Language(
            self._target,
            workspaces=self._workspaces,
            context=self._context,
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
        self._is_interrupted = True
        self._interrupts += 1
        self._stop_magics_and_finding()
        self._cells.interrupt(by_front_end=by_front_end)

    async def aclose(self, *, restarts: bool = False) -> None:
        """End what runs in the container, and everything else, within ``_BUDGET`` seconds.

        An engine that does not answer gets less: nothing can be ended through it. Unless the kernel
        ``restarts``, the front end that shows widgets has time to handle their end.
        """
        whole = deadline = Deadline(_BUDGET)
        # JupyterLab takes nothing more in once it has asked for a restart.
        awaits_front_end = not restarts and has_widgets()
        self._stop_magics_and_finding()
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
        before, failed = self._interrupts, None
        async with self._turn:
            if self._interrupts != before:
                # It came while the cell waited for one that is run again.
                fault = interrupted("", "")
                messages.publish("error", fault.content())
                return fault
            if not silent:
                failed, self._failed = self._failed, None
            work = self._execute(code, messages, failed, interactive=interactive)
            return await self._serve(work, messages, interactive=interactive)

    async def _serve(
        self, work: Awaitable[Ending], messages: Messages, *, interactive: bool
    ) -> CellFault | None:
        """Do the work of a cell; show what went wrong, and return it."""
        self._is_executing, self._is_interrupted, failed = True, False, None
        try:
            fault, failed = await work
        except DexecError as error:
            fault = of_error(error)
            if isinstance(error, EngineUnavailable):
                await self._forget_engine()
        except Exception as error:  # noqa: BLE001 -- a cell always gets its reply
            fault = of_error(unexpected(error))
        finally:
            self._is_executing = False
            self._preparation.after_cell()
            self._target.after_cell()
            self._lab.changed()
        if fault is not None:
            is_live = self._is_live(messages, interactive=interactive)
            shown = fault
            if failed is not None and is_live and fault.name == NotChosenError.__name__:
                # The list below the error has the containers. The reply is for programs, too.
                shown = replace(fault, details=())
            messages.publish("error", shown.content())
            if failed is not None and is_live:
                await self._offer(messages, failed)
        if interactive and not messages.silent:
            self._failed = failed
        return fault

    async def _offer(self, messages: Messages, failed: FailedCell) -> None:
        """Show the containers that there are to choose from. An interrupt ends the look at them."""
        offer = self._chooser.offer(messages, partial(self._again.start, failed))
        offering = self._offering = asyncio.create_task(offer)
        try:
            await asyncio.wait({offering})
        finally:
            offering.cancel()
            self._offering = None
        if not offering.cancelled() and (error := offering.exception()) is not None:
            self._log.error("No containers can be shown.", exc_info=error)

    async def _serve_again(self, failed: FailedCell, messages: Messages) -> None:
        """Run a cell again, when no other runs."""
        before = self._interrupts
        async with self._turn:
            if self._interrupts == before:
                self._failed = None
                messages.publish("clear_output", {"wait": False})
                work = self._run_failed(failed, messages, failed.number)
                await self._serve(work, messages, interactive=True)

    async def _serve_button(self, line: str, messages: Messages) -> None:
        """Run a magic for a button, when no cell runs."""
        before = self._interrupts
        async with self._turn:
            if self._interrupts == before:
                work = self._execute(line, messages, None, interactive=False)
                await self._serve(work, messages, interactive=False)

    async def _run_failed(self, failed: FailedCell, messages: Messages, number: int) -> Ending:
        """Run what has not run of a cell."""
        self._target.policy.check_settings(self._settings, _DEFAULTS)
        given = (failed.cell, failed.code, messages, None)
        return await self._run_parsed(*given, interactive=True, number=number)

    async def find_history(self, *values: Any, **named: Any) -> list[Entry]:
        """Return lines of the history; the arguments are those of a ``history_request``."""
        return await self.history.find(HistoryRequest(*values, **named))

    async def _execute(
        self, code: str, messages: Messages, failed: FailedCell | None, *, interactive: bool
    ) -> Ending:
        """Run a cell. ``failed`` is the one before it, if that failed for lack of a container."""
        if self._settings.fault is not None:
            raise self._settings.fault
        self._target.policy.check_settings(self._settings, _DEFAULTS)
        given, number = (parse_cell(code), code, messages, failed), self._kernel.execution_count
        return await self._run_parsed(*given, interactive=interactive, number=number)

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
            preparing = self._target.prepare(messages.publish)
            if not await self._until_interrupted(preparing):
                return interrupted("", ""), None
        try:
            completed = await self._run_magics(cell, messages, interactive=interactive)
        except NotChosenError as error:
            rest = replace(cell, magics=cell.magics[self._completed :])
            return of_error(error), FailedCell.of(self._kernel, rest, code, number)
        if not completed or self._is_interrupted:
            return interrupted("", ""), None
        if failed is not None and interactive and chooses_only(cell) and not self._has_waiting():
            self._chooser.withdraw(f"The cell was run with %container, as [{number}].")
            messages.publish("display_data", failed.announcement)
            return await self._run_failed(failed, messages, number)
        if not cell.runs:
            return None, None
        outcome = await self._run(cell, code, messages, interactive=interactive, number=number)
        if cell.options.no_error and isinstance(outcome, Exited):
            return None, None
        failed = None
        if wants_choice(outcome, cell.options):
            failed = FailedCell.of(self._kernel, replace(cell, magics=()), code, number)
        return fault_of(outcome), failed

    async def _run(
        self, cell: Cell, code: str, messages: Messages, *, interactive: bool, number: int
    ) -> Outcome:
        """Run a cell, whose whole text is ``code``, in its container."""

        async def find() -> tuple[Backend, ContainerInspect]:
            return await self._target.client(), await self._target.running(cell.options.container)

        try:
            found = await self._until_interrupted(find())
        except DexecError as error:
            if isinstance(error, EngineUnavailable):
                await self._forget_engine()
            return Failed(error)
        if found is None or self._is_interrupted:
            return Interrupted("", "")
        backend, container = found
        past = None if messages.silent else self._cells.past.begin(number, code)
        return await self._cells.run(
            backend, container, cell, messages, interactive=interactive, past=past
        )

    async def _until_interrupted(self, work: Coroutine[Any, Any, _T]) -> _T | None:
        """Return the result of work, or None where the user has interrupted it."""
        finding = asyncio.create_task(work)
        self._finding = finding
        try:
            return await finding
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return None
        finally:
            self._finding = None

    def _stop_magics_and_finding(self) -> None:
        if self._magics is not None:
            self._magics.interrupted.set()
        for task in (self._finding, self._offering):
            if task is not None:
                task.cancel()

    async def _run_magics(self, cell: Cell, messages: Messages, *, interactive: bool) -> bool:
        """Run a cell's magics, all of which are read before; return False when interrupted."""
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
        )
        if self._is_live(messages, interactive=interactive):
            context.show_status = partial(self._status.show, messages)
            context.show_lab = partial(self._lab.show, messages)
        self._magics = context
        try:
            completed = await run_calls(calls, context)
        finally:
            self._magics, self._completed = None, context.completed
        if completed and cell.help:
            context.show_text(cell.help)
        return completed

    def _is_live(self, messages: Messages, *, interactive: bool) -> bool:
        """Whether somebody sees widgets, and wants them."""
        return interactive and not messages.silent and Mode(self._settings.status_bar) is Mode.LIVE

    def _context(self, container_id: str) -> CompletionContext:
        """Return what is known of a container's session besides what an exec sees."""
        state = self._workspaces.state(container_id)
        if state is None:
            return CompletionContext()
        return CompletionContext(
            state.folder or None, state.variables, state.functions, state.aliases
        )

    async def _forget_engine(self) -> None:
        """Look for the engine again with the next cell: it may come up elsewhere."""
        await self._workspaces.standbys.aclose()
        await self._target.forget()
