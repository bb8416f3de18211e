"""One container of a lab, as its owner handles it: held by its stdin, started, stopped, removed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from dexec_kernel.backend.lifecycle import Health, HealthConfig, LabEngine, Leash
from dexec_kernel.errors import (
    ContainerNotFound,
    DexecError,
    EngineApiError,
    LabUnusable,
)
from dexec_kernel.lab.removal import remove_container
from dexec_kernel.lab.shielded import to_the_end
from dexec_kernel.lab.spec import Container

#: Ends the name of a container that is not ready yet: nobody takes such a one over.
UNFINISHED = ".making"
#: In seconds: between two looks.
_LOOK_EVERY = 0.2
#: In characters: what an error has of a health check's output.
_SHOWN = 500
#: What an engine calls a container whose health it does not know yet.
_STARTING = "starting"
#: The engine's own: seconds between two checks, seconds for one, failures of an unhealthy one.
_INTERVAL, _TIMEOUT, _RETRIES = 30.0, 30.0, 3
#: In seconds: what an engine may need besides, until it says that a container is unhealthy.
_GRACE = 30.0
#: In seconds: how long an engine may take to clean up after a container that has stopped.
_ENDED_WITHIN = 10.0


@dataclass
class Member:
    """A container of the lab. ``name`` is the engine's, known before the container is made.

    Every method raises the engine's errors besides what it names.
    """

    spec: Container
    name: str
    id: str = ""
    leash: Leash | None = None
    #: Whether its health check has passed since it was started.
    was_healthy: bool = False

    @property
    def unfinished_name(self) -> str:
        """The engine's name for it until it is ready."""
        return f"{self.name}{UNFINISHED}"

    def let_go(self) -> None:
        """Let go of its stdin: it stops by itself. Needs no engine."""
        leash, self.leash = self.leash, None
        if leash is not None:
            leash.close()

    async def start(
        self, engine: LabEngine, *, has_leash: bool = True, is_new: bool = False
    ) -> None:
        """Start it, held by its stdin where it ends with that.

        One that ``is_new`` is held before it starts. Another is held only once it runs: Podman
        cleans up a moment after a container's end, and takes an attached stdin away with that. A
        sweep ends one whose owner is killed in between.
        """
        self.let_go()
        self.was_healthy = False
        if has_leash and not is_new:
            await to_the_end(self._start_again(engine))
            return
        if has_leash:
            self.leash = await engine.container_hold(self.id)
        await engine.container_start(self.id)

    async def _start_again(self, engine: LabEngine) -> None:
        await engine.container_start(self.id)
        try:
            self.leash = await engine.container_hold(self.id)
        except DexecError:
            # It would run on without an owner.
            with suppress(DexecError):
                await engine.container_stop(self.id, stop_timeout=1)
            raise

    async def pause(self, engine: LabEngine) -> EngineApiError | None:
        """Freeze it, unless nothing of it runs; return the engine's refusal, if it refuses."""
        try:
            state = await engine.container_inspect(self.id)
            if state.running and not state.paused:
                await engine.container_pause(self.id)
        except ContainerNotFound:
            return None
        except EngineApiError as error:
            return error
        return None

    async def stop(self, engine: LabEngine) -> None:
        """Stop it, and keep it; one that is not there is stopped."""
        self.let_go()
        with suppress(ContainerNotFound):
            if (await engine.container_inspect(self.id)).paused:
                await engine.container_unpause(self.id)
            await engine.container_stop(self.id, stop_timeout=1)

    async def remove(self, engine: LabEngine) -> None:
        """Remove it, also where its id was never told."""
        self.let_go()
        await remove_container(engine, self.id or self.unfinished_name)

    async def until_healthy(self, engine: LabEngine) -> None:
        """Wait until it is healthy; an engine has no call that waits for it.

        Raises :class:`LabUnusable` where it is not, with the output of its last check, which runs
        where the student is anyway.
        """
        health = Health()

        async def is_known() -> bool:
            nonlocal health
            health = await engine.container_health(self.id)
            return health.status != _STARTING or not await self._is_running(engine)

        await _look_until(is_known, _patience(self.spec.healthcheck))
        if health.status not in {"", "healthy"}:
            is_running = await self._is_running(engine)
            status = health.status if is_running else "stopped"
            said = " ".join(health.output.split())[-_SHOWN:]
            words = f"The last health check said: {said}" if said else "The health check is silent."
            raise LabUnusable(f"The container {self.spec.name!r} is {status}. {words}")

    async def _is_running(self, engine: LabEngine) -> bool:
        return (await engine.container_inspect(self.id)).running

    async def until_stopped(self, engine: LabEngine, *, is_alone: bool) -> None:
        """Wait until the leash of its last owner, who is gone, has ended it.

        A student who is root may have cut the leash: where it ``is_alone``, and nobody else can
        hold it, it is stopped. Raises :class:`LabUnusable` where its owner may be there.
        """

        async def has_stopped() -> bool:
            return not await self._is_running(engine)

        if await _look_until(has_stopped, _ENDED_WITHIN):
            return
        if is_alone:
            await engine.container_stop(self.id, stop_timeout=1)
        else:
            raise LabUnusable(
                "The lab's container is in use by another kernel.",
                advice="Shut the other kernel of this notebook down, and run the cell again.",
            )


def _patience(check: HealthConfig | None) -> float:
    """Return after how many seconds the engine itself knows how healthy a container is."""
    if check is None:
        return _GRACE
    once = (check.interval or _INTERVAL) + (check.timeout or _TIMEOUT)
    return (check.start_period or 0) + once * (check.retries or _RETRIES) + _GRACE


async def _look_until(is_so: Callable[[], Awaitable[bool]], within: float) -> bool:
    """Look until it is so; return false where it is not within so many seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while not await is_so():
        if loop.time() > deadline:
            return False
        await asyncio.sleep(_LOOK_EVERY)
    return True
