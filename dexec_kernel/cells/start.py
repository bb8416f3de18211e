"""The exec that runs a cell: a standby, a shell that is started for it, or its command line.

Each is tried only where it is certain that nothing of the cell has run in the one before:

=========================  ====================================  ==================================
the start has failed with  of                                    the next start
=========================  ====================================  ==================================
``StandbyLost``            a standby                             the first shell
``CommandNotStarted``      a shell that the image does not have  the next shell, or the command line
``StdinNotPassed``         any, the first time in a container    the same shell, cell as arguments
the container's folder     a shell whose cell goes elsewhere     the same shell, in ``/``
anything                   a detached command line               none: the cell has failed
anything else              any                                   none: the cell has failed
=========================  ====================================  ==================================
"""

from __future__ import annotations

from dataclasses import dataclass

from dexec_kernel.backend.models import ROOT, ConsoleSize
from dexec_kernel.cells.command import (
    Command,
    build_command,
    build_detached,
    goes_elsewhere,
    may_use_standby,
)
from dexec_kernel.cells.not_run import StandbyLost, StdinNotPassed
from dexec_kernel.cells.source.cell import Cell
from dexec_kernel.cells.standby.standby import Standby
from dexec_kernel.cells.workspace import Workspace
from dexec_kernel.errors import CommandNotStarted, EngineError, FolderGone
from dexec_kernel.shell.commands import Shell


@dataclass(frozen=True, slots=True)
class Start:
    """One way to run a cell. ``command`` is None for an empty cell in an image without a shell."""

    shell: Shell
    command: Command | None
    standby: Standby | None = None


class Starts:
    """Chooses how a cell is started. ``may_ask`` where somebody can be asked for its input."""

    def __init__(
        self, workspace: Workspace, cell: Cell, console_size: ConsoleSize, *, may_ask: bool
    ) -> None:
        self._workspace = workspace
        self._cell = cell
        self._console_size = console_size
        self._may_ask = may_ask
        self._shells: list[Shell] = []
        #: Whether the container's own folder is gone, and the cell goes to another by itself.
        self._in_root = False
        #: What the cell's shell evaluates before it. A command of its own is no line of a shell's.
        is_shells = not cell.options.command
        self._history = workspace.session.history.add(cell.body) if is_shells else b""

    async def first(self) -> Start:
        """Return the first start: a standby where one waits.

        The caller closes the standby's exec. Raises :class:`ConfigurationError` and
        :class:`CellSyntaxError` for a cell that cannot be run.
        """
        workspace, options = self._workspace, self._cell.options
        if self._is_started_by_engine:
            return self._cold(Shell.NONE)
        if workspace.state is not None:
            workspace.state.check_may_set(dict(options.env))
        if may_use_standby(options):
            standbys = workspace.standbys
            handed_out = await standbys.take(workspace.container, workspace.state)
            if standbys.is_queued() and not options.container:
                workspace.prepare()
            if handed_out is not None:
                command = handed_out.command(
                    self._cell.body, options, may_ask=self._may_ask, history=self._history
                )
                return Start(handed_out.standby.shell, command, handed_out.standby)
        return self._first_shell()

    def after(self, start: Start, error: EngineError) -> Start | None:
        """Return the start that follows one which has failed; None where there is none.

        Raises :class:`FolderGone` where the container's own folder keeps the cell from running.
        """
        match error:
            case _ if self._is_started_by_engine:
                return None
            case StandbyLost():
                return self._first_shell()
            case StdinNotPassed() if self._workspace.stdin_passes:
                self._workspace.stdin_passes = False
                return self._cold(start.shell)
            case CommandNotStarted(missing_command=True) if start.shell is Shell.NONE:
                self._workspace.shell = Shell.NONE
                return None
            case CommandNotStarted(missing_command=True) if self._shells:
                return self._cold(self._shells.pop(0))
            case CommandNotStarted(bad_folder=True) if not self._cell.options.workdir:
                return self._elsewhere(start, error)
            case _:
                return None

    def _elsewhere(self, start: Start, error: EngineError) -> Start:
        """Return the start of a cell that needs another folder than the container's own."""
        has_shell = start.shell is not Shell.NONE
        is_shells = has_shell and not self._cell.options.command
        if self._in_root or not is_shells or not goes_elsewhere(self._cell.body):
            folder = self._workspace.container.with_label_defaults().working_dir or ROOT
            raise FolderGone.of_container(folder, has_shell=has_shell) from error
        self._in_root = True
        return self._cold(start.shell)

    @property
    def _is_started_by_engine(self) -> bool:
        """Whether no shell is tried, even in an image that has one: a detached command."""
        return self._cell.options.detach and bool(self._cell.options.command)

    def _first_shell(self) -> Start:
        first, *self._shells = self._workspace.shells
        return self._cold(first)

    def _cold(self, shell: Shell) -> Start:
        workspace, cell = self._workspace, self._cell
        if cell.options.detach:
            command = build_detached(shell, cell.body, cell.options, workspace.state)
            return Start(shell, command and command.with_defaults(workspace.defaults))
        command = build_command(
            shell,
            cell.body,
            cell.options,
            workspace.state,
            stdin_passes=workspace.stdin_passes,
            console_size=self._console_size,
            may_ask=self._may_ask,
            history=self._history,
            in_root=self._in_root,
        )
        return Start(shell, command and command.with_defaults(workspace.defaults))
