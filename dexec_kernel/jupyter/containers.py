"""Which containers there are to choose from, kept up to date while somebody shows them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from dexec_kernel.backend.targets import candidates, find_container
from dexec_kernel.display.containers import Candidate, Choice
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.errors import ContainerNotFound, DexecError, NotChosenError
from dexec_kernel.jupyter.settings import Settings

#: In seconds: how long until an engine is asked again that is away, or tells no events.
_RETRY = 2.0


class ContainerWatch:
    """Listens to the engine's events while it has listeners. Everything is on the main event loop.

    ``choice`` is the last known one.
    """

    def __init__(self, settings: Settings, engine: Callable[[], Awaitable[EngineClient]]) -> None:
        self._settings = settings
        self._engine = engine
        self._listeners: list[Callable[[], None]] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.choice = Choice()
        settings.observe(lambda _change: self._wake.set(), "container")

    async def add(self, listener: Callable[[], None]) -> None:
        """Look now, and from now on call ``listener`` whenever the choice may have changed."""
        self._listeners.append(listener)
        if self._task is None:
            self.choice = await self._look()
            self._task = asyncio.create_task(self._watch())

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
        listening = asyncio.create_task(self._listen())
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                self.choice = await self._look()
                for listener in tuple(self._listeners):
                    listener()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _listen(self) -> None:
        while True:
            # The look that follows reports the fault.
            with suppress(DexecError):
                async with await (await self._engine()).events() as events:
                    self._wake.set()
                    async for _event in events:
                        self._wake.set()
            self._wake.set()
            await asyncio.sleep(_RETRY)

    async def _look(self) -> Choice:
        setting = self._settings.container
        found: tuple[Candidate, ...] = ()
        try:
            client = await self._engine()
            found = tuple(Candidate(item.name, item.image) for item in await candidates(client))
            container = await find_container(client, setting)
        except NotChosenError:
            return Choice(found)
        except ContainerNotFound:
            return Choice(found, setting, trouble="not found")
        except DexecError:
            return Choice(found, setting, trouble="the engine does not answer")
        trouble = "paused" if container.paused else "" if container.running else "not running"
        return Choice(found, container.name, container.id, container.working_dir, trouble)
