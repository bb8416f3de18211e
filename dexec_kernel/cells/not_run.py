"""The errors after which nothing of a cell has run, so that it may be started in another way."""

from __future__ import annotations

from dexec_kernel.errors import CellNotRun, EngineError


class StdinNotPassed(EngineError):
    """A proxy before the engine passes no stdin on; the command has not run."""


class StandbyLost(EngineError):
    """A standby ended before it had its cell, of which nothing has run."""


def cell_not_run(exit_code: int | None) -> CellNotRun:
    """The shell has ended, and has not said that it had its cell."""
    return CellNotRun(
        f"The shell ended with exit code {exit_code} and did not say that it had read the cell.",
        advice="Nothing proves that the cell has run, so that it is not run again by itself. The"
        " image may keep its shell from running anything (SHELLOPTS, BASH_ENV), or the connection"
        " to the engine has lost what the shell said.",
    )
