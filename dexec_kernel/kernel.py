"""DexecKernel: Jupyter messages in, Jupyter messages out. Glue only.

Everything happens on the main event loop: the shell channel's requests arrive there, and what
arrives elsewhere (interrupt and shutdown on the control thread) hops over.
Source: Jupyter messaging protocol 5.5.
"""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import comm
from ipykernel._version import kernel_protocol_version
from ipykernel.kernelbase import Kernel
from traitlets import CaselessStrEnum, Float, TraitError, Unicode

from dexec_kernel import __version__
from dexec_kernel.cells.outcome import Exited, Failed, Interrupted, Outcome, describe_exit
from dexec_kernel.cells.run import CellRun, Memory
from dexec_kernel.cells.source import parse_cell
from dexec_kernel.cells.text import Piece
from dexec_kernel.display.cell import CellDisplay, Mode
from dexec_kernel.display.containers import choice_data
from dexec_kernel.display.fault import CellFault, command_failed, interrupted, of_error
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.errors import ConfigurationError, DexecError, EngineUnavailable
from dexec_kernel.engine.lookup import candidates, find_container, require_running
from dexec_kernel.engine.models import ContainerInspect

#: In seconds: Jupyter waits five for a shutdown, then kills the kernel.
_SHUTDOWN_TIMEOUT = 4.0


