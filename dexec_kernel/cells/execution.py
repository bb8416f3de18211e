"""One exec, from create to inspected: what comes out of it, and what is known of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from dexec_kernel.backend.models import ExecInspect, ExecState, Frame, Stream
from dexec_kernel.backend.protocol import Backend, Exec
from dexec_kernel.cells.command import Command
from dexec_kernel.cells.output.output import Output
from dexec_kernel.cells.signals import Signaller
from dexec_kernel.cells.signals.terminal import TerminalSignaller
from dexec_kernel.cells.signals.ways import find_signaller
from dexec_kernel.cells.standby.standby import Standby
from dexec_kernel.errors import EngineError, EngineUnavailable, SignalError
from dexec_kernel.shell.commands import Shell
from dexec_kernel.shell.marks import MarkScanner, Message

if TYPE_CHECKING:
    # It knows the container's memory, which knows execs.
    from dexec_kernel.cells.input.stdin import Stdin

#: In bytes: an engine's report of a failed start is never as long as this.
_MAX_REPORT = 64 * 1024
#: What a driver says at most, with room to spare: a state in parts is up to 2,000 messages.
_MESSAGES = 2_500
#: In bytes: a connection takes as much, whether or not the process reads it.
_SHORT = 32 * 1024
#: In seconds: most cells end sooner, and then one inspect tells the PID and the exit code.
_PID_DELAY = 0.02


class Execution:
    """Runs one command. What is known of it stands in the attributes, None while unknown.

    ``output`` gets what it prints; ``changed`` is called when the PID becomes known;
    ``running`` is set when the command is known to run; ``stdin`` asks for input, None for none.
    Whether the command was started at all is not known at once: the engine reports a failure in
    the stream, as if the command had printed it. Until the driver's first word, or a PID, what
    comes is withheld. A standby's shell says so when it has its cell.
    """

    def __init__(
        self,
        backend: Backend,
        container_id: str,
        *,
        output: Output,
        changed: Callable[[], None],
        running: asyncio.Event,
        stdin: Stdin | None = None,
    ) -> None:
        self._backend = backend
        self._container_id = container_id
        self.output = output
        self._changed = changed
        #: One for each stream, where a driver speaks: a cell may send its stderr to its stdout.
        self._scanners: dict[Stream, MarkScanner] = {}
        self._tty = False
        self._exec: Exec | None = None
        #: True while a terminal's driver waits: what comes is the echo of what it is sent.
        self._is_echo = False
        #: True where the shell runs before it has its cell.
        self._is_standby = False
        self._withheld: list[Frame] = []
        self.exec_id: str | None = None
        self.pid: int | None = None
        self.inner_pid: int | None = None
        self.cwd: str | None = None
        self.exit_code: int | None = None
        #: Done when the cell's own commands are, while background processes keep its shell.
        self.backgrounded = asyncio.Event()
        self.background_exit_code = 0
        self.background_count = 0
        #: What the cell's shell said of its state at the end, by kind.
        self.handover: dict[str, bytes] = {}
        self.running = running
        self._stdin = stdin

    async def run(self, command: Command, standby: Standby | None = None) -> ExecInspect:
        """Create, attach, stream, inspect. Returns the inspect of the exited exec.

        A ``standby`` is created and attached already, and its connection is closed here. Raises
        :class:`CommandNotStarted`, :class:`StdinNotPassed` and :class:`StandbyLost` before anything
        has run, and what the engine's verbs raise.
        """
        self._tty = command.config.tty
        attached = self._exec = await self._begin(command, standby)
        try:
            if command.stdin is not None and not attached.upgraded:
                raise StdinNotPassed(
                    "Something between this kernel and the engine passes no stdin on.",
                    advice="A terminal (-t) and a command with a body need it.",
                )
            if command.mark:
                streams = (Stream.STDOUT, Stream.STDERR)
                self._scanners = {s: MarkScanner(command.mark, messages=_MESSAGES) for s in streams}
            is_sent = _is_sent_at_once(command)
            if is_sent:
                await self._send(attached, command)
            beside = [] if is_sent else [self._send(attached, command)]
            if self.pid is None:
                beside.append(self._watch_pid(attached))
            async with _beside(*beside):
                await self._pump(attached)
            inspect = await self._finish(attached)
            if standby is not None and not self.running.is_set():
                self._withheld = []
                raise StandbyLost("The shell that was to run the cell had ended.")
            self._take_rest()
            await self.output.finish()
            return inspect
        finally:
            attached.close()
            # Whatever ended it, what the command has printed is not lost.
            self._take_rest()
            self.output.close()

    async def _begin(self, command: Command, standby: Standby | None) -> Exec:
        if standby is not None:
            self._is_standby = True
            self.exec_id, self.pid = standby.exec.id, standby.exec.pid
            return standby.exec
        return await self._backend.exec(self._container_id, command.config, created=self._set_id)

    def _set_id(self, exec_id: str) -> None:
        self.exec_id = exec_id

    def signaller(self, shell: Shell, user: str) -> Signaller:
        """Return the way to signal the command. Raises :class:`SignalError` where there is none."""
        try:
            way = find_signaller(
                self._backend,
                self._container_id,
                shell,
                inner_pid=self.inner_pid,
                pid=self.pid,
                user=user,
            )
        except SignalError as error:
            if not self._tty or self._exec is None:
                raise
            return TerminalSignaller(self._exec, error)
        return TerminalSignaller(self._exec, way) if self._tty and self._exec else way

    async def learn_pid(self) -> None:
        """Ask for the PID of a command that runs, where it is not known yet."""
        if self.pid is None and self._exec is not None:
            with suppress(EngineError):  # The bar says that it is unknown.
                self.pid = (await self._exec.inspect()).pid

    async def learn_exit_code(self) -> None:
        """Ask for the exit code of a command whose processes are gone and whose stream goes on.

        Someone else holds the stream open, or the engine holds its end back. Raises as inspect.
        """
        if self._exec is not None:
            self.exit_code = (await self._exec.inspect()).exit_code

    def _take_rest(self) -> None:
        rests = [Frame(stream, scanner.finish()) for stream, scanner in self._scanners.items()]
        self._withheld += [frame for frame in rests if frame.data]
        self._release()

    async def _send(self, attached: Exec, command: Command) -> None:
        if command.stdin is None:
            return
        try:
            if command.config.tty:
                await self._set_up_terminal(attached, command)
            await attached.write(command.stdin)
            if command.keeps_stdin and self._stdin is not None:
                await self._serve_stdin(attached, self._stdin)
            await attached.close_write()
        except EngineUnavailable:
            return  # Nobody reads: the end of the stream tells why.

    async def _serve_stdin(self, attached: Exec, stdin: Stdin) -> None:
        """Ask for input until it ends; what lives on in the background gets none."""
        await self.running.wait()
        serving = asyncio.create_task(stdin.serve(attached, lambda: self.inner_pid))
        backgrounded = asyncio.create_task(self.backgrounded.wait())
        try:
            await asyncio.wait({serving, backgrounded}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                await serving
        finally:
            serving.cancel()
            backgrounded.cancel()
            await asyncio.gather(serving, backgrounded, return_exceptions=True)

    async def _set_up_terminal(self, attached: Exec, command: Command) -> None:
        """Give the terminal its size before the cell begins, then let the driver go on."""
        await self.running.wait()
        if command.config.console_size is not None:
            # Again where the engine has taken it from exec start: engines below 1.42 do not.
            await attached.resize(command.config.console_size)
        if command.mark:
            await attached.write(b"\n")

    async def _watch_pid(self, attached: Exec) -> None:
        """Find out the PID; for a command without a driver, that it runs."""
        if self._scanners:
            await self.running.wait()
            await asyncio.sleep(_PID_DELAY)
        pause = 0.002
        while True:
            try:
                inspect = await attached.inspect()
            except EngineUnavailable:
                inspect = None  # It may come back; the end of the stream tells if it does not.
            except EngineError:
                return  # The end of the stream tells more.
            if inspect is not None and inspect.pid is not None:
                self.pid = inspect.pid
                self._set_running()
                self._changed()
                return
            if inspect is not None and inspect.state is ExecState.EXITED:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.1 if inspect is not None else 1.0)

    async def _pump(self, attached: Exec) -> None:
        while frames := await attached.read():
            for frame in frames:
                self._take(frame)
            self.output.flush()
            await self.output.ready()

    def _take(self, frame: Frame) -> None:
        scanner = self._scanners.get(frame.stream)
        if scanner is None:
            self._keep(frame)
            return
        for item in scanner.feed(frame.data):
            if isinstance(item, Message):
                self._hear(item)
            else:
                self._keep(Frame(frame.stream, item))

    def _keep(self, frame: Frame) -> None:
        """Feed what is the cell's, or withhold it while that is not known."""
        if self._is_echo:
            return
        if self.running.is_set():
            self._feed(frame)
            return
        self._withheld.append(frame)
        if not self._scanners and self._withheld_bytes() > _MAX_REPORT:
            self._set_running()

    def _hear(self, message: Message) -> None:
        """Take in what the driver says: first that it runs, and where; at the end its state."""
        kind, _, said = message.data.partition(b" ")
        if kind == b"start":
            pid, _, cwd = said.decode("utf-8", "replace").partition(" ")
            self.inner_pid = int(pid) if pid.isdigit() else None
            self.cwd = cwd
            self._is_echo = self._tty
            if not self._is_standby:
                self._set_running()
        elif kind == b"cell":
            self.cwd = said.decode("utf-8", "replace")
            self._set_running()
        elif kind == b"go":
            self._is_echo = False
        elif kind == b"background":
            exit_code, count = (int(word) for word in said.split())
            self.background_exit_code, self.background_count = exit_code, count
            self.output.begin_background()
            self.backgrounded.set()
            self._changed()
        else:
            self.handover[kind.decode("ascii", "replace")] = said

    def _set_running(self) -> None:
        if not self.running.is_set():
            self.running.set()
            self._release()

    def _release(self) -> None:
        withheld, self._withheld = self._withheld, []
        for frame in withheld:
            self._feed(frame)
        self.output.flush()

    def _withheld_bytes(self) -> int:
        return sum(len(frame.data) for frame in self._withheld)

    async def _finish(self, attached: Exec) -> ExecInspect:
        """Learn how it ended."""
        inspect = await attached.wait()
        self.pid = self.pid or inspect.pid
        self.exit_code = inspect.exit_code
        if not self.running.is_set():
            printed = b"".join(frame.data for frame in self._withheld)
            error = attached.why_not_started(inspect, printed)
            if error is not None:
                self._withheld = []
                raise error
        return inspect

    def _feed(self, frame: Frame) -> None:
        if self._stdin is not None:
            self._stdin.printed(frame.data)
        self.output.feed("stderr" if frame.stream is Stream.STDERR else "stdout", frame.data)


class StdinNotPassed(EngineError):
    """A proxy before the engine passes no stdin on; the command has not run."""


class StandbyLost(EngineError):
    """A standby ended before it had its cell, of which nothing has run."""


def _is_sent_at_once(command: Command) -> bool:
    """Return whether a command's stdin is sent whole before anything of its output is read."""
    waits = command.keeps_stdin or command.config.tty
    return not waits and len(command.stdin or b"") <= _SHORT


@asynccontextmanager
async def _beside(*coroutines: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run coroutines beside the body, and cancel them with its end."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
