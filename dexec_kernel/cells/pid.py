"""The PID of a command, asked for until the engine knows it."""

from __future__ import annotations

import asyncio

from dexec_kernel.backend.models import ExecInspect, ExecState
from dexec_kernel.backend.protocol import Exec
from dexec_kernel.errors import EngineError, EngineUnavailable

#: In seconds: between two looks; doubled up to the second, or the third without an answer.
_FIRST_PAUSE, _LONGEST_PAUSE, _PATIENT_PAUSE = 0.002, 0.1, 1.0


async def look_until_started(attached: Exec) -> ExecInspect | None:
    """Return the inspect of a command that was started, with its PID where the engine tells it.

    None where the command has ended, or the end of the stream tells more.
    """
    pause = _FIRST_PAUSE
    while True:
        try:
            inspect = await attached.inspect()
        except EngineUnavailable:
            inspect = None  # It may come back; the end of the stream tells if it does not.
        except EngineError:
            return None
        if inspect is not None:
            if inspect.pid is not None:
                return inspect
            if inspect.state is ExecState.EXITED:
                return None
            if inspect.state is ExecState.RUNNING and not attached.tells_pid:
                return inspect
        await asyncio.sleep(pause)
        pause = min(2 * pause, _PATIENT_PAUSE if inspect is None else _LONGEST_PAUSE)
