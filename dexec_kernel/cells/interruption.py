"""Ending a cell's processes, and learning how that went."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from dexec_kernel.backend.models import ContainerInspect
from dexec_kernel.backend.protocol import Backend
from dexec_kernel.cells.attempt import Attempt
from dexec_kernel.cells.outcome import Interrupted, Outcome
from dexec_kernel.cells.signals.ladder import Ladder
from dexec_kernel.cells.why import survival
from dexec_kernel.errors import EngineError, EngineUnavailable, SignalError

#: In seconds: for the stream to end after the processes have, which is a matter of milliseconds,
#: and for a look at an exec beside its signals. The engine may hang.
_STREAM_END_TIMEOUT = _LOOK_TIMEOUT = 2.0


async def end_processes(
    backend: Backend,
    container: ContainerInspect,
    attempt: Attempt,
    work: asyncio.Task[Outcome],
    ladder: Ladder,
) -> Interrupted:
    """End the processes of an attempt that runs, whose task is ``work``.

    Processes that cannot be ended now are remembered, to be ended later.
    """
    execution = attempt.execution
    execution.output.hurry()
    await _briefly(execution.learn_pid())  # This machine's way needs it, where no exec starts.
    try:
        signaller = attempt.signaller()
    except SignalError as error:
        return Interrupted("", f"the processes may go on: {error.message}")
    try:
        ended = await ladder.climb(signaller, work)
    except (SignalError, EngineError) as error:
        attempt.leave()
        is_unanswered = isinstance(error, EngineUnavailable) or isinstance(
            error.__cause__, TimeoutError
        )
        # The id is what signals are sent to, and people know the name.
        reason = error.message.replace(container.id, container.name)
        note = f"the processes go on until they can be ended: {reason}"
        return Interrupted("", note, is_unanswered)
    attempt.is_over()
    if ended.survivors:
        attempt.leave(is_killed=True)
        note = await survival(backend, container, ended.survivors)
        return Interrupted(f"SIG{ended.signal}", note)
    # The work is done early where background processes keep the stream open.
    ending = {work, attempt.rest or work}
    await asyncio.wait(ending, timeout=_STREAM_END_TIMEOUT)
    if not all(task.done() for task in ending):
        with suppress(EngineError):
            await _briefly(execution.learn_exit_code())
    return Interrupted(f"SIG{ended.signal}", "")


async def _briefly(look: Coroutine[Any, Any, None]) -> None:
    """Wait for a look at an exec, within a time limit."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LOOK_TIMEOUT):
            await look
