"""How much of a cell's output goes where. Apart from what keeps to it, for the settings' sake."""

from __future__ import annotations

from dataclasses import dataclass

from dexec_kernel.cells.output.log_folder import LogFolder

MIB, GIB = 1024**2, 1024**3


@dataclass(frozen=True, slots=True)
class OutputLimits:
    """How much of a cell's output goes where, in bytes.

    ``output`` is for the front end, 0 for no bound and no pacing; ``log`` for the log file, 0 for
    none. Without a folder there is no log.
    """

    output: int = 2 * MIB
    log: int = GIB
    folder: LogFolder | None = None
