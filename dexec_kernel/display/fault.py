"""A cell's fault, in the form of Jupyter's ``error`` message and error reply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dexec_kernel.cells.outcome import (
    Backgrounded,
    Detached,
    Exited,
    Failed,
    Interrupted,
    Outcome,
    Stopped,
    TimedOut,
    describe_exit,
    exit_reason,
)
from dexec_kernel.display.text import sendable, some_lines
from dexec_kernel.errors import CommandNotStarted, DexecError, NotChosenError

# Not red: JupyterLab shows errors on red, which in its dark theme leaves ANSI red hardly readable.
_BOLD, _RESET = "\x1b[1m", "\x1b[0m"
#: How a cell was ended by a signal, "" for none, where that is not simply an interrupt by it.
_ENDED_BY = {"": "interrupted", "SIGKILL": "killed (SIGKILL)"}


@dataclass(frozen=True, slots=True)
class CellFault:
    """A cell's error: its public name, one line of explanation, and lines of advice below it."""

    name: str
    value: str
    details: tuple[str, ...] = ()

    def content(self) -> dict[str, Any]:
        """Return ``ename``, ``evalue`` and ``traceback`` (messaging spec, "Execution errors")."""
        value = some_lines(self.value)
        head = f"{_BOLD}{self.name}{_RESET}: {value}"
        content = {
            "ename": self.name,
            "evalue": value,
            "traceback": [head, *map(some_lines, self.details)],
        }
        return {key: sendable(value) for key, value in content.items()}


def of_error(error: DexecError) -> CellFault:
    """Return the fault for an error of this package, with its advice."""
    details: list[str] = []
    if isinstance(error, NotChosenError):
        details += [f"  %container {name}" for name in error.candidates]
    if error.advice:
        details.append(error.advice)
    if isinstance(error, CommandNotStarted) and error.engine_text:
        details.append(f"The engine's words: {error.engine_text}")
    return CellFault(error.name, error.message, tuple(details))


def command_failed(ending: str) -> CellFault:
    """Return the fault of a command that ran and failed, such as with ``exit code 3``."""
    return CellFault("CommandFailed", ending)


def timed_out(seconds: float, signal: str, note: str) -> CellFault:
    """Return the fault of a cell that has had its time."""
    how = f", ended by {signal}" if signal else ""
    return CellFault("CellTimeout", f"timed out after {seconds:g} s{how}", (note,) if note else ())


def interrupted(signal: str, note: str) -> CellFault:
    """Return the fault of an interrupted cell."""
    return CellFault(
        "KeyboardInterrupt",
        _ENDED_BY.get(signal, f"interrupted by {signal}"),
        (note,) if note else (),
    )


def fault_of(outcome: Outcome) -> CellFault | None:
    """Return what a cell's outcome is to Jupyter; None for a success."""
    match outcome:
        case Exited(exit_code=0):
            return None
        case Backgrounded(exit_code=0) | Stopped(exit_code=0) | Detached():
            return None
        case Exited(exit_code=exit_code, reason=reason):
            return command_failed(describe_exit(exit_code, reason))
        case Backgrounded(exit_code=exit_code) | Stopped(exit_code=exit_code):
            return command_failed(describe_exit(exit_code, exit_reason(exit_code)))
        case Interrupted(signal=name, note=note):
            return interrupted(name, note)
        case TimedOut(seconds=seconds, signal=name, note=note):
            return timed_out(seconds, name, note)
        case Failed(error=error):
            return of_error(error)
