"""One exec, from create to inspected: its output and its state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from dexec_kernel.backend.models import ExecInspect, Frame, Stream
from dexec_kernel.backend.protocol import Backend, Exec
from dexec_kernel.cells.beside import run_beside
from dexec_kernel.cells.command import Command
from dexec_kernel.cells.delivery import Delivery
from dexec_kernel.cells.driver import Background, Driver, Event
from dexec_kernel.cells.end import BROKEN_STREAM, end_of, has_exited
from dexec_kernel.cells.heard import Heard
from dexec_kernel.cells.not_run import StandbyLost, StdinNotPassed, cell_not_run
from dexec_kernel.cells.output.output import Output
from dexec_kernel.cells.pid import look_until_started
from dexec_kernel.cells.signals import Signaller
from dexec_kernel.cells.signals.terminal import TerminalSignaller
from dexec_kernel.cells.signals.ways import find_signaller
from dexec_kernel.cells.silence import STALLED_NOTE, Silence
from dexec_kernel.cells.standby.standby import Standby
from dexec_kernel.cells.stream import CellStream, StreamEvent, StreamState
from dexec_kernel.cells.why import lost
from dexec_kernel.errors import (
    CommandNotStarted,
    ContainerNotRunning,
    EngineError,
    ExecLost,
    FolderGone,
    SignalError,
)
from dexec_kernel.shell.commands import Shell

if TYPE_CHECKING:
    # It knows the container's memory, which knows execs.
    from dexec_kernel.cells.input.stdin import Stdin

#: The exit codes of a shell that ended without its cell: of the driver at the end of its stdin, and
#: of one that was killed or told to end.
_ENDED_WITHOUT_CELL = frozenset({125, 137, 143})
_RUNS = frozenset({StreamState.ECHO, StreamState.RUNNING, StreamState.BACKGROUND})
#: In seconds: most cells end sooner, and then one inspect tells the PID and the exit code.
_PID_DELAY = 0.02


class Execution:
    """Runs one command. Its attributes are None while unknown.

    ``output`` gets its output; ``changed`` is called when the PID becomes known;
    ``running`` is set when the command is known to run; ``stdin`` asks for input, None for none;
    ``started_at`` is the container's.
    :attr:`stream` tells which of the output is the cell's: see :mod:`dexec_kernel.cells.stream`.
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
        started_at: str = "",
    ) -> None:
        self._backend = backend
        self._container_id = container_id
        self._started_at = started_at
        self.output = output
        self._changed = changed
        self._driver: Driver | None = None
        self.heard = Heard()
        self._silence = Silence()
        self._tty = False
        self._exec: Exec | None = None
        #: True where the shell runs before it has its cell.
        self._is_standby = False
        self.stream = CellStream()
        self.exec_id: str | None = None
        self.pid: int | None = None
        self.exit_code: int | None = None
        #: Done when the cell's own commands are, while background processes keep its shell.
        #: No event, for which each cell would need a task to wait.
        self.left: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        #: Whether the exit code may be the engine's word for a connection that broke.
        self.may_be_broken = False
        #: What the user should know of the end of the output, "" for nothing.
        self.note = ""
        #: What else may have ended the cell by a signal than the container, "" for nothing.
        self.suspicion = ""
        self.running = running
        self._stdin = stdin

    async def run(self, command: Command, standby: Standby | None = None) -> ExecInspect:
        """Create, attach, stream, inspect. Returns the inspect of the exited exec.

        A ``standby`` is created and attached already, and its connection is closed here. Raises
        :class:`CommandNotStarted`, :class:`StdinNotPassed` and :class:`StandbyLost` before anything
        has run, :class:`CellNotRun` where that is not certain, :class:`ExecLost` where the end is
        not, and what the engine's verbs raise.
        """
        self._tty = command.config.tty
        attached = self._exec = await self._begin(command, standby)
        try:
            if command.stdin is not None and not attached.upgraded:
                raise StdinNotPassed(
                    "Something between this kernel and the engine passes no stdin on.",
                    advice="A terminal (-t) and a command with a body need it.",
                )
            if command.marks:
                self._driver = Driver(command.marks)
            delivery = Delivery(
                *(command, self._stdin),
                running=self.running,
                left=self.left,
                pid=lambda: self.inner_pid,
            )
            inspect = await self._stream_and_wait(attached, command, delivery)
            await self._check_end(inspect, command, delivery)
            self._flush_rest()
            await self.output.finish()
            return inspect
        finally:
            attached.close()
            # Keep the command's output, however it ended.
            self._flush_rest()
            self.output.close()

    async def _stream_and_wait(
        self, attached: Exec, command: Command, delivery: Delivery
    ) -> ExecInspect:
        """Pass the stream on to its end; return how the exec ended.

        Raises :class:`ExecLost` for any fault from here on: the engine was told to start it.
        """
        try:
            is_sent = command.is_sent_at_once
            if is_sent:
                await delivery.send(attached)
            beside = [] if is_sent else [delivery.send(attached)]
            if self.pid is None:
                beside.append(self._watch_pid(attached))
            begun = self.running if command.marks else None
            async with run_beside(*beside), self._silence.watched(attached, begun):
                await self._pump(attached)
            return await self._finish(attached, command, delivery)
        except (CommandNotStarted, ContainerNotRunning):
            self.stream.forget()
            raise
        except EngineError as error:
            if self._is_standby and not delivery.is_whole and not self.running.is_set():
                self.stream.forget()
                raise StandbyLost(
                    "The shell that was to run the cell could not be sent it."
                ) from error
            raise await self.lost(error) from error

    async def _check_end(self, inspect: ExecInspect, command: Command, delivery: Delivery) -> None:
        """Raise where it is not proved that the cell has run, and where its end is a false one."""
        if self.heard.lost_folder is not None:
            self.stream.forget()
            raise FolderGone.of(self.heard.lost_folder)
        code = inspect.exit_code
        if command.marks and not self.running.is_set() and code != BROKEN_STREAM:
            is_unread = not delivery.is_whole or code in _ENDED_WITHOUT_CELL
            if self._is_standby and is_unread:
                self.stream.forget()
                raise StandbyLost("The shell that was to run the cell had ended.")
            raise cell_not_run(code)
        told = self.heard.exit_code
        if code == BROKEN_STREAM != told and command.marks:
            # A command of its own may have ended so itself.
            is_silent = (command.may_exec or not command.tells_end) and told is None
            self.may_be_broken = self.running.is_set() and is_silent
            if not self.may_be_broken:
                raise await self.lost(None)

    async def _begin(self, command: Command, standby: Standby | None) -> Exec:
        if standby is not None:
            self._is_standby = True
            self.exec_id, self.pid = standby.exec.id, standby.exec.pid
            return standby.exec
        return await self._backend.exec(
            self._container_id, command.config, created=self.was_created
        )

    def was_created(self, exec_id: str) -> None:
        """Take note of the exec's id: from now on it may run."""
        self.exec_id = exec_id

    def signaller(self, shell: Shell, user: str) -> Signaller:
        """Return the way to signal the command. Raises :class:`SignalError` if there is no way."""
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

    @property
    def inner_pid(self) -> int | None:
        """The PID of the shell in the container, None while unknown."""
        return self.heard.pid

    def was_detached(self, inspect: ExecInspect, folder: str | None) -> None:
        """Take note of a command that runs in ``folder`` and tells nothing."""
        self.pid, self.heard.folder = inspect.pid, folder

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

    async def lost(self, error: EngineError | None) -> ExecLost:
        """Return the error of a stream that broke."""
        self.pid = self.pid or (self._exec.pid if self._exec else None)
        return await lost(
            *(self._backend, self._container_id, error),
            pid=self.pid,
            inner_pid=self.inner_pid,
            started_at=self._started_at,
        )

    def _flush_rest(self) -> None:
        if self.stream.may(StreamEvent.END):
            for frame in self._driver.finish() if self._driver else ():
                self._feed(self.stream.take(frame))
            self.stream.enter(StreamEvent.END)
        self._feed(self.stream.release())
        self.output.flush()

    async def _watch_pid(self, attached: Exec) -> None:
        """Find out the PID; for a command without a driver, that it runs."""
        if self._driver:
            if not attached.tells_pid:
                return
            await self.running.wait()
            await asyncio.sleep(_PID_DELAY)
        if (inspect := await look_until_started(attached)) is None:
            return
        self.pid = inspect.pid
        if not self._driver:
            self._enter(StreamEvent.STARTED)
        if self.pid is not None:
            self._changed()

    async def _pump(self, attached: Exec) -> None:
        silence, is_over = self._silence, False
        while frames := await attached.read():
            silence.heard()
            for frame in frames:
                self._handle_frame(frame)
            self.output.flush()
            if is_over:
                continue
            silence.is_reading = False
            # Pauses would be too long for the little that is left when the command has ended.
            is_over = not await self.output.ready() and await has_exited(attached)
            silence.is_reading = True
        if silence.reason and not self.running.is_set():
            raise ExecLost(silence.reason)

    def _handle_frame(self, frame: Frame) -> None:
        for item in self._driver.feed(frame) if self._driver else [frame]:
            if isinstance(item, Frame):
                self._handle_output(item)
            else:
                self._handle_event(item)

    def _handle_output(self, frame: Frame) -> None:
        """Feed what is the cell's; the stream withholds it while that is not known."""
        self._feed(self.stream.take(frame))
        if self.stream.is_full:
            # No report is as long. Where there is a driver, its word for the cell may be late.
            self._enter(StreamEvent.FULL if self._driver else StreamEvent.STARTED)

    def _handle_event(self, event: Event) -> None:
        """Take in a word of the driver."""
        happens = self.heard.take(event, tty=self._tty)
        if happens is None or not self.stream.may(happens):
            return
        self._enter(happens)
        if isinstance(event, Background):
            self.output.begin_background()
            self._changed()
            if not self.left.done():
                self.left.set_result(None)

    def _enter(self, event: StreamEvent) -> None:
        """Let the stream change its state, unless a container says what makes no sense."""
        if not self.stream.may(event):
            return
        due = self.stream.enter(event)
        if self.stream.state in _RUNS:
            self.running.set()
        self._feed(due)
        self.output.flush()

    async def _finish(self, attached: Exec, command: Command, delivery: Delivery) -> ExecInspect:
        """Learn how it ended."""
        has_told = self.heard.is_last
        # A shell that has not said that it runs ends without a word, too.
        tells_end = command.tells_end and self.running.is_set()
        end = await end_of(attached, tells_end=tells_end, has_told=has_told)
        inspect = end.inspect
        if inspect.is_doubtful and self.heard.exit_code is not None:
            inspect = replace(inspect, exit_code=self.heard.exit_code, is_doubtful=False)
        note = STALLED_NOTE if self._silence.reason and not has_told else end.note
        self.note = "; ".join(filter(None, (note, delivery.note)))
        self.pid = self.pid or inspect.pid
        self.exit_code = inspect.exit_code
        if not self.running.is_set():
            error = attached.why_not_started(inspect, self.stream.kept)
            if error is not None:
                raise error
        return inspect

    def _feed(self, frames: list[Frame]) -> None:
        for frame in frames:
            if self._stdin is not None:
                self._stdin.printed(frame.data)
            name = "stderr" if frame.stream is Stream.STDERR else "stdout"
            self.output.feed(name, frame.data)
