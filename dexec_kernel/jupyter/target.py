"""The engine, and the container on it that cells run in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from dexec_kernel.backend.models import ContainerInspect
from dexec_kernel.backend.targets import find_container, require_running
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.jupyter.settings import Settings

Connect = Callable[[], Awaitable[EngineClient]]


class Target:
    """Owns the client of a kernel, and finds containers with it. Everything is on one event loop.

    Nothing is asked of an engine before it is needed. A name that is "" stands for the setting
    ``container``, and where that is "" too, for the only container that runs.

    Finding raises :class:`EngineUnavailable` and :class:`ConfigurationError` besides what each
    method names.
    """

    def __init__(
        self, settings: Settings, connect: Connect = EngineClient.from_environment
    ) -> None:
        self._settings = settings
        self._connect = connect
        self._client: EngineClient | None = None
        self._connecting = asyncio.Lock()

    async def client(self) -> EngineClient:
        """Return the client of the engine that the environment leads to."""
        async with self._connecting:
            if self._client is None:
                self._client = await self._connect()
            return self._client

    async def container(self, name: str = "") -> ContainerInspect:
        """Look at a container, whether it runs or not.

        Raises :class:`ContainerNotFound`, :class:`NotChosenError`.
        """
        return await find_container(await self.client(), name or self._settings.container)

    async def running(self, name: str = "") -> ContainerInspect:
        """Look at a container that runs.

        Raises :class:`ContainerNotRunning` and :class:`ContainerPaused` besides.
        """
        container = await self.container(name)
        require_running(container)
        return container

    async def answers(self) -> bool:
        """Return whether the engine answers; also true where none was asked yet."""
        return self._client is None or await self._client.answers()

    async def forget(self) -> None:
        """Close the client. The next call looks for the engine again: it may be elsewhere."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
