"""Starting a command that nobody waits for: it outlives its cell, and the kernel."""

from __future__ import annotations

from dexec_kernel.backend.protocol import Backend
from dexec_kernel.cells.command import Command
from dexec_kernel.cells.execution import Execution
from dexec_kernel.cells.outcome import Detached
from dexec_kernel.errors import CommandNotStarted, EngineUnavailable, ExecLost, FolderGone


async def start_detached(
    backend: Backend,
    container_id: str,
    command: Command,
    execution: Execution,
    *,
    session_folder: str,
) -> Detached:
    """Start a command; ``execution`` gets its exec id and its PID.

    ``session_folder`` is the folder that the cell has from its session, "" for none. Raises
    :class:`FolderGone` where it cannot be entered, :class:`ExecLost` where nobody knows whether the
    command was started, and as :meth:`Backend.exec_detached` does.
    """
    try:
        inspect = await backend.exec_detached(
            container_id, command.config, created=execution.was_created
        )
    except CommandNotStarted as error:
        if session_folder and error.bad_folder and command.config.working_dir == session_folder:
            raise FolderGone.of(session_folder) from error
        raise
    except EngineUnavailable as error:
        if execution.exec_id is None:
            raise
        raise ExecLost(
            "The engine did not say whether the detached command was started, and it may run"
            f" ({error.message.rstrip('.')}).",
            advice="`%ps` shows the processes of the container.",
        ) from error
    execution.was_detached(inspect, command.config.working_dir or None)
    return Detached(inspect.exit_code)
