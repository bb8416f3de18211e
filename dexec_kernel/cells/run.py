"""Running one cell: through which shell, how it is interrupted, how it ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from dexec_kernel.cells.backend import Backend
from dexec_kernel.cells.execution import Command, Emit, Execution, StdinNotPassed
from dexec_kernel.cells.interrupt import Ladder
from dexec_kernel.cells.marks import new_mark
from dexec_kernel.cells.outcome import (
    Exited,
    Failed,
    Interrupted,
    Outcome,
    Snapshot,
    State,
    exit_reason,
)
from dexec_kernel.cells.shell import (
    Shell,
    command_line,
    driver_arguments,
    driver_command,
    driver_stdin,
)
from dexec_kernel.cells.signals import SignalError, find_signaller
from dexec_kernel.engine.answers import container_not_running
from dexec_kernel.engine.errors import (
    CommandNotStarted,
    DexecError,
    EngineError,
    ExecLost,
    ExecNotFound,
)
from dexec_kernel.engine.models import ContainerInspect, ExecConfig

_KILLED = 128 + 9
#: In seconds: for the stream to end after the processes have, which is a matter of milliseconds.
_STREAM_END_TIMEOUT = 0.5
#: In seconds: the engine's clock may be off by this against ours.
_CLOCK_SKEW = 1.0
#: In seconds: each step of the ladder when the kernel goes away.
_URGENT_GRACE = 0.4

_MAY_START = "the engine had not started it yet, and may still do so"
NO_SHELL_NOTE = "no shell in the image: the cell ran as one command line"


class Memory:
    """What is found out once, and not with every cell."""

    def __init__(self) -> None:
        self.shells: dict[str, Shell] = {}
        #: False where a proxy before the engine drops the upgrade that stdin needs.
        self.stdin_passes = True

    def candidates(self, container_id: str) -> list[Shell]:
        """Return the shells to try in a container, the one that is known alone."""
        known = self.shells.get(container_id)
        return list(Shell) if known is None else [known]


class CellRun:
    """One cell in one container. ``run`` is called once.

    ``emit`` gets the output, ``changed`` is called when more is known, which
    :meth:`snapshot` returns. ``interrupt_grace`` is in seconds, for each step.
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
    ) -> None:
        self._backend = backend
        self._container = container
        self._source = source
        self._memory = memory
        self._emit = emit
        self._changed = changed
        self._ladder = Ladder(interrupt_grace)
        self._interrupted = asyncio.Event()
        self._execution = self._new_execution()
        self._shell: Shell | None = None
        self._started = time.time()
        self._clock = time.monotonic()
        self._ended_after: float | None = None
        self._outcome: Outcome | None = None

    async def run(self) -> Outcome:
        """Run the cell to its end. Engine errors are part of the outcome.

        When the task is cancelled the connection is closed and the processes are left alone.
        """
        work = asyncio.create_task(self._work())
        interrupted = asyncio.create_task(self._interrupted.wait())
        try:
            await asyncio.wait({work, interrupted}, return_when=asyncio.FIRST_COMPLETED)
            outcome = await work if work.done() else await self._interrupt(work)
        finally:
            interrupted.cancel()
            work.cancel()
            await asyncio.gather(work, interrupted, return_exceptions=True)
        self._ended_after = time.monotonic() - self._clock
        self._outcome = outcome
        return outcome

    def interrupt(self, *, urgent: bool = False) -> None:
        """Ask the cell's processes to end; asked again, go on to the next signal at once.

        ``urgent`` is for a kernel that goes away: SIGKILL comes in under a second.
        """
        if urgent:
            self._ladder.grace = _URGENT_GRACE
        if self._interrupted.is_set():
            self._ladder.skip()
        self._interrupted.set()

    def snapshot(self) -> Snapshot:
        """Return what is known of the cell now."""
        execution, outcome = self._execution, self._outcome
        reason = outcome.reason if isinstance(outcome, Exited) else ""
        note = outcome.note if isinstance(outcome, Interrupted) else ""
        if self._shell is Shell.NONE and not note:
            note = NO_SHELL_NOTE
        exit_code = execution.exit_code
        if exit_code is not None and not reason:
            reason = exit_reason(exit_code)
        duration = self._ended_after
        return Snapshot(
            state=_state(outcome),
            container=self._container.name,
            container_id=self._container.id,
            image=self._container.image,
            exec_id=execution.exec_id,
            pid=execution.pid,
            exit_code=exit_code,
            exit_reason=reason,
            started=self._started,
            duration=time.monotonic() - self._clock if duration is None else duration,
            user=self._container.user or "root",
            cwd=execution.cwd or self._container.working_dir or "/",
            output_bytes=execution.output_bytes,
            note=note,
        )

    # --- the work -----------------------------------------------------------------------------

    async def _work(self) -> Outcome:
        try:
            return await self._try_shells()
        except ExecNotFound as error:
            return Failed(await self._explain_gone(error))
        except DexecError as error:
            return Failed(error)

    async def _try_shells(self) -> Outcome:
        """Run the cell with the first shell that the image has."""
        *others, last = self._memory.candidates(self._container.id)
        for shell in others:
            try:
                return await self._try(shell)
            except CommandNotStarted as error:
                # The shell itself was not found, so nothing of the cell has run.
                if not error.missing_command:
                    raise
        return await self._try(last)

    async def _try(self, shell: Shell) -> Outcome:
        self._shell = shell
        command = self._command(shell)
        if command is None:
            return Exited(0, "")
        self._execution = self._new_execution()
        try:
            inspect = await self._execution.run(command)
        except StdinNotPassed:
            self._memory.stdin_passes = False
            return await self._try(shell)
        except CommandNotStarted as error:
            if shell is Shell.NONE or not error.missing_command:
                self._memory.shells[self._container.id] = shell
            raise
        self._memory.shells[self._container.id] = shell
        exit_code = inspect.exit_code
        if exit_code is None:
            raise ExecLost("The engine does not know the exit code.")
        cause = await self._cause(exit_code)
        return Exited(exit_code, exit_reason(exit_code, cause=cause))

    def _command(self, shell: Shell) -> Command | None:
        if shell is Shell.NONE:
            words = command_line(self._source)
            return Command(ExecConfig(words)) if words else None
        mark = new_mark()
        command = driver_command(shell, mark)
        if self._memory.stdin_passes:
            stdin = driver_stdin(self._source, mark)
            return Command(ExecConfig(command, attach_stdin=True), stdin, mark)
        return Command(ExecConfig([*command, *driver_arguments(self._source)]), None, mark)

    def _new_execution(self) -> Execution:
        return Execution(self._backend, self._container.id, emit=self._emit, changed=self._changed)

    async def _cause(self, exit_code: int) -> str:
        """Return why a process was killed, where the engine knows."""
        if exit_code != _KILLED:
            return ""
        since = self._started - _CLOCK_SKEW
        try:
            if await self._backend.container_oom_since(self._container.id, since):
                return "out of memory"
            container = await self._backend.container_inspect(self._container.id)
        except EngineError:
            return ""  # It explains an exit code that is known; nothing depends on it.
        return "" if container.running else "the container stopped"

    async def _explain_gone(self, error: ExecNotFound) -> DexecError:
        """Return why the engine does not know the exec that it has just created."""
        container = await self._backend.container_inspect(self._container.id)
        if not container.running:
            return container_not_running(self._container.name)
        lost = ExecLost(
            "The engine lost the exec before it was started.",
            advice="It was restarted, perhaps. Run the cell again.",
        )
        lost.__cause__ = error
        return lost

    # --- the interrupt ------------------------------------------------------------------------

    async def _interrupt(self, work: asyncio.Task[Outcome]) -> Outcome:
        if not await self._has_begun(work):
            if work.done():
                return work.result()
            begun = self._execution.exec_id is not None
            return Interrupted("", _MAY_START if begun else "before it was started")
        execution = self._execution
        try:
            signaller = find_signaller(
                self._backend,
                self._container.id,
                self._shell or Shell.NONE,
                inner_pid=execution.inner_pid,
                pid=execution.pid,
            )
            ended = await self._ladder.climb(signaller, work)
        except (SignalError, EngineError) as error:
            return Interrupted("", f"the processes may go on: {error.message}")
        note = ""
        if ended.survivors:
            pids = ", ".join(map(str, sorted(ended.survivors)))
            note = f"these processes could not be ended: {pids}"
        else:
            await asyncio.wait({work}, timeout=_STREAM_END_TIMEOUT)
            if not work.done():
                await execution.learn_exit_code()
        return Interrupted(f"SIG{ended.signal}", note)

    async def _has_begun(self, work: asyncio.Task[Outcome]) -> bool:
        """Wait until the command runs; return False when it does not, or has already ended.

        Once the engine has been told to start it, only time tells; a second interrupt ends the
        wait.
        """
        if self._execution.exec_id is None:
            return False
        running = asyncio.create_task(self._execution.running.wait())
        skipped = asyncio.create_task(self._ladder.skipped.wait())
        try:
            await asyncio.wait({running, work, skipped}, return_when=asyncio.FIRST_COMPLETED)
            return running.done() and not work.done()
        finally:
            running.cancel()
            skipped.cancel()


def _state(outcome: Outcome | None) -> State:
    match outcome:
        case None:
            return State.RUNNING
        case Exited():
            return State.EXITED
        case Interrupted():
            return State.INTERRUPTED
        case Failed(error=CommandNotStarted()):
            return State.NOT_STARTED
        case Failed():
            return State.LOST
