"""Which containers there are to choose from, kept up to date while somebody shows them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.backend.targets import usable
from dexec_kernel.display.containers import Candidate, Choice
from dexec_kernel.engine.watch import EngineWatch
from dexec_kernel.errors import (
    ConfigurationError,
    ContainerNotFound,
    ContainerNotRunning,
    DexecError,
    EngineUnavailable,
    PolicyRefused,
    PolicyUnusable,
)
from dexec_kernel.jupyter.settings import Settings
from dexec_kernel.jupyter.target import Target

if TYPE_CHECKING:
    from dexec_kernel.jupyter.pods import PodChoice


class ContainerWatch:
    """Follows the engine and the cluster while it has listeners, on the main event loop.

    ``choice`` is the last known one.
    """

    def __init__(self, settings: Settings, target: Target) -> None:
        self._settings = settings
        self._target = target
        self._listeners: list[Callable[[], None]] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._pods: PodChoice | None = None
        self._following_pods: asyncio.Task[None] | None = None
        self.choice = Choice()
        settings.observe(lambda _change: self._wake.set(), "container")

    async def add(self, listener: Callable[[], None]) -> None:
        """Look now, and from now on call ``listener`` whenever the choice may have changed."""
        if self._task is None:
            await self._follow_pods()
            self.choice = await self._look()
            self._task = asyncio.create_task(self._watch())
        self._listeners.append(listener)

    def remove(self, listener: Callable[[], None]) -> None:
        """Call it no more; without listeners the watch rests."""
        if listener in self._listeners:
            self._listeners.remove(listener)
        if not self._listeners and self._task is not None:
            self._task.cancel()
            self._task = None
            self._leave_pods()

    async def aclose(self) -> None:
        """End the watch."""
        self._listeners.clear()
        pods = self._leave_pods()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        ended = [found for found in (task, pods) if found is not None]
        await asyncio.gather(*ended, return_exceptions=True)

    async def pods(self) -> list[ContainerSummary]:
        """Return the pods that the launcher shows, by name."""
        await self._follow_pods()
        found = usable(self._pod_list())
        if self._task is None:
            self._leave_pods()
        return [item for item in found if self._target.permits(item)]

    async def _follow_pods(self) -> None:
        """Begin to follow the pods, and wait a moment for the first; a lab's kernel has none."""
        if self._settings.lab or self._following_pods is not None:
            return
        from dexec_kernel.jupyter.pods import PodChoice  # noqa: PLC0415 -- for lists alone

        self._pods = PodChoice(
            os.environ,
            check=self._check,
            changed=self._wake.set,
        )
        self._following_pods = asyncio.create_task(self._pods.run())
        await self._pods.wait()

    def _check(self, url: str) -> None:
        self._target.policy.check_engine(url)

    def _leave_pods(self) -> asyncio.Task[None] | None:
        following, self._following_pods = self._following_pods, None
        self._pods = None
        if following is not None:
            following.cancel()
        return following

    async def _watch(self) -> None:
        listed: Sequence[ContainerSummary] | None = None

        def take(running: Sequence[ContainerSummary] | None) -> None:
            nonlocal listed
            listed = running
            self._wake.set()

        async def on_containers(running: Sequence[ContainerSummary]) -> None:
            take(running)

        watch = EngineWatch(
            os.environ,
            on_containers=on_containers,
            on_lost=lambda _error: take(None),
            check=self._target.policy.check_engine,
            tunnel=self._target.tunnel,
        )
        following = asyncio.create_task(watch.run())
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                self.choice = await self._look(listed)
                for listener in tuple(self._listeners):
                    listener()
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    def _pod_list(self) -> Sequence[ContainerSummary]:
        return () if self._pods is None else self._pods.listed

    async def _list(self) -> Sequence[ContainerSummary]:
        try:
            return await (await self._target.client()).container_list()
        except EngineUnavailable:
            if not self._pod_list():
                raise
            return ()

    async def _look(self, listed: Sequence[ContainerSummary] | None = None) -> Choice:
        """Return the choice between the containers that are ``listed``, None to list them now."""
        setting = self._settings.container
        found: tuple[Candidate, ...] = ()
        try:
            if listed is None:
                listed = await self._list()
            running = [item for item in usable(listed) if self._target.permits(item)]
            known = {item.id for item in listed}
            pods = [item for item in self._pod_list() if item.id not in known]
            others = [item for item in usable(pods) if self._target.permits(item)]
            found = tuple(Candidate(item.name, item.image) for item in (*running, *others))
            # A pod is never the container that is meant without being named.
            if not setting and len(running) != 1:
                return Choice(found)
            container = await self._target.container(setting or running[0].id)
        except ContainerNotFound:
            return Choice(found, setting, trouble="not found")
        except ContainerNotRunning:
            return Choice(found, setting, trouble="not running")
        except (PolicyRefused, PolicyUnusable):
            return Choice(found, setting, trouble="not allowed here")
        except ConfigurationError:
            # As for a task on a node to which there is no way. The next cell says more.
            return Choice(found, setting, trouble="out of reach")
        except DexecError:
            return Choice(found, setting, trouble="the engine does not answer")
        trouble = "paused" if container.paused else "" if container.running else "not running"
        return Choice(found, container.name, container.id, container.working_dir, trouble)
