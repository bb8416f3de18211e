"""The engine, and the container on it that cells run in."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from dexec_kernel.backend.models import ContainerInspect
from dexec_kernel.backend.protocol import WholeEngine
from dexec_kernel.backend.routed import RoutedEngine
from dexec_kernel.backend.targets import Named, find_container, require_running
from dexec_kernel.display.cell import Publish
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.http.address import Address
from dexec_kernel.errors import PolicyUnusable
from dexec_kernel.jupyter.settings import Settings
from dexec_kernel.lab.checks.desk import CheckDesk
from dexec_kernel.lab.room import Room
from dexec_kernel.lab.spec import Lab
from dexec_kernel.policy.engine import Home, PolicedEngine, policed
from dexec_kernel.policy.file import find_policy
from dexec_kernel.policy.rules import Policy
from dexec_kernel.swarm.engine import SwarmEngine
from dexec_kernel.swarm.places import Places

#: In seconds: what a quick cell takes, and the pause after it.
_LATELY = 2.0

Connect = Callable[[], Awaitable[WholeEngine]]


class Target:
    """Owns the client of a kernel, and finds containers with it. Everything is on one event loop.

    Nothing is asked of an engine before it is needed. A name that is "" stands for the setting
    ``container``, and where that is "" too, for the only container that runs.

    The policy of the machine is read once, here. Finding raises :class:`PolicyRefused`,
    :class:`EngineUnavailable` and :class:`ConfigurationError` besides what each method names.
    """

    def __init__(self, settings: Settings, connect: Connect | None = None) -> None:
        self._settings = settings
        self._connect = connect or self._connect_as_environment_says
        self._client: WholeEngine | None = None
        self._tunnel: Address | None = None
        self._routed: RoutedEngine | None = None
        self._connecting = asyncio.Lock()
        self._places = Places()
        self._home = Home(settings.container)
        #: The last look at the next cell's container: the setting, when it was, the container.
        self._latest: tuple[str, float, ContainerInspect] | None = None
        self._policy: Policy | PolicyUnusable
        try:
            self._policy = find_policy()
        except PolicyUnusable as error:
            self._policy = error

    @property
    def policy(self) -> Policy:
        """The policy of this machine. Raises :class:`PolicyUnusable`."""
        if isinstance(self._policy, PolicyUnusable):
            raise self._policy
        return self._policy

    def permits(self, container: Named) -> bool:
        """Return whether cells may run in a container of a list."""
        if isinstance(self._client, PolicedEngine):
            return self._client.permits(container)
        return self.policy.allows(container)

    async def client(self) -> WholeEngine:
        """Return the client of the engine that the environment leads to, within the policy."""
        policy = self.policy
        async with self._connecting:
            if self._client is None:
                self._client = policed(await self._connect(), policy, self._home)
            return self._client

    def preparing(self, publish: Publish) -> Coroutine[Any, Any, bool] | None:  # noqa: ARG002 -- here
        """Return the work that has the container be there, before a cell; None where it is.

        ``publish`` shows the work, which returns true. See :class:`jupyter.lab.LabTarget`.
        """
        return None

    @property
    def desk(self) -> Callable[[], Awaitable[CheckDesk]] | None:
        """What returns the checks of the kernel's lab; None where it is not that of a lab."""
        return None

    async def lab(self) -> Lab | None:
        """Return the kernel's lab as its files describe it; None where it is not that of a lab."""
        return None

    @property
    def room(self) -> Room | None:
        """The kernel's lab; None where it is not that of a lab."""
        return None

    def after_cell(self) -> None:
        """Take note that no cell runs."""

    async def end(self, *, restarts: bool) -> None:
        """End what the kernel has made. ``restarts`` tells whether the kernel comes back."""

    async def _connect_as_environment_says(self) -> WholeEngine:
        self._routed = RoutedEngine(self._connect_engine, self._connect_cluster)
        return self._routed

    async def _connect_engine(self) -> WholeEngine:
        engine = await EngineClient.from_environment(check=self.policy.check_engine)
        self._tunnel = engine.tunnel
        return SwarmEngine(
            engine,
            os.environ,
            node_hosts=self._settings.node_hosts,
            check=self.policy.check_engine,
            places=self._places,
        )

    async def _connect_cluster(self) -> WholeEngine:
        # Most kernels have no use for it.
        from dexec_kernel.kube.engine import KubeEngine  # noqa: PLC0415

        return await KubeEngine.from_environment(check=self.policy.check_engine)

    async def tunnel(self) -> Address | None:
        """Return the connection that all calls share, where the engine is behind ssh."""
        await self.client()
        if self._routed is not None:
            await self._routed.of("")
        return self._tunnel

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
        if not name:
            now = asyncio.get_running_loop().time()
            self._latest = (self._settings.container, now, container)
        return container

    async def lately_running(self) -> ContainerInspect:
        """Look at the next cell's container, or return the look of a moment ago.

        A standby is started with it: the engine starts none in a container that runs no more, and
        the cell, for which the engine is asked again, takes none of another run or container.
        Raises as :meth:`running` does.
        """
        if self._latest is not None:
            setting, looked_at, container = self._latest
            age = asyncio.get_running_loop().time() - looked_at
            if setting == self._settings.container and age < _LATELY:
                return container
        return await self.running()

    async def answers(self) -> bool:
        """Return whether the engine answers; also true where none was asked yet."""
        return self._client is None or await self._client.answers()

    async def forget(self) -> None:
        """Close the client. The next call looks for the engine again: it may be elsewhere."""
        client, self._client = self._client, None
        self._tunnel = self._routed = None
        self._latest = None
        if client is not None:
            await client.aclose()


def target_of(settings: Settings, kernel_id: str) -> Target:
    """Return what finds a kernel's container, or makes it where the kernel is a lab's."""
    if not settings.lab:
        return Target(settings)
    from dexec_kernel.jupyter.lab import LabTarget  # noqa: PLC0415 -- most kernels have none

    return LabTarget(settings, kernel_id)
