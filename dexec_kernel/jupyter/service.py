"""The services of a kernel for its front end: cells, magics, completion, help, history.

They are put together here and not in :mod:`dexec_kernel.jupyter.kernel`, so that the kernel can
report that it is ready before it imports this module.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from ipykernel.kernelbase import Kernel

from dexec_kernel.backend.models import ContainerInspect
from dexec_kernel.backend.targets import find_container, require_running
from dexec_kernel.cells.outcome import Exited
from dexec_kernel.cells.output.log_folder import remove_stale_logs
from dexec_kernel.cells.source.cell import Cell, parse_cell
from dexec_kernel.cells.standby.pool import Standbys
from dexec_kernel.cells.standby.preparation import Preparation
from dexec_kernel.cells.why import unexpected
from dexec_kernel.cells.workspace import Memory
from dexec_kernel.display.fault import CellFault, fault_of, interrupted, of_error
from dexec_kernel.display.mode import Mode
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.errors import DexecError, EngineUnavailable
from dexec_kernel.jupyter.chooser import Chooser
from dexec_kernel.jupyter.containers import ContainerWatch
from dexec_kernel.jupyter.history import Entry, History, HistoryRequest
from dexec_kernel.jupyter.input import Input
from dexec_kernel.jupyter.language import Language
from dexec_kernel.jupyter.messages import Messages
from dexec_kernel.jupyter.runner import CellRunner, log_parent
from dexec_kernel.jupyter.settings import Settings
from dexec_kernel.jupyter.status import KernelStatus
from dexec_kernel.magics.catalogue import REGISTRY
from dexec_kernel.magics.context import MagicContext
from dexec_kernel.magics.registry import run_calls
from dexec_kernel.shell.complete import CompletionContext


class Service:
    """Serves the front end of one kernel. Everything happens on the main event loop.

    ``has_waiting`` tells whether more cells are queued. Close it with :meth:`aclose`. ``language``
    answers questions about text, ``history`` stores cells.
    """

    def __init__(
        self, kernel: Kernel, settings: Settings, *, has_waiting: Callable[[], bool]
    ) -> None:
        log = kernel.log
        self._kernel, self._settings = kernel, settings
        self._client: EngineClient | None = None
        self._is_executing = False
        self._was_interrupted = False
        self._finding: asyncio.Task[ContainerInspect] | None = None
        standbys = Standbys(lambda: settings.standby, has_waiting, lambda: settings.standby_timeout)
        self._memory = Memory(keeps_background=lambda: settings.keep_background, standbys=standbys)
        self._input = Input(kernel)
        self._cells = CellRunner(settings, self._memory, self._engine, self._input, log)
        self._watch = ContainerWatch(settings, self._engine)
        self._chooser = Chooser(settings, self._watch)
        self._status = KernelStatus(
            *(settings, self._watch, self._engine),
            memory=self._memory,
            cells=self._cells,
            interrupt=self.interrupt,
            standby_count=lambda: self._memory.standbys.count,
        )
        self._preparation = Preparation(
            self._memory,
            self._engine,
            container=lambda: settings.container,
            is_busy=lambda: self._is_executing,
            log=log,
        )
        self._magics: MagicContext | None = None
        self.history = History(lambda: settings.history_file, log)
        self.language = Language(
            engine=self._engine,
            container=lambda: settings.container,
            memory=self._memory,
            context=self._context,
            timeout=lambda: settings.completion_timeout,
            log=log,
        )

    def start(self) -> None:
        """Prepare for the first cell."""
        asyncio.get_running_loop().run_in_executor(None, remove_stale_logs, log_parent())
        self._preparation.after_cell()
        self._settings.observe(lambda _change: self._preparation.after_cell(), "container")

    def interrupt(self) -> None:
        """Interrupt the cell that runs, if one does."""
        self._was_interrupted = True
        self._stop_magics_and_finding()
        self._cells.interrupt()

    async def aclose(self) -> None:
        """End what runs in the container, and everything else."""
        self._stop_magics_and_finding()
        await self._cells.aclose()
        self._chooser.withdraw()
        await self._status.aclose()
        await self._watch.aclose()
        await self._preparation.aclose()
        self._input.close()
        await self.language.aclose()
        await self.history.aclose()
        await self._forget_engine()

    async def execute(
        self, code: str, *, silent: bool, interactive: bool, interrupted: bool = False
    ) -> CellFault | None:
        """Run a cell, the only one at a time. Return what went wrong, None for nothing.

        ``interactive`` tells a front end with a person from a program that executes notebooks:
        only the former gets widgets. ``interrupted``: an interrupt came before there was a service.
        """
        self._was_interrupted = interrupted
        messages = Messages(self._kernel, silent=silent)
        self._is_executing = True
        try:
            fault = await self._execute(code, messages, interactive=interactive)
        except DexecError as error:
            if isinstance(error, EngineUnavailable):
                # The next cell looks for the engine again; its address may have changed.
                await self._forget_engine()
            fault = of_error(error)
        except Exception as error:  # noqa: BLE001 -- a cell always gets its reply
            fault = of_error(unexpected(error))
        finally:
            self._is_executing = False
            self._preparation.after_cell()
        if fault is not None:
            messages.publish("error", fault.content())
            if self._is_live(messages, interactive=interactive):
                await self._chooser.offer_if_wanted(messages)
        return fault

    async def find_history(self, *values: Any, **named: Any) -> list[Entry]:
        """Return lines of the history; the arguments are those of a ``history_request``."""
        return await self.history.find(HistoryRequest(*values, **named))

    async def _execute(
        self, code: str, messages: Messages, *, interactive: bool
    ) -> CellFault | None:
        if self._settings.fault is not None:
            raise self._settings.fault
        cell = parse_cell(code)
        if self._was_interrupted:
            return interrupted("", "")
        if not await self._run_magics(cell, messages, interactive=interactive):
            return interrupted("", "")
        if not cell.runs:
            return None
        with self._chooser.watching(cell.options):
            container = await self._find(cell.options.container or self._settings.container)
        if container is None or self._was_interrupted:
            return interrupted("", "")
        outcome = await self._cells.run(container, cell, messages, interactive=interactive)
        self._chooser.take(outcome, cell.options)
        if cell.options.no_error and isinstance(outcome, Exited):
            return None
        return fault_of(outcome)

    async def _find(self, name: str) -> ContainerInspect | None:
        """Return the container of a cell, which runs; None when the cell is interrupted."""

        async def find() -> ContainerInspect:
            container = await find_container(await self._engine(), name)
            require_running(container)
            return container

        finding = self._finding = asyncio.create_task(find())
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
        if self._finding is not None:
            self._finding.cancel()

    async def _run_magics(self, cell: Cell, messages: Messages, *, interactive: bool) -> bool:
        """Run a cell's magics, all of which are read before; return False when interrupted."""
        calls = [REGISTRY.read(line) for line in cell.magics]
        if cell.cell_magic is not None:
            calls.append(REGISTRY.read(cell.cell_magic, body=cell.body))
        context = MagicContext(
            settings=self._settings,
            engine=self._engine,
            publish=messages.publish,
            shells=self._memory.shells,
            last=self._cells.last,
            ask=self._input.asker() if interactive and not messages.silent else None,
            memory=self._memory,
        )
        if self._is_live(messages, interactive=interactive):
            context.show_status = partial(self._status.show, messages)
        self._magics = context
        try:
            completed = await run_calls(calls, context)
        finally:
            self._magics = None
        if completed and cell.help:
            context.show_text(cell.help)
        return completed

    def _is_live(self, messages: Messages, *, interactive: bool) -> bool:
        """Whether somebody sees widgets, and wants them."""
        return interactive and not messages.silent and Mode(self._settings.status_bar) is Mode.LIVE

    def _context(self, container_id: str) -> CompletionContext:
        """Return what is known of a container's session besides what an exec sees."""
        state = self._memory.session.state(container_id)
        if state is None:
            return CompletionContext()
        return CompletionContext(
            state.folder or None, state.variables, state.functions, state.aliases
        )

    async def _engine(self) -> EngineClient:
        if self._client is None:
            self._client = await EngineClient.from_environment()
        return self._client

    async def _forget_engine(self) -> None:
        client, self._client = self._client, None
        await self._memory.standbys.aclose()
        if client is not None:
            await client.aclose()
