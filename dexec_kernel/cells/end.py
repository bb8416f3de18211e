"""The end of an exec's stream, which may not be the end of its command.

The stream may have been cut between two frames, and then it looks as if it had ended. So the engine
is asked how the exec ended, and a driver says a last word. An ended stream is believed as follows:

===============================  ==========================================  ======================
the driver                       the engine says soon that it has exited     it runs on
===============================  ==========================================  ======================
has said its last word           believed                                    waited for
is to say one, and has not       believed, output may be missing             :class:`ExecLost`
says none (a command of its own) believed; output may be missing where it   waited for, output may
                                 took more than a moment                     be missing
===============================  ==========================================  ======================

An engine may say of an exec that it has lost what it says of one that has ended
(``ExecInspect.is_doubtful``). Then it is believed with a last word alone, which has the exit code,
or where :meth:`Exec.wait` finds a proof.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from dexec_kernel.backend.models import ExecInspect, ExecState
from dexec_kernel.backend.protocol import Exec
from dexec_kernel.cells.signals import NO_SIGNAL, Signaller
from dexec_kernel.errors import EngineError, ExecLost, SignalError

#: In seconds: the pauses between the looks at an exec whose stream has ended. Most have exited by
#: the first look; on a busy machine the engine notices some 100 ms later.
_LOOKS = (0.002, 0.005, 0.01, 0.03, 0.05, 0.15, 0.25)
#: After so many looks an engine that is not very busy has noticed.
_MOMENT = 5
#: In seconds: for an engine to say whether an exec runs, where a cell is not to wait for that.
_SOON = 0.3
#: The exit code that an engine makes up for a process whose output it could not pass on.
BROKEN_STREAM = 126

SILENT_NOTE = (
    "its shell told nothing at its end (exec, a signal, a broken connection): output may be missing"
)
LATE_NOTE = "the connection ended before the command did: output may be missing"

OPEN_NOTE = (
    "the end of its input could not be sent: this cluster's exec has none (Kubernetes has it from"
    " 1.31 on)"
)
BROKEN_NOTE = "126 is also the engine's word for a broken connection: output may be missing"


@dataclass(frozen=True, slots=True)
class End:
    """How an exec ended. ``note`` is for the user, "" for none."""

    inspect: ExecInspect
    note: str = ""


async def end_of(attached: Exec, *, tells_end: bool, has_told: bool) -> End:
    """Return how the exec of an ended stream ended.

    ``tells_end`` where its driver says a last word, ``has_told`` where that has come. Raises
    :class:`ExecLost` where the exec runs on, and what waiting for it raises.
    """
    note = SILENT_NOTE if tells_end and not has_told else ""
    is_doubtful = not tells_end and not has_told
    try:
        for number, pause in enumerate(_LOOKS):
            inspect = await attached.inspect()
            if inspect.state is ExecState.EXITED and inspect.is_doubtful and not has_told:
                return End(await attached.wait(), note)
            if inspect.state is ExecState.EXITED:
                return End(inspect, LATE_NOTE if is_doubtful and number >= _MOMENT else note)
            await asyncio.sleep(pause)
    except ExecLost:
        raise
    except EngineError:
        return End(await attached.wait())  # Waiting for it says why.
    if tells_end and not has_told:
        raise ExecLost("the stream ended while the command was running")
    return End(await attached.wait(), LATE_NOTE if is_doubtful else "")


async def has_exited(attached: Exec) -> bool:
    """Return whether an exec has ended whose stream goes on, so that the engine drops it soon.

    True where no answer comes soon: it may be the end that the engine is busy with.
    """
    try:
        async with asyncio.timeout(_SOON):
            return (await attached.inspect()).state is ExecState.EXITED
    except TimeoutError:
        return True
    except EngineError:
        return False


async def is_alive(signaller: Callable[[], Signaller]) -> bool:
    """Return whether a process of the cell is seen, whatever the engine says of its exec."""
    try:
        return bool(await signaller().send(NO_SIGNAL))
    except (SignalError, EngineError):
        return False
