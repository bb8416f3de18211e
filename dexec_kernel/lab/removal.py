"""Containers that are removed together, whatever they do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from dexec_kernel.backend.lifecycle import LabEngine
from dexec_kernel.errors import ContainerNotFound, EngineApiError

#: How many the engine is asked to remove at a time: more of them take no less time in all.
_AT_ONCE = 4


async def remove_container(engine: LabEngine, container: str) -> None:
    """Remove a container with its anonymous volumes, if there is one."""
    with suppress(ContainerNotFound):
        await engine.container_remove(container, force=True, volumes=True)


async def remove_containers(
    engine: LabEngine, containers: Iterable[str]
) -> dict[str, EngineApiError]:
    """Remove containers; return the engine's refusals by what was refused.

    Podman refuses one whose network another container shares: each is asked for again as long as
    that has removed any. Raises :class:`EngineUnavailable`.
    """
    turn = asyncio.Semaphore(_AT_ONCE)

    async def refusal_of(container: str) -> EngineApiError | None:
        async with turn:
            try:
                await remove_container(engine, container)
            except EngineApiError as error:
                return error
        return None

    waiting = list(containers)
    while waiting:
        refusals = await asyncio.gather(*map(refusal_of, waiting))
        refused = {
            container: refusal
            for container, refusal in zip(waiting, refusals, strict=True)
            if refusal is not None
        }
        if len(refused) == len(waiting):
            return refused
        waiting = list(refused)
    return {}
