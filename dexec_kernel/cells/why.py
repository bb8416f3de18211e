"""Why an exec ended as it did, where only the engine knows."""

from __future__ import annotations

import asyncio

from dexec_kernel.backend.models import ContainerInspect
from dexec_kernel.backend.protocol import Backend
from dexec_kernel.errors import (
    ContainerNotFound,
    ContainerNotRunning,
    ContainerPaused,
    DexecError,
    EngineError,
    ExecLost,
    ExecNotFound,
)

_KILLED = 128 + 9
#: In seconds: the engine's clock may be off by this against ours.
_CLOCK_SKEW = 1.0
#: In seconds: from the end of a container's processes to the engine's calling it stopped.
_STOP_DELAY = 0.2


async def cause_of(backend: Backend, container_id: str, exit_code: int, *, since: float) -> str:
    """Return why a process was killed, in words, or "" where nothing is known.

    ``since`` is when it began, in seconds since the epoch. It explains an exit code that is known
    by itself, so that nothing is raised.
    """
    if exit_code != _KILLED:
        return ""
    try:
        if await backend.container_oom_since(container_id, since - _CLOCK_SKEW):
            return "out of memory"
        container = await backend.container_inspect(container_id)
        if container.running:
            # The engine takes a moment to notice that a container's processes have ended.
            await asyncio.sleep(_STOP_DELAY)
            container = await backend.container_inspect(container_id)
    except EngineError:
        return ""
    return "" if container.running else "the container stopped"


async def named(backend: Backend, container: ContainerInspect, error: DexecError) -> DexecError:
    """Return the error of a cell, with its container called by the name that people know."""
    match error:
        case ExecNotFound():
            return await _why_gone(backend, container, error)
        case ContainerNotRunning():
            return ContainerNotRunning.of(container.name)
        case ContainerPaused():
            return ContainerPaused.of(container.name)
        case ContainerNotFound():
            return ContainerNotFound.of(container.name)
        case _:
            return error


async def _why_gone(
    backend: Backend, container: ContainerInspect, error: ExecNotFound
) -> DexecError:
    """Return why the engine does not know the exec that it has just created."""
    try:
        found = await backend.container_inspect(container.id)
    except ContainerNotFound:
        return ContainerNotFound.of(container.name)
    except EngineError as fault:
        return fault
    if not found.running:
        return ContainerNotRunning.of(container.name)
    lost = ExecLost(
        "The engine lost the exec before it was started.",
        advice="It was restarted, perhaps. Run the cell again.",
    )
    lost.__cause__ = error
    return lost
