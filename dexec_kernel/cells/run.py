"""Supervising one cell: its interrupts, its time limit, its processes in the background."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from dexec_kernel.cells.attempt import Attempt
from dexec_kernel.cells.execution import Execution
from dexec_kernel.cells.input.stdin import Stdin
from dexec_kernel.cells.interruption import end_processes
from dexec_kernel.cells.limits import CellLimits
from dexec_kernel.cells.listener import CellListener
from dexec_kernel.cells.outcome import (
    Backgrounded,
    Exited,
    Failed,
    Interrupted,
    Outcome,
    Snapshot,
    Stopped,
    TimedOut,
    snapshot_of,
)
from dexec_kernel.cells.output.output import Output
from dexec_kernel.cells.signals.ladder import Ladder
from dexec_kernel.cells.source.cell import Cell
from dexec_kernel.cells.start import Start, Starts
from dexec_kernel.cells.why import unexpected, with_known_name
from dexec_kernel.cells.workspace import Workspace
from dexec_kernel.errors import DexecError, EngineError

#: In seconds: for an engine to start a process, which takes most about 50 ms.
_START_TIMEOUT = 10.0
#: In seconds: each step of the ladder when the kernel goes away.
_URGENT_GRACE = 0.4

_NOT_BEGUN = "before it was started"
_MAY_START = "the engine had not started it yet, and may still do so"
_KERNEL_NOTE = "its kernel ended"


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
        self._started, self._clock = time.time(), time.monotonic()
        self._attempt = self._new_attempt()
        self._ended_after: float | None = None
        self._outcome: Outcome | None = None
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
            rest = self._attempt.rest
            if rest is not None and not isinstance(self._outcome, Backgrounded):
                rest.cancel()
                await asyncio.gather(rest, return_exceptions=True)
        assert self._outcome is not None  # noqa: S101 -- set above
        return self._outcome

    async def wait_for_background(self) -> Outcome:
        """Wait for the background processes of a cell whose outcome was :class:`Backgrounded`.

        When the task is cancelled the connection is closed and the processes are left alone.
        """
        attempt, rest = self._attempt, self._attempt.rest
        assert rest is not None  # noqa: S101 -- so the outcome says
        try:
            inspect = await rest
            background = attempt.execution.heard.background
            if self._is_stopping:
                self._set_outcome(Stopped(background.exit_code if background else 0))
            else:
                self._notes += [attempt.execution.note] if attempt.execution.note else []
                self._set_outcome(await attempt.exited(inspect))
        except DexecError as error:
            self._set_outcome(Failed(error))
        except Exception as error:  # noqa: BLE001 -- its display is to end all the same
            self._set_outcome(Failed(unexpected(error)))
        finally:
            rest.cancel()
        return self._outcome or Exited(0, "")

    async def stop_background(self) -> None:
        """End the background processes, as an interrupt would. Raises what signals raise."""
        rest = self._attempt.rest
        if rest is not None and not rest.done():
            self._is_stopping = True
            await self._ladder.climb(self._attempt.signaller(), rest)
            self._attempt.is_over()

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
            self._attempt.leave(at_end=True)
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
        return self._attempt.execution.output.came_near_server_limits

    @property
    def is_ending(self) -> bool:
        """Whether the cell's shell has said its last word."""
        return self._attempt.execution.heard.is_last

    def snapshot(self) -> Snapshot:
        """Return what is known of the cell now."""
        duration = self._ended_after
        # The engine may say that the cell has ended before the last look at its processes.
        goes_on = self._outcome is None or isinstance(self._outcome, Backgrounded)
        ending = [self._ladder.words] if goes_on and self._ladder.words else []
        return snapshot_of(
            self._attempt.execution,
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
            return Failed(await with_known_name(self._workspace.backend, self._container, error))

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
        self._attempt = self._new_attempt()
        return await self._attempt.run(start)

    def _new_attempt(self) -> Attempt:
        return Attempt(
            *(self._workspace, self._cell, self._new_execution()),
            notes=self._notes,
            grace=self._limits.interrupt_grace,
            since=self._started,
        )

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
            return TimedOut(seconds, outcome.signal, outcome.note, outcome.is_unanswered)
        return outcome

    async def _interrupt(self, work: asyncio.Task[Outcome]) -> Outcome:
        if not await self._has_begun(work):
            if work.done():
                return work.result()
            if self._attempt.execution.exec_id is None:
                return Interrupted("", _NOT_BEGUN)
            self._attempt.leave()
            return Interrupted("", _MAY_START)
        backend = self._workspace.backend
        return await end_processes(backend, self._container, self._attempt, work, self._ladder)

    async def _has_begun(self, work: asyncio.Task[Outcome]) -> bool:
        """Wait until the command runs; return False when it does not, or has already ended.

        Once the engine has been told to start it, only time tells.
        """
        if self._attempt.execution.exec_id is None:
            return False
        running = asyncio.create_task(self._running.wait())
        try:
            await asyncio.wait(
                {running, work}, timeout=_START_TIMEOUT, return_when=asyncio.FIRST_COMPLETED
            )
            return running.done() and not work.done()
        finally:
            running.cancel()
