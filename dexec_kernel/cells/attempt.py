"""One attempt to run a cell: one exec, from its start to the state that it leaves."""

from __future__ import annotations

import asyncio
from typing import Any

from dexec_kernel.backend.models import ExecInspect
from dexec_kernel.cells.command import changes_session
from dexec_kernel.cells.detached import start_detached
from dexec_kernel.cells.end import BROKEN_NOTE, is_alive
from dexec_kernel.cells.execution import Execution
from dexec_kernel.cells.not_run import StandbyLost
from dexec_kernel.cells.outcome import Backgrounded, Exited, Outcome, exit_reason
from dexec_kernel.cells.signals import Signaller
from dexec_kernel.cells.signals.guardian import GuardedPlace
from dexec_kernel.cells.signals.leftovers import Leftover
from dexec_kernel.cells.source.cell import Cell
from dexec_kernel.cells.standby.standby import Place
from dexec_kernel.cells.start import Start
from dexec_kernel.cells.why import cause_of
from dexec_kernel.cells.workspace import Workspace
from dexec_kernel.errors import EngineError, ExecLost
from dexec_kernel.shell.commands import Shell

NO_SHELL_NOTE = "no shell in the image: ran as one command line"


class Attempt:
    """Runs a cell by one :class:`Start`.

    ``execution`` is new; ``notes`` gets what the user should know; ``grace`` is that of an
    interrupt, in seconds; ``since`` is when the cell began, in seconds since the epoch.
    """

    def __init__(
        self,
        workspace: Workspace,
        cell: Cell,
        execution: Execution,
        *,
        notes: list[str],
        grace: float,
        since: float,
    ) -> None:
        self._workspace = workspace
        self._container = workspace.container
        self._cell = cell
        self._notes = notes
        self._grace = grace
        self._since = since
        self._shell = Shell.NONE
        self._left: Leftover | None = None
        self.execution = execution
        #: Waits for the end of the exec, background processes included; None before its start.
        self.rest: asyncio.Task[ExecInspect] | None = None

    async def run(self, start: Start) -> Outcome:
        """Run the cell, to its end or until only background processes are left.

        Raises :class:`EngineError` where it has failed; another start may follow.
        """
        if start.command is None:
            return Exited(0, "")
        self._shell = start.shell
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
        if self.execution.may_be_broken:
            if await is_alive(self.signaller):
                self.leave(at_end=True)
                raise await self.execution.lost(None)
            self._notes.append(BROKEN_NOTE)
        self._workspace.shell = start.shell
        self._take_over()
        background = self.execution.heard.background
        if inspect is None:
            return Backgrounded(background.exit_code if background else 0)
        return await self.exited(inspect)

    async def exited(self, inspect: ExecInspect) -> Exited:
        """Return how the exec has ended. Raises :class:`ExecLost` where nobody knows."""
        if inspect.exit_code is None:
            raise ExecLost("The engine does not know the exit code.")
        cause = await cause_of(
            *(self._workspace.backend, self._container, inspect.exit_code),
            since=self._since,
            suspicion=self.execution.suspicion,
        )
        return Exited(inspect.exit_code, exit_reason(inspect.exit_code, cause=cause))

    async def _detach(self, start: Start) -> Outcome:
        assert start.command is not None  # noqa: S101 -- an empty cell runs nothing
        workspace, options = self._workspace, self._cell.options
        state = None if options.workdir else workspace.state
        detached = await start_detached(
            *(workspace.backend, self._container.id, start.command, self.execution),
            session_folder=state.folder if state else "",
        )
        if not options.command:
            workspace.shell = start.shell
        return detached

    async def _run_to_end_or_background(self, start: Start) -> ExecInspect | None:
        """Run the command; return None when only its background processes are left."""
        assert start.command is not None  # noqa: S101 -- an empty cell runs nothing
        execution, workspace = self.execution, self._workspace
        container = self._container
        place = GuardedPlace(container.id, container.started_at, start.shell, self._user)
        work = execution.run(start.command, start.standby)
        guarded = workspace.guardians.run_guarded(work, workspace.backend, place, execution)
        self.rest = asyncio.create_task(guarded)
        ends: set[asyncio.Future[Any]] = {self.rest, execution.left}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self.rest.cancel()
            await asyncio.gather(self.rest, return_exceptions=True)
            raise
        if self.rest.done():
            return await self.rest
        await execution.learn_pid()
        return None

    def _take_over(self) -> None:
        """Take over the state of the cell's shell, and note what the user should know of it."""
        workspace, options = self._workspace, self._cell.options
        heard, note_of_end = self.execution.heard, self.execution.note
        before = workspace.state
        if note := workspace.drop(heard.failed):
            self._notes.append(note)
        was_in = before.folder if before and not options.workdir else ""
        if was_in and heard.folder not in {None, was_in}:
            self._notes.append(f"the folder {was_in} is gone")
        if changes_session(options) and self._shell is not Shell.NONE:
            note = workspace.take_over(heard.handover)
            self._notes += [note] if note else []
        self._notes += [note_of_end] if note_of_end else []

    # --- what is left of it -------------------------------------------------------------------

    def _abandon(self, start: Start, error: BaseException) -> None:
        """Let a start go that has failed, with what it may have left."""
        if isinstance(error, ExecLost):
            self.leave(at_end=True)  # It may be running.
        elif isinstance(error, EngineError) and start.command and start.command.config.tty:
            # A shell on a terminal does not end with its connection: it waits for its cell.
            self._workspace.leftovers.add(self._leftover())
        if start.standby is not None:
            start.standby.exec.close()
            if isinstance(error, StandbyLost):
                lost = Place.of(self._container).leftover(start.standby)
                self._workspace.leftovers.add(lost)

    def leave(self, *, at_end: bool = False, is_killed: bool = False) -> None:
        """Have the processes ended as soon as that is possible, or when the kernel ends.

        They get no other signal than SIGKILL then, or where they have had it (``is_killed``).
        """
        self._left = self._leftover(None if at_end or is_killed else self._grace)
        self._workspace.leftovers.add(self._left, at_end=at_end)
        self._workspace.lost.add(self.execution.exec_id)

    def _leftover(self, grace: float | None = None) -> Leftover:
        execution, container = self.execution, self._container
        return Leftover(
            *(container.id, container.started_at, self._shell, self._user),
            inner_pid=execution.inner_pid,
            pid=execution.pid,
            grace=grace,
            exec_id=execution.exec_id,
        )

    def is_over(self) -> None:
        """Take note that no process is left."""
        self._workspace.leftovers.discard(self._left)

    def signaller(self) -> Signaller:
        """Return the way to signal the command. Raises :class:`SignalError` if there is no way."""
        return self.execution.signaller(self._shell, self._user)

    @property
    def _user(self) -> str:
        return self._cell.options.user or self._container.user
