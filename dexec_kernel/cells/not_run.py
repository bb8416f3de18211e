"""The errors after which nothing of a cell has run, so that it may be started in another way."""

from __future__ import annotations

from dexec_kernel.errors import EngineError


class StdinNotPassed(EngineError):
    """A proxy before the engine passes no stdin on; the command has not run."""


class StandbyLost(EngineError):
    """A standby ended before it had its cell, of which nothing has run."""
