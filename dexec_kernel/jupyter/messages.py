"""A cell's messages to the front end, and its outcome in Jupyter's words."""

from __future__ import annotations

from typing import Any

from ipykernel.kernelbase import Kernel

from dexec_kernel.cells.outcome import (
    Backgrounded,
    Exited,
    Failed,
    Interrupted,
    Outcome,
    TimedOut,
    describe_exit,
    exit_reason,
)
from dexec_kernel.display.fault import CellFault, command_failed, interrupted, of_error, timed_out


class Messages:
    """Sends a cell's messages with that cell as their parent, whatever else is being handled."""

    def __init__(self, kernel: Kernel, *, silent: bool) -> None:
        self._kernel = kernel
        self._parent = kernel.get_parent("shell")
        self.silent = silent

    def publish(self, kind: str, content: dict[str, Any]) -> None:
        """Send a message on iopub; nothing for a silent cell."""
        if not self.silent:
            kernel = self._kernel
            kernel.session.send(
                kernel.iopub_socket,
                kind,
                content,
                parent=self._parent,
                ident=kernel._topic(kind),  # noqa: SLF001 -- as the base class does
            )


def fault_of(outcome: Outcome) -> CellFault | None:
    """Return what a cell's outcome is to Jupyter; None for a success."""
    match outcome:
        case Exited(exit_code=0):
            return None
        case Backgrounded(exit_code=0):
            return None
        case Exited(exit_code=exit_code, reason=reason):
            return command_failed(describe_exit(exit_code, reason))
        case Backgrounded(exit_code=exit_code):
            return command_failed(describe_exit(exit_code, exit_reason(exit_code)))
        case Interrupted(signal=name, note=note):
            return interrupted(name, note)
        case TimedOut(seconds=seconds, signal=name, note=note):
            return timed_out(seconds, name, note)
        case Failed(error=error):
            return of_error(error)
