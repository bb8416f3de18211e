"""An engine that also reaches the tasks of its swarm, on whichever node they run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from dexec_kernel.backend.forwarding import ForwardingEngine
from dexec_kernel.backend.models import (
    ContainerInspect,
    ContainerSummary,
    ExecConfig,
    ExecInspect,
    Ping,
)
from dexec_kernel.backend.protocol import Exec
from dexec_kernel.backend.targets import SWARM_PREFIX, SWARM_SERVICE_LABEL
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.endpoint import Endpoint
from dexec_kernel.errors import (
    ConfigurationError,
    ContainerNotFound,
    DexecError,
    EngineUnavailable,
    PolicyRefused,
)
from dexec_kernel.swarm.nodes import find_places, require_node
from dexec_kernel.swarm.places import Place, Places, Way
from dexec_kernel.swarm.tasks import READY
from dexec_kernel.swarm.ways import VARIABLE

#: Makes a client.
Connect = Callable[[Endpoint], EngineClient]
_PASSED_OVER = "Another task of the service was passed over:"


class SwarmEngine(ForwardingEngine):
    """Implements ``WholeEngine``: that of ``engine``, and of the nodes that tasks are on.

    A container is found by ``swarm:SERVICE.SLOT`` with :meth:`container_inspect`, and is used by
    its id from then on. ``check`` is called with the address of a node's engine before it is asked
    anything, and may raise. ``places`` may be another client's before. The engine belongs to this
    one, and is closed with it.
    """

    def __init__(
        self,
        engine: EngineClient,
        environ: Mapping[str, str],
        *,
        node_hosts: str | None = None,
        check: Callable[[str], None] = lambda _url: None,
        places: Places | None = None,
        connect: Connect | None = None,
    ) -> None:
        self._engine = engine
        self._environ = environ
        self._node_hosts = environ.get(VARIABLE, "") if node_hosts is None else node_hosts
        self._check = check
        self._places = Places() if places is None else places
        self._connect = connect or self._connect_as_environment_says
        self._nodes: dict[str, EngineClient] = {}
        self._finding = asyncio.Lock()
        self._connecting = asyncio.Lock()

    # --- the engine ---------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where the engine is that knows the swarm."""
        return self._engine.url

    @property
    def is_remote(self) -> bool:
        """Whether PIDs are another machine's for certain."""
        return self._engine.is_remote

    async def aclose(self) -> None:
        """Close all clients."""
        nodes, self._nodes = self._nodes, {}
        await asyncio.gather(self._engine.aclose(), *(node.aclose() for node in nodes.values()))

    async def answers(self) -> bool:
        """Return whether all engines that are in use answer."""
        engines = (self._engine, *self._nodes.values())
        return all(await asyncio.gather(*(engine.answers() for engine in engines)))

    async def ping(self) -> Ping:
        """Ask who is there."""
        return await self._engine.ping()

    async def api_version(self) -> str:
        """Return the API version that is spoken."""
        return await self._engine.api_version()

    # --- containers ---------------------------------------------------------------------------

    async def container_list(
        self,
        *,
        all: bool = False,  # noqa: A002 -- the engine's word
        filters: Mapping[str, Sequence[str]] | None = None,
    ) -> list[ContainerSummary]:
        """List the containers of this engine."""
        return await self._engine.container_list(all=all, filters=filters)

    async def container_inspect(self, container: str) -> ContainerInspect:
        """Look at a container, or at that of a task.

        Raises what :func:`find_places` raises. A task is looked for anew once its container does
        not run any more. A name without a slot means the best that can be reached.
        """
        if not container.startswith(SWARM_PREFIX):
            return await super().container_inspect(container)
        async with self._finding:
            found, place = await self._inspect_task(container)
        self._places.choose(container, place)
        for name in (found.id, found.name):
            self._places.note(name, place.way)
        return found

    async def container_restart(self, container: str, *, stop_timeout: int | None = None) -> None:
        """Restart a container. That of a task is stopped: the swarm starts another in its place.

        The swarm does so after a restart, too, and would leave the old one running for good.
        """
        engine = await self.of(container)
        found = await engine.container_inspect(container)
        if found.labels.get(SWARM_SERVICE_LABEL):
            await engine.container_stop(container, stop_timeout=stop_timeout)
        else:
            await engine.container_restart(container, stop_timeout=stop_timeout)

    async def _inspect_task(self, name: str) -> tuple[ContainerInspect, Place]:
        before, lost = self._places.chosen(name), None
        if before is not None:
            try:
                found = await self._inspect(before)
            except ContainerNotFound:
                pass
            except EngineUnavailable as error:
                lost = error
            else:
                if found.running:
                    return replace(found, note=before.note), before
        places, errors = await find_places(
            self._engine, name, node_hosts=self._node_hosts, environ=self._environ
        )
        if lost is not None and before is not None:
            for place in places:
                if place.is_at(before) and (place is places[0] or place.way.node.state == READY):
                    # Another would have none of its session, and the connection may be back soon.
                    raise _on_node(place.way, lost) from lost
        return await self._first_reached(places, errors)

    async def _first_reached(
        self, places: Sequence[Place], errors: list[DexecError]
    ) -> tuple[ContainerInspect, Place]:
        """Look at the first container whose engine can be reached; ``errors`` are those before."""
        for place in places:
            try:
                found = await self._inspect(place)
            except EngineUnavailable as error:
                errors.append(_on_node(place.way, error))
            except (ConfigurationError, PolicyRefused) as error:
                errors.append(error)
            else:
                note = f"{_PASSED_OVER} {errors[0].message}" if errors else ""
                return replace(found, note=note), replace(place, note=note)
        raise errors[0]

    async def _inspect(self, place: Place) -> ContainerInspect:
        engine = await self._through(place.way)
        return await engine.container_inspect(place.container_id)

    # --- execs --------------------------------------------------------------------------------

    async def exec(
        self,
        container: str,
        config: ExecConfig,
        *,
        created: Callable[[str], None] = lambda _: None,
    ) -> Exec:
        """Execute a command, attached to its streams."""
        return await super().exec(container, config, created=self._noting(container, created))

    async def exec_detached(
        self,
        container: str,
        config: ExecConfig,
        *,
        created: Callable[[str], None] = lambda _: None,
    ) -> ExecInspect:
        """Start a command, attached to nothing."""
        noting = self._noting(container, created)
        return await super().exec_detached(container, config, created=noting)

    def _noting(self, container: str, created: Callable[[str], None]) -> Callable[[str], None]:
        way = self._places.way_of(container)

        def note(exec_id: str) -> None:
            self._places.note(exec_id, way)
            created(exec_id)

        return note

    # --- other nodes --------------------------------------------------------------------------

    async def of(self, thing: str) -> EngineClient:
        """Return the engine of a container's or an exec's node."""
        way = self._places.way_of(thing)
        return self._engine if way is None else await self._through(way)

    async def _through(self, way: Way) -> EngineClient:
        """Return the engine at the end of a way. Raises :class:`ConfigurationError`."""
        if way.endpoint is None:
            return self._engine
        self._check(way.endpoint.url)
        async with self._connecting:
            if (known := self._nodes.get(way.endpoint.url)) is not None:
                return known
            engine = self._connect(way.endpoint)
            try:
                await require_node(engine, way)
            except BaseException:
                await engine.aclose()
                raise
            self._nodes[way.endpoint.url] = engine
            return engine

    def _connect_as_environment_says(self, endpoint: Endpoint) -> EngineClient:
        return EngineClient(endpoint, api_version=self._environ.get("DOCKER_API_VERSION", ""))


def _on_node(way: Way, error: EngineUnavailable) -> EngineUnavailable:
    """Return the error with the node whose engine it is, unless that is the engine at hand."""
    if way.endpoint is None:
        return error
    node = way.node
    # A node that has just gone is "ready" for a quarter of a minute.
    state = "" if node.state == READY else f", which is {node.state or 'unknown'} in the swarm"
    where = f"The task runs on the node {node.name or node.id!r}{state}."
    return EngineUnavailable(f"{where} {error.message}", advice=error.advice)
