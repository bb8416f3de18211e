"""DexecKernel: Jupyter messages in, Jupyter messages out. Glue only.

Everything happens on the main event loop: the shell channel's requests arrive there, and what
arrives elsewhere (interrupt and shutdown on the control thread) hops over.
Source: Jupyter messaging protocol 5.5.
"""

from __future__ import annotations

import asyncio
import signal
from functools import partial
from typing import Any

import comm
from ipykernel._version import kernel_protocol_version
from ipykernel.kernelbase import Kernel

from dexec_kernel import __version__
from dexec_kernel.cell_runner import CellRunner, log_parent
from dexec_kernel.cells.complete import CompletionContext
from dexec_kernel.cells.log_folder import remove_stale
from dexec_kernel.cells.memory import Memory
from dexec_kernel.cells.outcome import Exited
from dexec_kernel.cells.pool import Standbys
from dexec_kernel.cells.source import Cell, parse_cell
from dexec_kernel.chooser import Chooser
from dexec_kernel.container_watch import ContainerWatch
from dexec_kernel.display.cell import Mode
from dexec_kernel.display.fault import CellFault, interrupted, of_error
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.errors import DexecError, EngineUnavailable
from dexec_kernel.engine.lookup import find_container, require_running
from dexec_kernel.history import History, HistoryRequest
from dexec_kernel.input import Input
from dexec_kernel.language import Language
from dexec_kernel.magics.catalogue import REGISTRY
from dexec_kernel.magics.context import MagicContext
from dexec_kernel.magics.registry import run_calls
from dexec_kernel.messages import Messages, fault_of
from dexec_kernel.preparation import Preparation
from dexec_kernel.settings import Settings
from dexec_kernel.status import KernelStatus
from dexec_kernel.widgets import open_widget, open_widget_control


