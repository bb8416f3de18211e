"""Why an exec ended as it did, where only the engine knows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from copy import copy

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
    InternalError,
)

_log = logging.getLogger(__name__)
_KILLED, _TERMINATED = 128 + 9, 128 + 15
#: In seconds: for a look at the container of a cell that has failed already.
_LOOK_TIMEOUT = 2.0
#: In seconds: between looks, from the end of a container's processes to the engine's noticing.
_STOP_DELAYS = (0.1, 0.2, 0.4)


async def cause_of(
    backend: Backend, container: ContainerInspect, exit_code: int, *, since: float, suspicion: str
) -> str:
    """Return why a process was killed, in words, or "" where nothing is known.

    ``since`` is when it began, in seconds since the epoch; ``container`` is as it was then;
    ``suspicion`` is what else may have ended it. It explains an exit code that is known by itself,
    so that nothing is raised.
    """
    if exit_code != _KILLED:
        return suspicion if exit_code == _TERMINATED else ""
    started_at = container.started_at
    try:
        if await backend.container_oom_since(container.id, since):
            return "out of memory"
        container = await backend.container_inspect(container.id)
        for pause in _STOP_DELAYS:
            if _end_of(container, started_at):
                break
            # The engine takes a moment to notice that a container's processes have ended.
            await asyncio.sleep(pause)
            container = await backend.container_inspect(container.id)
    except ContainerNotFound:
        return "the container was removed"
    except EngineError:
        return suspicion
    return _end_of(container, started_at) or suspicion


async def with_known_name(
    backend: Backend, container: ContainerInspect, error: DexecError
) -> DexecError:
    """Return the error of a cell, with its container called by the name that people know."""
    match error:
        case ExecNotFound():
            return await _why_gone(backend, container, error)
        case ContainerNotRunning():
            return ContainerNotRunning.of(container.name, error.reason)
        case ContainerPaused():
            return ContainerPaused.of(container.name)
        case ContainerNotFound():
            return ContainerNotFound.of(container.name)
        case _:
            return _with_name(container, error)


def _with_name(container: ContainerInspect, error: DexecError) -> DexecError:
    """Return the error with the container's name where it has the id."""
    if container.id not in f"{error.message}{error.advice}":
        return error
    renamed = copy(error)
    renamed.message = error.message.replace(container.id, container.name)
    renamed.advice = error.advice.replace(container.id, container.name)
    renamed.args = (renamed.message,)
    renamed.__cause__, renamed.__traceback__ = error.__cause__, error.__traceback__
    return renamed


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


def unexpected(error: Exception) -> DexecError:
    """Return the error of a cell for an exception that nobody expected, and log its traceback."""
    if isinstance(error, DexecError):
        return error
    _log.error("A cell has failed by a defect of the kernel.", exc_info=error)
    return InternalError.of(error)


async def lost(
    backend: Backend,
    container_id: str,
    error: EngineError | None,
    *,
    pid: int | None,
    inner_pid: int | None,
    started_at: str = "",
) -> ExecLost:
    """Return the error of a cell whose stream broke while its command was running.

    ``pid`` is the one on the engine's host, ``inner_pid`` the one in the container, where known;
    ``started_at`` is the container's when the cell began.
    """
    fate = await _fate(backend, container_id, started_at)
    if fate:
        fate = f"T{fate[1:]}"
        found = ExecLost(f"{fate} while the command was running: its exit code is unknown.")
    else:
        reason = "" if error is None else f" ({error.message.rstrip('.')})"
        pids = [
            *([f"PID {pid} on the engine's host"] if pid else []),
            *([f"PID {inner_pid} in the container"] if inner_pid else []),
        ]
        processes = f": {', '.join(pids)}" if pids else ""
        found = ExecLost(
            f"The connection to the command was lost{reason}. Output may be missing, and the"
            f" command may still be running{processes}.",
            advice="`%ps` shows the processes of the container.",
        )
    found.__cause__ = error
    return found


async def survival(backend: Backend, container: ContainerInspect, pids: Collection[int]) -> str:
    """Return a note on processes that have survived SIGKILL, with the reason where it is known."""
    reason = ""
    try:
        async with asyncio.timeout(_LOOK_TIMEOUT):
            found = await backend.container_inspect(container.id)
        if found.paused:
            reason = ContainerPaused.of(container.name).message
    except TimeoutError:
        reason = "The engine does not answer."
    except EngineError as error:
        reason = error.message
    numbers = ", ".join(map(str, sorted(pids)))
    note = f"the processes {numbers} go on until they can be ended"
    return f"{note}: {reason}" if reason else note


async def _fate(backend: Backend, container_id: str, started_at: str) -> str:
    """Return what ended all processes of the container, in words; "" where they may go on."""
    try:
        async with asyncio.timeout(_LOOK_TIMEOUT):
            container = await backend.container_inspect(container_id)
    except ContainerNotFound:
        return "the container was removed"
    except (EngineError, TimeoutError):
        return ""
    return _end_of(container, started_at)


def _end_of(container: ContainerInspect, started_at: str) -> str:
    """Return what has ended all processes of a container's run; "" where they may go on."""
    if not container.running:
        return "the container stopped"
    is_another = started_at and container.started_at != started_at
    return "the container was restarted" if is_another else ""
