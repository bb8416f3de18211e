"""Running one cell: through which shell, how it is interrupted, how it ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from dexec_kernel.backend.models import ConsoleSize, ContainerInspect, ExecInspect
from dexec_kernel.backend.protocol import Backend
from dexec_kernel.cells.command import (
    Command,
    build_command,
    changes_session,
    may_use_standby,
)
from dexec_kernel.cells.execution import Execution, StandbyLost, StdinNotPassed
from dexec_kernel.cells.input.stdin import Stdin
from dexec_kernel.cells.outcome import (
    Backgrounded,
    Exited,
    Failed,
    Interrupted,
    Outcome,
    Snapshot,
    TimedOut,
    exit_reason,
    state_of,
)
from dexec_kernel.cells.output.limits import OutputLimits
from dexec_kernel.cells.output.output import Emit, Output
from dexec_kernel.cells.signals import Signaller
from dexec_kernel.cells.signals.guardian import GuardedPlace
from dexec_kernel.cells.signals.ladder import Ladder
from dexec_kernel.cells.source.options import CellOptions
from dexec_kernel.cells.standby.pool import HandedOut
from dexec_kernel.cells.standby.standby import Standby
from dexec_kernel.cells.why import cause_of, named, unexpected
from dexec_kernel.cells.workspace import Memory
from dexec_kernel.errors import (
    CommandNotStarted,
    DexecError,
    EngineError,
    ExecLost,
    SignalError,
)
from dexec_kernel.shell.commands import Shell

_DEFAULT_LIMITS = OutputLimits()
_DEFAULT_OPTIONS = CellOptions()
#: In seconds: for an engine to start a process, which takes most about 50 ms.
_START_TIMEOUT = 10.0
#: In seconds: for the stream to end after the processes have, which is a matter of milliseconds.
_STREAM_END_TIMEOUT = 0.5
#: In seconds: each step of the ladder when the kernel goes away.
_URGENT_GRACE = 0.4

_NOT_BEGUN = "before it was started"
_MAY_START = "the engine had not started it yet, and may still do so"
NO_SHELL_NOTE = "no shell in the image: ran as one command line"

#: The usual initial size of a terminal.
DEFAULT_CONSOLE_SIZE = ConsoleSize(rows=24, columns=80)


class CellRun:
    """One cell in one container. ``run`` is called once.

    ``emit`` gets the output, ``changed`` is called when more is known, which
    :meth:`snapshot` returns. ``interrupt_grace`` is in seconds, for each step; ``limits`` say how
    much of the output goes where. ``console_size`` is that of a terminal, where ``options`` ask
    for one; ``stdin`` asks for input, None where nobody can be asked.
    """

    def __init__(
        self,
        backend: Backend,
        container: ContainerInspect,
        source: str,
        memory: Memory,
        *,
        emit: Emit,
        changed: Callable[[], None],
        interrupt_grace: float,
        limits: OutputLimits = _DEFAULT_LIMITS,
        options: CellOptions = _DEFAULT_OPTIONS,
        console_size: ConsoleSize = DEFAULT_CONSOLE_SIZE,
        stdin: Stdin | None = None,
    ) -> None:
        self._backend = backend
        self._container = container
        self._source = source
        self._memory = memory
        memory.heed(container)
        self._options = options
        self._user = options.user or container.user
        self._console_size = console_size
        self._stdin = stdin
        self._notes: list[str] = []
        self._emit = emit
        self._changed = changed
        self._limits = limits
        self._ladder = Ladder(interrupt_grace)
        self._interrupted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running = asyncio.Event()
        self._execution = self._new_execution()
        self._shell: Shell | None = None
        self._started = time.time()
        self._clock = time.monotonic()
        self._ended_after: float | None = None
        self._outcome: Outcome | None = None
        self._rest: asyncio.Task[ExecInspect] | None = None

    async def run(self) -> Outcome:
        """Run the cell to its end. Engine errors are part of the outcome.

        When the task is cancelled the connection is closed and the processes are left alone.
        """
        work = asyncio.create_task(self._work())
        ends: set[asyncio.Future[Any]] = {work, self._interrupted}
        timeout = self._options.timeout
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
            self._set_outcome(Exited(inspect.exit_code or 0, exit_reason(inspect.exit_code or 0)))
        finally:
            self._rest.cancel()
        return self._outcome or Exited(0, "")

    async def stop_background(self) -> None:
        """End the background processes, as an interrupt would. Raises what signals raise."""
        if self._rest is not None and not self._rest.done():
            await self._ladder.climb(self._signaller(), self._rest)

    def _set_outcome(self, outcome: Outcome) -> None:
        self._ended_after = time.monotonic() - self._clock
        self._outcome = outcome

    def interrupt(self, *, urgent: bool = False) -> None:
        """Ask the cell's processes to end; asked again, go on to the next signal at once.

        ``urgent`` is for a kernel that goes away: SIGKILL comes in under a second.
        """
        if urgent:
            self._ladder.grace = _URGENT_GRACE
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

    def snapshot(self) -> Snapshot:
        """Return what is known of the cell now."""
        execution, outcome = self._execution, self._outcome
        reason = outcome.reason if isinstance(outcome, Exited) else ""
        notes = list(self._notes)
        if isinstance(outcome, Interrupted | TimedOut) and outcome.note:
            notes.append(outcome.note)
        if self._shell is Shell.NONE and not self._options.command:
            notes.append(NO_SHELL_NOTE)
        if execution.output.note:
            notes.append(execution.output.note)
        if isinstance(outcome, Backgrounded):
            count = execution.background_count
            notes.append(f"{count} process{'es' * (count != 1)} live{'s' * (count == 1)} on")
        exit_code = execution.exit_code
        if exit_code is not None and not reason:
            reason = exit_reason(exit_code)
        duration = self._ended_after
        return Snapshot(
            state=state_of(outcome, is_begun=execution.exec_id is not None),
            container=self._container.name,
            container_id=self._container.id,
            image=self._container.image,
            exec_id=execution.exec_id,
            pid=execution.pid,
            exit_code=exit_code,
            exit_reason=reason,
            started=self._started,
            duration=time.monotonic() - self._clock if duration is None else duration,
            user=self._user or "root",
            cwd=execution.cwd or self._options.workdir or self._container.working_dir or "/",
            output_bytes=execution.output.total_bytes,
            note="; ".join(notes),
            log=execution.output.log,
            inner_pid=execution.inner_pid,
        )

    # --- the work -----------------------------------------------------------------------------

    async def _work(self) -> Outcome:
        try:
            return await self._try_shells()
        except DexecError as error:
            return Failed(await named(self._backend, self._container, error))

    async def _try_shells(self) -> Outcome:
        """Run the cell in what waits for it, else with the first shell that the image has."""
        if may_use_standby(self._options):
            state = self._memory.session.state(self._container.id)
            handed_out = await self._memory.standbys.take(self._container, state)
            if self._memory.standbys.is_queued() and not self._options.container:
                self._memory.prepare(self._backend, self._container)
            if handed_out is not None:
                try:
                    return await self._try(handed_out.standby.shell, handed_out)
                except StandbyLost:
                    pass  # Nothing of the cell has run.
                except BaseException:
                    handed_out.standby.exec.close()
                    raise
        *others, last = self._memory.candidates(self._container.id)
        for shell in others:
            try:
                return await self._try(shell)
            except CommandNotStarted as error:
                # The shell itself was not found, so nothing of the cell has run.
                if not error.missing_command:
                    raise
        return await self._try(last)

    async def _try(self, shell: Shell, handed_out: HandedOut | None = None) -> Outcome:
        if self._interrupted.done() and handed_out is None:
            return Interrupted("", _NOT_BEGUN)
        self._shell = shell
        command = self._command(shell, handed_out)
        if command is None:
            return Exited(0, "")
        self._execution = self._new_execution()
        standby = None if handed_out is None else handed_out.standby
        try:
            inspect = await self._run_to_end_or_background(command, standby)
        except StdinNotPassed:
            if not self._memory.stdin_passes:
                raise  # The command needs its stdin: no other way can run it.
            self._memory.stdin_passes = False
            return await self._try(shell)
        except CommandNotStarted as error:
            if shell is Shell.NONE and error.missing_command:
                self._memory.shells[self._container.id] = shell
            raise
        self._memory.shells[self._container.id] = shell
        self._take_over()
        if inspect is None:
            return Backgrounded(self._execution.background_exit_code)
        exit_code = inspect.exit_code
        if exit_code is None:
            raise ExecLost("The engine does not know the exit code.")
        cause = await cause_of(self._backend, self._container.id, exit_code, since=self._started)
        return Exited(exit_code, exit_reason(exit_code, cause=cause))

    async def _run_to_end_or_background(
        self, command: Command, standby: Standby | None
    ) -> ExecInspect | None:
        """Run the command; return None when only its background processes are left."""
        execution = self._execution
        place = GuardedPlace(self._container.id, self._shell or Shell.NONE, self._user)
        work = execution.run(command, standby)
        guarded = self._memory.guardians.beside(work, self._backend, place, execution)
        self._rest = asyncio.create_task(guarded)
        waiting = asyncio.create_task(execution.backgrounded.wait())
        try:
            await asyncio.wait({self._rest, waiting}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._rest.cancel()
            await asyncio.gather(self._rest, return_exceptions=True)
            raise
        finally:
            waiting.cancel()
        if self._rest.done():
            return await self._rest
        await execution.learn_pid()
        return None

    def _command(self, shell: Shell, handed_out: HandedOut | None) -> Command | None:
        if handed_out is not None:
            may_ask = self._stdin is not None
            return handed_out.command(self._source, self._options, may_ask=may_ask)
        command = build_command(
            shell,
            self._source,
            self._options,
            self._memory.session.state(self._container.id),
            stdin_passes=self._memory.stdin_passes,
            console_size=self._console_size,
            may_ask=self._stdin is not None,
        )
        return command and command.with_defaults(self._container.exec_defaults)

    def _take_over(self) -> None:
        """Take over the state of the cell's shell, and note what the user should know of it."""
        session, execution = self._memory.session, self._execution
        before = session.state(self._container.id)
        if before and execution.cwd not in {None, before.folder} and not self._options.workdir:
            self._notes.append(f"the folder {before.folder} is gone")
        if changes_session(self._options):
            names = self._container.env_names
            note = session.take_over(self._container.id, execution.handover, env_names=names)
            self._notes += [note] if note else []

    def _new_execution(self) -> Execution:
        # They share the event, so that a waiter is woken by whichever of them runs.
        return Execution(
            self._backend,
            self._container.id,
            output=Output(self._emit, self._limits),
            changed=self._changed,
            running=self._running,
            stdin=self._stdin,
        )

    # --- the interrupt ------------------------------------------------------------------------

    async def _end(self, work: asyncio.Task[Outcome]) -> Outcome:
        """End a cell that was interrupted, or that has had its time."""
        if self._stdin is not None:
            self._stdin.close()
        seconds = self._options.timeout
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
        try:
            ended = await self._ladder.climb(self._signaller(), work)
        except (SignalError, EngineError) as error:
            return Interrupted("", f"the processes may go on: {error.message}")
        note = ""
        if ended.survivors:
            pids = ", ".join(map(str, sorted(ended.survivors)))
            note = f"these processes could not be ended: {pids}"
        else:
            # The work is done early where background processes keep the stream open.
            ending = {work, self._rest or work}
            await asyncio.wait(ending, timeout=_STREAM_END_TIMEOUT)
            if not all(task.done() for task in ending):
                with suppress(EngineError):
                    await execution.learn_exit_code()
        return Interrupted(f"SIG{ended.signal}", note)

    def _signaller(self) -> Signaller:
        return self._execution.signaller(self._shell or Shell.NONE, self._user)

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
