"""Why a check ended with its exit code."""

from __future__ import annotations

import signal

from dexec_kernel.backend.protocol import Backend
from dexec_kernel.errors import EngineError

#: The exit code of a process that SIGKILL has ended, and of a checker that has said nothing.
KILLED = 128 + signal.SIGKILL
_SIGNAL_BASE = 128
_MEANINGS = {
    2: "wrong use of a command, or a mistake in its syntax",
    125: "it could not be read",
    126: "a command cannot be executed",
    127: "a command was not found",
}


async def why_ended(backend: Backend, container: str, exit_code: int, begun: float) -> str:
    """Explain an exit code in a few words, "" for none. ``begun`` is in epoch seconds."""
    if exit_code == KILLED:
        try:
            if await backend.container_oom_since(container, begun):
                return "SIGKILL, out of memory"
        except EngineError:
            return "SIGKILL"  # Nothing more is known.
    if exit_code in _MEANINGS:
        return _MEANINGS[exit_code]
    try:
        return signal.Signals(exit_code - _SIGNAL_BASE).name
    except ValueError:
        return ""