class DexecKernel(Settings, Kernel):  # type: ignore[misc] # ipykernel is not typed
    """A kernel that runs every cell as an exec in a container."""

    implementation = "dexec_kernel"
    implementation_version = __version__
    banner = f"dexec-kernel {__version__}: every cell is an exec in a container"
    language_info = {  # noqa: RUF012 -- ipykernel declares it so
        "name": "bash",
        "mimetype": "text/x-sh",
        "file_extension": ".sh",
        "codemirror_mode": "shell",
        "pygments_lexer": "bash",
        "version": __version__,
    }

    # Cells flush nothing through sys.stdout, so that there is nothing to wait for.
    _execute_sleep = 0.0

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._client: EngineClient | None = None
        self._requests = 0
        self._is_executing = False
        standbys = Standbys(
            lambda: self.standby, lambda: self._requests > 1, lambda: self.standby_timeout
        )
        self._memory = Memory(keeps_background=lambda: self.keep_background, standbys=standbys)
        self._input = Input(self)
        self._cells = CellRunner(self, self._memory, self._engine, self._input, self.log)
        self._watch = ContainerWatch(self, self._engine)
        self._chooser = Chooser(self, self._watch)
        self._status = KernelStatus(
            *(self, self._watch, self._engine),
            memory=self._memory,
            cells=self._cells,
            interrupt=self.interrupt,
            standby_count=lambda: self._memory.standbys.count,
        )
        self._preparation = Preparation(
            self._memory,
            self._engine,
            container=lambda: self.container,
            is_busy=lambda: self._is_executing,
            log=self.log,
        )
        self._magics: MagicContext | None = None
        self._counter = 1
        self._history = History(lambda: self.history_file, self.log)
        self._language = Language(
            engine=self._engine,
            container=lambda: self.container,
            memory=self._memory,
            context=self._context,
            log=self.log,
        )
        self.comm_manager = comm.get_comm_manager()
        for name in ("comm_open", "comm_msg", "comm_close"):
            self.shell_handlers[name] = getattr(self.comm_manager, name)
        self.comm_manager.register_target("jupyter.widget", open_widget)
        self.comm_manager.register_target("jupyter.widget.control", open_widget_control)

    # --- life -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to serve. Called by IPKernelApp, before the event loop runs."""
        super().start()
        self._loop: asyncio.AbstractEventLoop = self.io_loop.asyncio_loop
        self._loop.add_signal_handler(signal.SIGINT, self.interrupt)
        for number in (signal.SIGTERM, signal.SIGHUP):
            self._loop.add_signal_handler(number, self._terminate)
        self._loop.run_in_executor(None, remove_stale, log_parent())
        self._preparation.at_start(self._loop)
        self.observe(lambda _change: self._preparation.after_cell(), "container")

    async def shell_main(self, subshell_id: str | None, msg: Any) -> None:
        """Handle a request, after those that came before. Called by ipykernel for each."""
        self._requests += 1
        try:
            await super().shell_main(subshell_id, msg)
        finally:
            self._requests -= 1

    def interrupt(self) -> None:
        """Interrupt the cell that runs, if one does. Called on the main event loop."""
        if self._magics is not None:
            self._magics.interrupted.set()
        self._cells.interrupt()

    def pre_handler_hook(self) -> None:
        """Leave SIGINT alone: ipykernel would raise KeyboardInterrupt in the event loop."""

    def post_handler_hook(self) -> None:
        """Leave SIGINT alone."""

    async def interrupt_request(self, stream: Any, ident: Any, parent: Any) -> None:
        """Answer an ``interrupt_request``. Called by ipykernel on the control thread."""
        self._loop.call_soon_threadsafe(self.interrupt)
        self.session.send(stream, "interrupt_reply", {"status": "ok"}, parent, ident=ident)

    async def do_shutdown(self, restart: bool) -> dict[str, Any]:  # noqa: FBT001 -- ipykernel's
        """End what runs in the container. Called by ipykernel on the control thread."""
        ending = asyncio.run_coroutine_threadsafe(self._close(), self._loop)
        await asyncio.wrap_future(ending)
        return {"status": "ok", "restart": restart}

    def _terminate(self) -> None:
        """End the kernel on a signal, and first what runs in the container."""
        ending = self._loop.create_task(self._close())
        ending.add_done_callback(lambda _ending: self.io_loop.stop())

    async def _close(self) -> None:
        if self._magics is not None:
            self._magics.interrupted.set()
        await self._cells.aclose()
        self._chooser.withdraw()
        await self._status.aclose()
        await self._watch.aclose()
        await self._preparation.aclose()
        self._input.close()
        await self._language.aclose()
        await self._history.aclose()
        await self._forget_engine()

    # --- what the kernel says of itself ---------------------------------------------------------

    @property
    def kernel_info(self) -> dict[str, Any]:
        """The content of a ``kernel_info_reply``: no debugger, and one cell at a time.

        Not the base class's with features taken out: that imports debugpy to see whether it can.
        """
        return {
            "protocol_version": kernel_protocol_version,
            "implementation": self.implementation,
            "implementation_version": self.implementation_version,
            "language_info": self.language_info,
            "banner": self.banner,
            "help_links": self.help_links,
            "supported_features": [],
        }

    async def create_subshell_request(self, socket: Any, ident: Any, parent: Any) -> None:
        """Refuse a subshell: a second cell beside the first would have no prompt to belong to."""
        content = {"status": "error", "ename": "NotSupported", "evalue": "no subshells"}
        self.session.send(
            socket, "create_subshell_reply", {**content, "traceback": []}, parent, ident
        )

    @property
    def execution_count(self) -> int:
        """The number of the cell: the next that is stored in the history has it."""
        return self._counter

    @execution_count.setter
    def execution_count(self, value: int) -> None:
        """Ignore ipykernel's counting, which counts what is not stored as well."""

    # --- what a front end asks about text ---------------------------------------------------------

    async def do_complete(self, code: str, cursor_pos: int) -> dict[str, Any]:
        """Complete the word at the cursor, from inside the container."""
        return await self._language.complete(code, cursor_pos)

    async def do_inspect(
        self,
        code: str,
        cursor_pos: int,
        detail_level: int = 0,  # noqa: ARG002 -- there is one
        omit_sections: Any = (),  # noqa: ARG002 -- there are none
    ) -> dict[str, Any]:
        """Say what the word at the cursor is."""
        return await self._language.inspect(code, cursor_pos)

    async def do_is_complete(self, code: str) -> dict[str, Any]:
        """Say whether the text is complete, or Enter should begin another line."""
        return self._language.is_complete(code)

    async def do_history(self, *values: Any, **named: Any) -> dict[str, Any]:
        """Return lines of the history; the arguments are those of a ``history_request``."""
        return {
            "status": "ok",
            "history": await self._history.find(HistoryRequest(*values, **named)),
        }

    def _context(self, container_id: str) -> CompletionContext:
        """Return what is known of a container's session besides what an exec sees."""
        state = self._memory.session.state(container_id)
        if state is None:
            return CompletionContext()
        return CompletionContext(
            state.folder or None, state.variables, state.functions, state.aliases
        )

    # --- cells ------------------------------------------------------------------------------------

    async def do_execute(
        self,
        code: str,
        silent: bool,  # noqa: FBT001 -- ipykernel's
        store_history: bool = True,  # noqa: FBT001, FBT002 -- ipykernel's
        user_expressions: dict[str, str] | None = None,  # noqa: ARG002 -- shells have none
        allow_stdin: bool = False,  # noqa: FBT001, FBT002 -- ipykernel's
    ) -> dict[str, Any]:
        """Run a cell. Called by ipykernel on the main event loop, one cell at a time.

        ``allow_stdin`` tells a front end with a person from a program that executes notebooks:
        only the former gets widgets.
        """
        messages = Messages(self, silent=silent)
        number = self._counter
        self._is_executing = True
        try:
            fault = await self._execute(code, messages, interactive=allow_stdin)
        except DexecError as error:
            if isinstance(error, EngineUnavailable):
                # The next cell looks for the engine anew; it may come up elsewhere.
                await self._forget_engine()
            fault = of_error(error)
        finally:
            if store_history and not silent:
                self._history.store(number, code)
                self._counter += 1
            self._is_executing = False
            self._preparation.after_cell()
        if fault is None:
            return {
                "status": "ok",
                "execution_count": number,
                "payload": [],
                "user_expressions": {},
            }
        content = fault.content()
        messages.publish("error", content)
        if self._is_live(messages, interactive=allow_stdin):
            await self._chooser.offer_if_wanted(messages)
        return {"status": "error", "execution_count": number, **content}

    async def _execute(
        self, code: str, messages: Messages, *, interactive: bool
    ) -> CellFault | None:
        if self.fault is not None:
            raise self.fault
        cell = parse_cell(code)
        if not await self._run_magics(cell, messages, interactive=interactive):
            return interrupted("", "")
        if not cell.runs:
            return None
        with self._chooser.watching(cell.options):
            container = await find_container(
                await self._engine(), cell.options.container or self.container
            )
            require_running(container)
        outcome = await self._cells.run(container, cell, messages, interactive=interactive)
        self._chooser.take(outcome, cell.options)
        if cell.options.no_error and isinstance(outcome, Exited):
            return None
        return fault_of(outcome)

    async def _run_magics(self, cell: Cell, messages: Messages, *, interactive: bool) -> bool:
        """Run a cell's magics, all of which are read before; return False when interrupted."""
        calls = [REGISTRY.read(line) for line in cell.magics]
        if cell.cell_magic is not None:
            calls.append(REGISTRY.read(cell.cell_magic, body=cell.body))
        context = MagicContext(
            settings=self,
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
        return interactive and not messages.silent and Mode(self.status_bar) is Mode.LIVE

    async def _engine(self) -> EngineClient:
        if self._client is None:
            self._client = await EngineClient.from_environment()
        return self._client

    async def _forget_engine(self) -> None:
        client, self._client = self._client, None
        await self._memory.standbys.aclose()
        if client is not None:
            await client.aclose()
