"""The limits of a cell's output. In a module of its own, because the settings import it early."""

from __future__ import annotations

from dataclasses import dataclass

from dexec_kernel.cells.output.log_folder import LogFolder

MIB, GIB = 1024**2, 1024**3


@dataclass(frozen=True, slots=True)
class OutputLimits:
    """The limits of a cell's output, in bytes.

    ``output`` is for the front end, 0 for no bound and no pacing; ``log`` is for the log file, 0
    for no file. Without a folder there is no log.
    """

    output: int = 2 * MIB
    log: int = GIB
    folder: LogFolder | None = None