class DexecKernel(Kernel):  # type: ignore[misc] # ipykernel is not typed
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

    container = Unicode(
        help="The container that cells run in: a name, an id, or compose:PROJECT/SERVICE."
        " Empty: the only one that runs."
    ).tag(config=True)
    status_bar = CaselessStrEnum(
        [mode.value for mode in Mode],
        default_value=Mode.LIVE.value,
        help="The bar of a cell: live (a widget while the cell runs), static, or off.",
    ).tag(config=True)
    interrupt_grace = Float(
        2.0,
        min=0.0,
        help="Seconds that an interrupted cell has to end by SIGINT, then by SIGTERM, before it is"
        " killed.",
    ).tag(config=True)

    # Cells flush nothing through sys.stdout, so that there is nothing to wait for.
    _execute_sleep = 0.0

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._client: EngineClient | None = None
        self._memory = Memory()
        self._cell: CellRun | None = None
        self._cell_done = asyncio.Event()
        self._cell_done.set()
        self._counter = 1
        self._fault: ConfigurationError | None = None
        self.comm_manager = comm.get_comm_manager()
        for name in ("comm_open", "comm_msg", "comm_close"):
            self.shell_handlers[name] = getattr(self.comm_manager, name)
        self.comm_manager.register_target("jupyter.widget", _open_widget)
        self.comm_manager.register_target("jupyter.widget.control", _open_widget_control)

    def set_from_text(self, name: str, text: str, *, source: str) -> None:
        """Set a setting from text. A value that is not valid becomes the error of every cell.

        A kernel that does not start could not say why: Jupyter shows no more than that it died.
        """
        try:
            setattr(self, name, self.traits()[name].from_string(text))
        except (TraitError, ValueError) as error:
            self._fault = ConfigurationError(
                f"{source} is {text!r}, which is no value for the setting {name}.",
                advice=f"{error}\n{self.traits()[name].help}",
            )

    # --- life -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to serve. Called by IPKernelApp, before the event loop runs."""
        super().start()
        self._loop: asyncio.AbstractEventLoop = self.io_loop.asyncio_loop
        self._loop.add_signal_handler(signal.SIGINT, self.interrupt)
        for number in (signal.SIGTERM, signal.SIGHUP):
            self._loop.add_signal_handler(number, self._terminate)

    def interrupt(self) -> None:
        """Interrupt the cell that runs, if one does. Called on the main event loop."""
        if self._cell is not None:
            self._cell.interrupt()

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
        if self._cell is not None:
            self._cell.interrupt(urgent=True)
            try:
                async with asyncio.timeout(_SHUTDOWN_TIMEOUT):
                    await self._cell_done.wait()
            except TimeoutError:
                self.log.warning("The cell's processes could not be ended in time.")
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
        messages = _Messages(self, silent=silent)
        number = self._counter
        try:
            fault = await self._execute(code, messages, interactive=allow_stdin)
        except DexecError as error:
            if isinstance(error, EngineUnavailable):
                # The next cell looks for the engine anew; it may come up elsewhere.
                await self._forget_engine()
            fault = of_error(error)
        finally:
            if store_history and not silent:
                self._counter += 1
        if fault is None:
            return {
                "status": "ok",
                "execution_count": number,
                "payload": [],
                "user_expressions": {},
            }
        content = fault.content()
        messages.publish("error", content)
        return {"status": "error", "execution_count": number, **content}

    async def _execute(
        self, code: str, messages: _Messages, *, interactive: bool
    ) -> CellFault | None:
        if self._fault is not None:
            raise self._fault
        cell = parse_cell(code)
        for magic in cell.magics:
            await self._container_magic(magic.arguments, messages)
        if not cell.body:
            return None
        container = await find_container(await self._engine(), self.container)
        require_running(container)
        outcome = await self._run(container, cell.body, messages, interactive=interactive)
        return _fault_of(outcome)

    async def _run(
        self,
        container: ContainerInspect,
        source: str,
        messages: _Messages,
        *,
        interactive: bool,
    ) -> Outcome:
        def emit(pieces: list[Piece]) -> None:
            display.show()
            for piece in pieces:
                messages.publish("stream", {"name": piece.stream, "text": piece.text})

        def changed() -> None:
            display.update()

        run = CellRun(
            await self._engine(),
            container,
            source,
            self._memory,
            emit=emit,
            changed=changed,
            interrupt_grace=self.interrupt_grace,
        )
        mode = Mode(self.status_bar)
        if mode is Mode.LIVE and not interactive:
            mode = Mode.STATIC
        display = CellDisplay(
            Mode.OFF if messages.silent else mode,
            publish=messages.publish,
            snapshot=run.snapshot,
            on_interrupt=run.interrupt,
        )
        self._cell = run
        self._cell_done.clear()
        display.start()
        try:
            outcome = await run.run()
            display.finish()
        finally:
            display.stop()
            self._cell = None
            self._cell_done.set()
        return outcome

    async def _container_magic(self, arguments: tuple[str, ...], messages: _Messages) -> None:
        """``%container``: choose, or show what there is to choose from."""
        client = await self._engine()
        if arguments:
            chosen = await find_container(client, arguments[0])
            self.container = arguments[0]
            data = choice_data([], chosen=chosen, setting=self.container)
        else:
            running = await candidates(client)
            chosen_now = None
            if self.container or len(running) == 1:
                chosen_now = await find_container(client, self.container)
            data = choice_data(running, chosen=chosen_now, setting=self.container)
        messages.publish("display_data", {"data": data, "metadata": {}, "transient": {}})

    async def _engine(self) -> EngineClient:
        if self._client is None:
            self._client = await EngineClient.from_environment()
        return self._client

    async def _forget_engine(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


class _Messages:
    """Sends a cell's messages with that cell as their parent, whatever else is being handled."""

    def __init__(self, kernel: DexecKernel, *, silent: bool) -> None:
        self._kernel = kernel
        self._parent = kernel.get_parent("shell")
        self.silent = silent

    def publish(self, kind: str, content: dict[str, Any]) -> None:
        """Send a message on iopub; nothing for a silent cell."""
        if not self.silent:
            kernel = self._kernel
            kernel.session.send(
                kernel.iopub_socket,
                kind,
                content,
                parent=self._parent,
                ident=kernel._topic(kind),  # noqa: SLF001 -- as the base class does
            )


def _fault_of(outcome: Outcome) -> CellFault | None:
    """Return what a cell's outcome is to Jupyter; None for a success."""
    match outcome:
        case Exited(exit_code=0):
            return None
        case Exited(exit_code=exit_code, reason=reason):
            return command_failed(describe_exit(exit_code, reason))
        case Interrupted(signal=name, note=note):
            return interrupted(name, note)
        case Failed(error=error):
            return of_error(error)


def _open_widget(opened: Any, message: dict[str, Any]) -> None:
    """Open a widget from the front end; ipywidgets is imported when it is needed."""
    import ipywidgets  # noqa: PLC0415

    ipywidgets.Widget.handle_comm_opened(opened, message)


def _open_widget_control(opened: Any, message: dict[str, Any]) -> None:
    """Answer a front end that asks for the state of all widgets, as JupyterLab does at first."""
    import ipywidgets  # noqa: PLC0415

    ipywidgets.Widget.handle_control_comm_opened(opened, message)
