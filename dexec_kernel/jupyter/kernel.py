"""DexecKernel: Jupyter messages in, Jupyter messages out. Glue only.

Everything happens on the main event loop: the shell channel's requests arrive there; interrupt and
shutdown arrive on the control thread and are passed on to it. Modules for cells are imported after
the first answer, so that the kernel is ready in half the time.
Source: Jupyter messaging protocol 5.5.
"""

from __future__ import annotations

import asyncio
import gc
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import comm
from ipykernel._version import kernel_protocol_version
from ipykernel.kernelbase import Kernel
from tornado.ioloop import IOLoop

from dexec_kernel import __version__
from dexec_kernel.jupyter.bars import Bars
from dexec_kernel.jupyter.interrupts import Interrupts
from dexec_kernel.jupyter.replies import EMPTY, answering
from dexec_kernel.jupyter.settings import Settings
from dexec_kernel.jupyter.widgets import WIDGET_TARGET, open_widget

if TYPE_CHECKING:
    from dexec_kernel.jupyter.service import Service

#: In seconds: another thread sends the answer, and would share the interpreter with the imports.
_AFTER_ANSWER = 0.02
#: In seconds: what the requests that are being handled may still take when all else has ended.
_LAST_REPLIES = 0.5


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
        self._requests = 0
        self._is_quiet = asyncio.Event()
        self._counter = 1
        self._opening: asyncio.Task[Service] | None = None
        self._service: Service | None = None
        self._is_closed = False
        self._closing: asyncio.Task[None] | None = None
        self._is_executing = self._is_interrupted = False
        self._request: dict[str, Any] = {}
        self._waiting: asyncio.Future[Service] | None = None
        self._interrupts = Interrupts()
        for kind in EMPTY:
            request = f"{kind}_request"
            handler = self.shell_handlers[request]
            self.shell_handlers[request] = answering(
                kind, handler, send=self.session.send, log=self.log
            )
        self.comm_manager = comm.get_comm_manager()
        for name in ("comm_open", "comm_close"):
            self.shell_handlers[name] = getattr(self.comm_manager, name)
        self.shell_handlers["comm_msg"] = self._comm_msg
        self.comm_manager.register_target(WIDGET_TARGET, open_widget)
        app = self.parent
        self.bars = Bars("" if app is None else str(app.connection_file), self.log)
        self.comm_manager.register_target("jupyter.widget.control", self.bars.open_control)

    # --- life -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to serve. Called by IPKernelApp, before the event loop runs."""
        # Before requests can come, which they do on other threads.
        loop: asyncio.AbstractEventLoop = IOLoop.current().asyncio_loop  # type: ignore[attr-defined]
        self._loop = loop
        super().start()
        self._loop.add_signal_handler(signal.SIGINT, self.interrupt)
        for number in (signal.SIGTERM, signal.SIGHUP):
            self._loop.add_signal_handler(number, self._terminate)

    async def shell_main(self, subshell_id: str | None, msg: Any) -> None:
        """Handle a request, after those that came before. Called by ipykernel for each."""
        self._requests += 1
        self._is_quiet.clear()
        try:
            if self._requests == 1 or not await self._answer_beside(msg):
                await super().shell_main(subshell_id, msg)
        finally:
            self._requests -= 1
            if not self._requests:
                self._is_quiet.set()
        if self._opening is None:
            self._loop.call_later(_AFTER_ANSWER, self._open_ahead)

    async def _answer_beside(self, frames: Any) -> bool:
        """Answer a ``comm_info_request`` beside a running cell; return False for any other request.

        A page that is loaded again and busy for 4 s has stopped waiting for the control comm. It
        asks for the comms instead, and shows an error in place of a bar that has ended by then.
        """
        try:
            identities, parts = self.session.feed_identities(frames, copy=False)
            head = self.session.deserialize(parts, content=False, copy=False)
            if head["header"]["msg_type"] != "comm_info_request":
                return False
            request = self.session.deserialize(parts, copy=False)
        except (ValueError, TypeError, KeyError):
            return False  # No message of a front end's, or a broken one, which ipykernel logs.
        subshells = self.shell_channel_thread.manager
        socket = subshells.get_subshell_to_shell_channel_socket(None)
        await self.comm_info_request(socket, identities, request)
        self._say_handled(request)
        return True

    def _say_handled(self, request: dict[str, Any]) -> None:
        """Say that a request was handled beside a cell: its front end waits for that.

        The front end takes it for the state of the kernel, too, which is busy.
        """
        self._publish_status("idle", "shell", parent=request)
        if self._is_executing:
            self._publish_status("busy", "shell", parent=self._request)

    async def comm_info_request(self, stream: Any, ident: Any, parent: Any) -> None:
        """Tell of the comms, those of the bars of earlier kernels too. Called by ipykernel."""
        target = parent["content"].get("target_name")
        stored = await self.bars.tell_ids() if target == WIDGET_TARGET else []
        comms = {key: {"target_name": WIDGET_TARGET} for key in stored}
        for key, opened in self.comm_manager.comms.items():
            if target in {None, opened.target_name}:
                comms[key] = {"target_name": opened.target_name}
        content = {"comms": comms, "status": "ok"}
        self.session.send(stream, "comm_info_reply", content, parent, ident)

    def _comm_msg(self, stream: Any, ident: Any, message: dict[str, Any]) -> None:
        """Pass a message on to its comm; for the bar of an earlier kernel, answer it here."""
        key = message["content"].get("comm_id")
        state = None if key in self.comm_manager.comms else self.bars.state_of(message)
        if state is None:
            self.comm_manager.comm_msg(stream, ident, message)
            # A front end keeps a model's next change back until that is said of the last one.
            if self._is_executing and message["content"].get("data", {}).get("method") == "update":
                self._say_handled(message)
            return
        data = {"method": "update", "state": state, "buffer_paths": []}
        content = {"comm_id": key, "data": data}
        self.session.send(self.iopub_socket, "comm_msg", content, parent=message)

    def should_handle(self, stream: Any, message: dict[str, Any], identities: Any) -> bool:
        """Return false for a cell that is aborted. Called by ipykernel with every request.

        ipykernel itself aborts the cells that have arrived when another ends by an error, but not
        one that is still on its way, nor one that comes while the kernel ends.
        """
        header = message["header"]
        self._interrupts.hear(header)
        is_aborted = self._is_closed or self._interrupts.aborts(header)
        if header["msg_type"] != "execute_request" or not is_aborted:
            return True
        self._send_abort_reply(stream, message, identities)
        return False

    def interrupt(self, header: dict[str, Any] | None = None) -> None:
        """Interrupt the cell that runs; where none does, the next if it was sent before.

        ``header`` is the interrupt's, None for a signal. Called on the main event loop.
        """
        is_again = self._service is not None and self._service.is_executing
        is_executing = self._is_executing or is_again
        self._interrupts.take(header, held=not is_executing)
        if not is_executing:
            return
        self._is_interrupted = True
        if self._waiting is not None:
            self._waiting.cancel()
        elif self._service is not None:
            self._service.interrupt()

    def pre_handler_hook(self) -> None:
        """Leave SIGINT alone: ipykernel would raise KeyboardInterrupt in the event loop."""

    def post_handler_hook(self) -> None:
        """Leave SIGINT alone."""

    async def interrupt_request(self, stream: Any, ident: Any, parent: Any) -> None:
        """Answer an ``interrupt_request``. Called by ipykernel on the control thread."""
        self._loop.call_soon_threadsafe(self.interrupt, parent["header"])
        self.session.send(stream, "interrupt_reply", {"status": "ok"}, parent, ident=ident)

    async def do_shutdown(self, restart: bool) -> dict[str, Any]:  # noqa: FBT001 -- ipykernel's
        """End what runs in the container. Called by ipykernel on the control thread."""
        closing = self._close(restarts=restart)
        ending = asyncio.run_coroutine_threadsafe(closing, self._loop)
        await asyncio.wrap_future(ending)
        return {"status": "ok", "restart": restart}

    def _terminate(self) -> None:
        """End the kernel on a signal, and first what runs in the container."""
        ending = self._loop.create_task(self._close())
        ending.add_done_callback(lambda _ending: self.io_loop.stop())

    async def _close(self, *, restarts: bool = False) -> None:
        """End everything, once, however often it is asked for."""
        if self._closing is None:
            ending = self._end(restarts=restarts)
            self._closing = self._loop.create_task(ending)
        await asyncio.shield(self._closing)

    async def _end(self, *, restarts: bool) -> None:
        self._is_closed = True
        if self._opening is not None:
            await (await self._opening).aclose(restarts=restarts)
        # A reply that is sent later meets sockets that are being closed.
        with suppress(TimeoutError):
            if self._requests:
                await asyncio.wait_for(self._is_quiet.wait(), _LAST_REPLIES)

    # --- what serves the front end --------------------------------------------------------------

    async def _serving(self) -> Service:
        """Return what serves the front end, as soon as it is there."""
        return await asyncio.shield(self._opening or self._open())

    async def _serving_cell(self) -> Service | None:
        """Return what serves a cell; None where the cell is interrupted before that is there."""
        if self._service is not None:
            return None if self._is_closed else self._service
        waiting = self._waiting = asyncio.ensure_future(self._serving())
        try:
            service = await waiting
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return None
        finally:
            self._waiting = None
        return None if self._is_interrupted or self._is_closed else service

    def _open_ahead(self) -> None:
        if self._opening is None and not self._is_closed:
            self._open()

    def _open(self) -> asyncio.Task[Service]:
        async def open_service() -> Service:
            make = await asyncio.to_thread(_import_service)
            self._service = make(self, self, has_waiting=lambda: self._requests > 1, bars=self.bars)
            self._service.start()
            return self._service

        def note(opening: asyncio.Task[Service]) -> None:
            # A broken installation: a kernel that does not start is clearer than one that hangs.
            if not opening.cancelled() and (error := opening.exception()) is not None:
                self.log.critical("The kernel cannot start.", exc_info=error)
                self.io_loop.stop()

        self._opening = self._loop.create_task(open_service())
        self._opening.add_done_callback(note)
        return self._opening

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
        return await (await self._serving()).language.complete(code, cursor_pos)

    async def do_inspect(
        self,
        code: str,
        cursor_pos: int,
        detail_level: int = 0,  # noqa: ARG002 -- there is one
        omit_sections: Any = (),  # noqa: ARG002 -- there are none
    ) -> dict[str, Any]:
        """Say what the word at the cursor is."""
        return await (await self._serving()).language.inspect(code, cursor_pos)

    async def do_is_complete(self, code: str) -> dict[str, Any]:
        """Say whether the text is complete, or Enter should begin another line."""
        return (await self._serving()).language.is_complete(code)

    async def do_history(self, *values: Any, **named: Any) -> dict[str, Any]:
        """Return lines of the history; the arguments are those of a ``history_request``."""
        return {
            "status": "ok",
            "history": await (await self._serving()).find_history(*values, **named),
        }

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
        number = self._counter
        service: Service | None = None
        fault: dict[str, Any] | None
        request = self._request = self.get_parent("shell")
        self._is_executing = True
        self._is_interrupted = self._interrupts.is_meant_for(request["header"], silent=silent)
        try:
            if not self._is_interrupted:
                service = await self._serving_cell()
            if service is None:
                fault = self._interrupted_early(silent=silent)
            else:
                found = await service.execute(code, silent=silent, interactive=allow_stdin)
                fault = None if found is None else found.content()
        finally:
            self._is_executing = False
            if store_history and not silent:
                self._counter += 1
                if service is not None:
                    service.history.store(number, code)
        if fault is None:
            return {
                "status": "ok",
                "execution_count": number,
                "payload": [],
                "user_expressions": {},
            }
        if self._is_interrupted and not silent and request["content"].get("stop_on_error", True):
            self._interrupts.stop_queue()
        return {"status": "error", "execution_count": number, **fault}

    def _interrupted_early(self, *, silent: bool) -> dict[str, Any]:
        """Say that a cell was interrupted before it began; nothing may be imported by now."""
        name, words = "KeyboardInterrupt", "interrupted"
        content = {"ename": name, "evalue": words, "traceback": [f"{name}: {words}"]}
        if not silent:
            self.send_response(self.iopub_socket, "error", content)
        return content


def _import_service() -> type[Service]:
    """Import all that cells need; in a thread, as it takes longer than an answer may."""
    from dexec_kernel.jupyter.service import Service  # noqa: PLC0415 -- not before the first answer

    # __main__ has switched the collector off: what was imported stays, and is not looked at again.
    gc.freeze()
    gc.enable()
    return Service
