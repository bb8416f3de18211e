"""Which containers there are to choose from, kept up to date while somebody shows them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence

from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.backend.targets import usable
from dexec_kernel.display.containers import Candidate, Choice
from dexec_kernel.engine.watch import EngineWatch
from dexec_kernel.errors import (
    ConfigurationError,
    ContainerNotFound,
    ContainerNotRunning,
    DexecError,
    PolicyRefused,
    PolicyUnusable,
)
from dexec_kernel.jupyter.settings import Settings
from dexec_kernel.jupyter.target import Target


class ContainerWatch:
    """Follows the engine while it has listeners. Everything is on the main event loop.

    ``choice`` is the last known one.
    """

    def __init__(self, settings: Settings, target: Target) -> None:
        self._settings = settings
        self._target = target
        self._listeners: list[Callable[[], None]] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.choice = Choice()
        settings.observe(lambda _change: self._wake.set(), "container")

    async def add(self, listener: Callable[[], None]) -> None:
        """Look now, and from now on call ``listener`` whenever the choice may have changed."""
        if self._task is None:
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

    async def aclose(self) -> None:
        """End the watch."""
        self._listeners.clear()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

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

    async def _look(self, listed: Sequence[ContainerSummary] | None = None) -> Choice:
        """Return the choice between the containers that are ``listed``, None to list them now."""
        setting = self._settings.container
        found: tuple[Candidate, ...] = ()
        try:
            if listed is None:
                listed = await (await self._target.client()).container_list()
            running = [item for item in usable(listed) if self._target.permits(item)]
            found = tuple(Candidate(item.name, item.image) for item in running)
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
