"""Two engines as one: names and ids that begin with ``kube:`` go to the cluster, all others not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from dexec_kernel.backend.forwarding import ForwardingEngine
from dexec_kernel.backend.models import ContainerSummary, Ping
from dexec_kernel.backend.protocol import WholeEngine
from dexec_kernel.backend.targets import KUBE_PREFIX
from dexec_kernel.errors import EngineError, EngineUnavailable

Connect = Callable[[], Awaitable[WholeEngine]]
#: How the ids of execs in pods begin.
KUBE_EXEC_PREFIX = "kube-"


class RoutedEngine(ForwardingEngine):
    """Implements :class:`WholeEngine` with an engine and a cluster, each found when it is needed.

    Verbs without a container are the engine's. Finding either raises what ``engine`` and
    ``cluster`` raise.
    """

    def __init__(self, engine: Connect, cluster: Connect) -> None:
        self._connects = (engine, cluster)
        self._found: list[WholeEngine | None] = [None, None]
        self._connecting = asyncio.Lock()

    async def of(self, thing: str) -> WholeEngine:
        """Return the client that knows a container or an exec; "" for the engine."""
        number = int(thing.startswith((KUBE_PREFIX, KUBE_EXEC_PREFIX)))
        async with self._connecting:
            found = self._found[number]
            if found is None:
                found = self._found[number] = await self._connects[number]()
            return found

    @property
    def is_remote(self) -> bool:
        """Whether the engine's PIDs are another machine's. A cluster tells none."""
        return self._found[0] is not None and self._found[0].is_remote

    @property
    def url(self) -> str:
        """Where the engine is, "" while that is not known."""
        return next((found.url for found in self._found if found is not None), "")

    async def aclose(self) -> None:
        """Close the clients."""
        found, self._found = self._found, [None, None]
        for client in found:
            if client is not None:
                await client.aclose()

    async def answers(self) -> bool:
        """Return whether all that were asked answer."""
        found = [client for client in self._found if client is not None]
        return all(await asyncio.gather(*(client.answers() for client in found)))

    async def ping(self) -> Ping:
        """Ask who is there."""
        return await (await self.of("")).ping()

    async def api_version(self) -> str:
        """Return the API version that is spoken."""
        return await (await self.of("")).api_version()

    # --- containers ---------------------------------------------------------------------------

    async def container_list(
        self,
        *,
        all: bool = False,  # noqa: A002 -- the engine's word
        filters: Mapping[str, Sequence[str]] | None = None,
    ) -> list[ContainerSummary]:
        """List the engine's containers, and those of a cluster that is in use already.

        One of both is enough. ``filters`` are the engine's, and no pod has what they ask for.
        """
        cluster = self._found[1]
        try:
            found = await (await self.of("")).container_list(all=all, filters=filters)
        except EngineUnavailable:
            if cluster is None or filters:
                raise
            return await cluster.container_list(all=all)
        if cluster is None or filters:
            return found
        try:
            return [*found, *await cluster.container_list(all=all)]
        except EngineError:
            return found  # A cell in a pod will say why.
