"""Supervising one cell: its interrupts, its time limit, its processes in the background."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

from dexec_kernel.backend.models import ExecInspect
from dexec_kernel.cells.command import changes_session
from dexec_kernel.cells.detached import start_detached
from dexec_kernel.cells.end import BROKEN_NOTE, is_alive
from dexec_kernel.cells.execution import Execution
from dexec_kernel.cells.input.stdin import Stdin
from dexec_kernel.cells.limits import CellLimits
from dexec_kernel.cells.listener import CellListener
from dexec_kernel.cells.not_run import StandbyLost
from dexec_kernel.cells.outcome import (
    Backgrounded,
    Exited,
    Failed,
    Interrupted,
    Outcome,
    Snapshot,
    Stopped,
    TimedOut,
    exit_reason,
    snapshot_of,
)
from dexec_kernel.cells.output.output import Output
from dexec_kernel.cells.signals import Signaller
from dexec_kernel.cells.signals.guardian import GuardedPlace
from dexec_kernel.cells.signals.ladder import Ladder
from dexec_kernel.cells.signals.leftovers import Leftover
from dexec_kernel.cells.source.cell import Cell
from dexec_kernel.cells.standby.standby import Place
from dexec_kernel.cells.start import Start, Starts
from dexec_kernel.cells.why import cause_of, named, survival, unexpected
from dexec_kernel.cells.workspace import Workspace
from dexec_kernel.errors import DexecError, EngineError, ExecLost, SignalError
from dexec_kernel.shell.commands import Shell

#: In seconds: for an engine to start a process, which takes most about 50 ms.
_START_TIMEOUT = 10.0
#: In seconds: for the stream to end after the processes have, which is a matter of milliseconds,
#: and for a look at an exec beside its signals. The engine may hang.
_STREAM_END_TIMEOUT = _LOOK_TIMEOUT = 2.0
#: In seconds: each step of the ladder when the kernel goes away.
_URGENT_GRACE = 0.4

_NOT_BEGUN = "before it was started"
_MAY_START = "the engine had not started it yet, and may still do so"
_KERNEL_NOTE = "its kernel ended"
NO_SHELL_NOTE = "no shell in the image: ran as one command line"


class CellRun:
    """One cell in the container of a workspace. ``run`` is called once.

    ``stdin`` asks for input, None where nobody can be asked.
    """

    def __init__(
        self,
        workspace: Workspace,
        cell: Cell,
        limits: CellLimits,
        listener: CellListener,
        stdin: Stdin | None = None,
    ) -> None:
        self._workspace = workspace
        self._container = workspace.container
        self._cell = cell
        self._limits = limits
        self._listener = listener
        self._stdin = stdin
        self._starts = Starts(workspace, cell, limits.console_size, may_ask=stdin is not None)
        self._notes: list[str] = []
        self._ladder = Ladder(limits.interrupt_grace, listener.changed)
        self._interrupted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running = asyncio.Event()
        self._execution = self._new_execution()
        self._shell = Shell.NONE
        self._started, self._clock = time.time(), time.monotonic()
        self._ended_after: float | None = None
        self._outcome: Outcome | None = None
        self._rest: asyncio.Task[ExecInspect] | None = None
        self._left: Leftover | None = None
        self._is_stopping = False

    async def run(self) -> Outcome:
        """Run the cell to its end. Engine errors are part of the outcome.

        When the task is cancelled the connection is closed and the processes are left alone.
        """
        work = asyncio.create_task(self._work())
        ends: set[asyncio.Future[Any]] = {work, self._interrupted}
        timeout = self._cell.options.timeout
        try:
            await asyncio.wait(ends, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            self._set_outcome(await work if work.done() else await self._end(work))
        except Exception as error:  # noqa: BLE001 -- a cell always gets its reply
            self._set_outcome(Failed(unexpected(error)))
        finally:
            if not work.done():
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
            # Only a cell with background processes has a rest.
            if self._rest is not None and not isinstance(self._outcome, Backgrounded):
                self._rest.cancel()
                await asyncio.gather(self._rest, return_exceptions=True)
        assert self._outcome is not None  # noqa: S101 -- set above
        return self._outcome

    async def wait_for_background(self) -> Outcome:
        """Wait for the background processes of a cell whose outcome was :class:`Backgrounded`.

        When the task is cancelled the connection is closed and the processes are left alone.
        """
        assert self._rest is not None  # noqa: S101 -- so the outcome says
        try:
            inspect = await self._rest
        except DexecError as error:
            self._set_outcome(Failed(error))
        except Exception as error:  # noqa: BLE001 -- its display is to end all the same
            self._set_outcome(Failed(unexpected(error)))
        else:
            if self._execution.note and not self._is_stopping:
                self._notes.append(self._execution.note)
            code = inspect.exit_code or 0
            exited = Exited(code, exit_reason(code))
            own = self._execution.background_exit_code
            self._set_outcome(Stopped(own) if self._is_stopping else exited)
        finally:
            self._rest.cancel()
        return self._outcome or Exited(0, "")

    async def stop_background(self) -> None:
        """End the background processes, as an interrupt would. Raises what signals raise."""
        if self._rest is not None and not self._rest.done():
            self._is_stopping = True
            await self._ladder.climb(self._signaller(), self._rest)
            self._workspace.leftovers.discard(self._left)

    def _set_outcome(self, outcome: Outcome) -> None:
        self._ended_after = time.monotonic() - self._clock
        self._outcome = outcome

    def interrupt(self, *, urgent: bool = False) -> None:
        """Ask the cell's processes to end; asked again, go on to the next signal at once.

        ``urgent`` is for a kernel that goes away: SIGKILL comes in under a second.
        """
        if urgent:
            self._ladder.grace = _URGENT_GRACE
            self._notes.append(_KERNEL_NOTE)
            self._leave(at_end=True)
        if self._interrupted.done():
            self._ladder.skip()
        else:
            self._interrupted.set_result(None)

    def kill(self) -> None:
        """End the cell's processes by SIGKILL, without asking them before."""
        self._ladder.kill()
        if not self._interrupted.done():
            self._interrupted.set_result(None)

    @property
    def came_near_server_limits(self) -> bool:
        """Whether jupyter_server may have dropped messages of the cell, the last ones too."""
        return self._execution.output.came_near_server_limits

    @property
    def is_ending(self) -> bool:
        """Whether the cell's shell has said its last word."""
        return self._execution.has_told

    def snapshot(self) -> Snapshot:
        """Return what is known of the cell now."""
        duration = self._ended_after
        # The engine may say that the cell has ended before the last look at its processes.
        goes_on = self._outcome is None or isinstance(self._outcome, Backgrounded)
        ending = [self._ladder.words] if goes_on and self._ladder.words else []
        return snapshot_of(
            self._execution,
            self._outcome,
            container=self._container,
            options=self._cell.options,
            started=self._started,
            duration=time.monotonic() - self._clock if duration is None else duration,
            notes=[*ending, *self._notes],
        )

    # --- the work -----------------------------------------------------------------------------

    async def _work(self) -> Outcome:
        try:
            workspace = self._workspace
            async with workspace.lost.told(workspace.backend, self._notes):
                return await self._try_all()
        except DexecError as error:
            return Failed(await named(self._workspace.backend, self._container, error))

    async def _try_all(self) -> Outcome:
        start = await self._starts.first()
        while True:
            try:
                return await self._try(start)
            except EngineError as error:
                following = self._starts.after(start, error)
                if following is None:
                    raise
                start = following

    async def _try(self, start: Start) -> Outcome:
        if start.standby is None and self._interrupted.done():
            return Interrupted("", _NOT_BEGUN)
        if start.command is None:
            return Exited(0, "")
        self._shell = start.shell
        self._execution = self._new_execution()
        is_line = start.shell is Shell.NONE and not self._cell.options.command
        if is_line and NO_SHELL_NOTE not in self._notes:
            self._notes.append(NO_SHELL_NOTE)
        if self._cell.options.detach:
            return await self._detach(start)
        try:
            inspect = await self._run_to_end_or_background(start)
        except BaseException as error:
            self._abandon(start, error)
            raise
        if self._execution.may_be_broken:
            if await is_alive(self._signaller):
                self._leave(at_end=True)
                raise await self._execution.lost(None)
            self._notes.append(BROKEN_NOTE)
        self._workspace.shell = start.shell
        self._take_over()
        if inspect is None:
            return Backgrounded(self._execution.background_exit_code)
        exit_code = inspect.exit_code
        if exit_code is None:
            raise ExecLost("The engine does not know the exit code.")
        cause = await cause_of(
            *(self._workspace.backend, self._container, exit_code),
            since=self._started,
            suspicion=self._execution.suspicion,
        )
        return Exited(exit_code, exit_reason(exit_code, cause=cause))

    async def _detach(self, start: Start) -> Outcome:
        assert start.command is not None  # noqa: S101 -- an empty cell runs nothing
        workspace, options = self._workspace, self._cell.options
        state = None if options.workdir else workspace.state
        detached = await start_detached(
            *(workspace.backend, self._container.id, start.command, self._execution),
            session_folder=state.folder if state else "",
        )
        if not options.command:
            workspace.shell = start.shell
        return detached

    async def _run_to_end_or_background(self, start: Start) -> ExecInspect | None:
        """Run the command; return None when only its background processes are left."""
        assert start.command is not None  # noqa: S101 -- an empty cell runs nothing
        execution, workspace = self._execution, self._workspace
        container = self._container
        place = GuardedPlace(container.id, container.started_at, start.shell, self._user)
        work = execution.run(start.command, start.standby)
        guarded = workspace.guardians.beside(work, workspace.backend, place, execution)
        self._rest = asyncio.create_task(guarded)
        ends: set[asyncio.Future[Any]] = {self._rest, execution.left}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._rest.cancel()
            await asyncio.gather(self._rest, return_exceptions=True)
            raise
        if self._rest.done():
            return await self._rest
        await execution.learn_pid()
        return None

    def _take_over(self) -> None:
        """Take over the state of the cell's shell, and note what the user should know of it."""
        workspace, execution, options = self._workspace, self._execution, self._cell.options
        before = workspace.state
        if note := workspace.drop(execution.failed):
            self._notes.append(note)
        was_in = before.folder if before and not options.workdir else ""
        if was_in and execution.cwd not in {None, was_in}:
            self._notes.append(f"the folder {was_in} is gone")
        if changes_session(options) and self._shell is not Shell.NONE:
            note = workspace.take_over(execution.handover)
            self._notes += [note] if note else []
        self._notes += [execution.note] if execution.note else []

    def _new_execution(self) -> Execution:
        # They share the event, so that a waiter is woken by whichever of them runs.
        return Execution(
            self._workspace.backend,
            self._container.id,
            started_at=self._container.started_at,
            output=Output(self._listener.printed, self._limits.output),
            changed=self._listener.changed,
            running=self._running,
            stdin=self._stdin,
        )

    @property
    def _user(self) -> str:
        return self._cell.options.user or self._container.user

    # --- the interrupt ------------------------------------------------------------------------

    async def _end(self, work: asyncio.Task[Outcome]) -> Outcome:
        """End a cell that was interrupted, or that has had its time."""
        if self._stdin is not None:
            self._stdin.close()
        seconds = self._cell.options.timeout
        if self._interrupted.done() or seconds is None:
            return await self._interrupt(work)
        outcome = await self._interrupt(work)
        if isinstance(outcome, Interrupted):
            return TimedOut(seconds, outcome.signal, outcome.note)
        return outcome

    async def _interrupt(self, work: asyncio.Task[Outcome]) -> Outcome:
        if not await self._has_begun(work):
            if work.done():
                return work.result()
            begun = self._execution.exec_id is not None
            return Interrupted("", _MAY_START if begun else _NOT_BEGUN)
        execution = self._execution
        execution.output.hurry()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_TIMEOUT):
                await execution.learn_pid()  # This machine's way needs it, where no exec starts.
        try:
            signaller = self._signaller()
        except SignalError as error:
            return Interrupted("", f"the processes may go on: {error.message}")
        try:
            ended = await self._ladder.climb(signaller, work)
        except (SignalError, EngineError) as error:
            self._leave()
            return Interrupted("", f"the processes go on until they can be ended: {error.message}")
        self._workspace.leftovers.discard(self._left)
        note = ""
        if ended.survivors:
            self._leave(is_killed=True)
            note = await survival(self._workspace.backend, self._container, ended.survivors)
        else:
            # The work is done early where background processes keep the stream open.
            ending = {work, self._rest or work}
            await asyncio.wait(ending, timeout=_STREAM_END_TIMEOUT)
            if not all(task.done() for task in ending):
                with suppress(EngineError, TimeoutError):
                    async with asyncio.timeout(_LOOK_TIMEOUT):
                        await execution.learn_exit_code()
        return Interrupted(f"SIG{ended.signal}", note)

    def _abandon(self, start: Start, error: BaseException) -> None:
        """Let a start go that has failed, with what it may have left."""
        if isinstance(error, ExecLost):
            self._leave(at_end=True)  # It may be running.
        if start.standby is not None:
            start.standby.exec.close()
            if isinstance(error, StandbyLost):
                lost = Place.of(self._container).leftover(start.standby)
                self._workspace.leftovers.add(lost)

    def _leave(self, *, at_end: bool = False, is_killed: bool = False) -> None:
        """Have the processes ended as soon as that is possible, or when the kernel ends.

        They get no other signal than SIGKILL then, or where they have had it (``is_killed``).
        """
        execution, container = self._execution, self._container
        self._left = Leftover(
            *(container.id, container.started_at, self._shell, self._user),
            inner_pid=execution.inner_pid,
            pid=execution.pid,
            grace=None if at_end or is_killed else self._limits.interrupt_grace,
        )
        self._workspace.leftovers.add(self._left, at_end=at_end)
        self._workspace.lost.add(execution.exec_id)

    def _signaller(self) -> Signaller:
        return self._execution.signaller(self._shell, self._user)

    async def _has_begun(self, work: asyncio.Task[Outcome]) -> bool:
        """Wait until the command runs; return False when it does not, or has already ended.

        Once the engine has been told to start it, only time tells.
        """
        if self._execution.exec_id is None:
            return False
        running = asyncio.create_task(self._running.wait())
        try:
            await asyncio.wait(
                {running, work}, timeout=_START_TIMEOUT, return_when=asyncio.FIRST_COMPLETED
            )
            return running.done() and not work.done()
        finally:
            running.cancel()
