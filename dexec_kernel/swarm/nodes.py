"""The questions to the engine about its swarm: where a task's container is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import takewhile

from dexec_kernel.backend.targets import SWARM_PREFIX, SWARM_SERVICE_LABEL
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.swarm import Node, SwarmInfo
from dexec_kernel.errors import ConfigurationError, DexecError, EngineApiError
from dexec_kernel.swarm.places import Place, Way
from dexec_kernel.swarm.tasks import (
    TaskName,
    choose_container,
    parse_name,
    running_tasks,
    unknown_service,
)
from dexec_kernel.swarm.ways import NodeHosts, find_way

_NOT_FOUND = 404
_ACTIVE = "active"


async def find_places(
    engine: EngineClient, name: str, *, node_hosts: str, environ: Mapping[str, str]
) -> tuple[list[Place], list[DexecError]]:
    """Find the containers that a task's name may mean, and the ways to their nodes; best first.

    There are several for ``swarm:SERVICE`` alone: those in slots whose nodes have a way. The errors
    are those of better slots. An engine that is no manager knows its own tasks alone.

    Raises :class:`ConfigurationError` for a name that is none, an engine without a swarm, a task
    that only a manager knows, and nodes to which there is no way; :class:`ContainerNotFound`,
    :class:`ContainerNotRunning`.
    """
    wanted, hosts = parse_name(name), NodeHosts.parse(node_hosts)
    info = await engine.swarm_info()
    if not info.is_manager:
        return [await _find_here(engine, wanted, info)], []
    try:
        service = await engine.service_inspect(wanted.service)
    except EngineApiError as error:
        if error.status != _NOT_FOUND:
            raise
        raise unknown_service(wanted, await engine.service_list()) from error
    tasks, nodes = await asyncio.gather(engine.task_list(service.id), engine.node_list())
    found = running_tasks(wanted, service, tasks, nodes, here=info.node_id)
    if wanted.slot:
        del found[1:]
    by_id = {node.id: node for node in nodes}
    known = [by_id.get(task.node_id, Node(task.node_id, "", "", "unknown")) for task in found]
    ways = await asyncio.to_thread(_ways, known, info.node_id, hosts, environ)
    places = [
        Place(task.container_id, way)
        for task, way in zip(found, ways, strict=True)
        if isinstance(way, Way)
    ]
    missing = list(takewhile(lambda way: not isinstance(way, Way), ways))
    errors: list[DexecError] = [error for error in missing if isinstance(error, DexecError)]
    if not places:
        raise errors[0]
    return places, errors


def _ways(
    nodes: Sequence[Node], here: str, hosts: NodeHosts, environ: Mapping[str, str]
) -> list[Way | ConfigurationError]:
    """Return the way to each node, or why there is none. Blocks: it reads files."""
    found: list[Way | ConfigurationError] = []
    for node in nodes:
        try:
            found.append(Way(node, None if node.id == here else find_way(node, hosts, environ)))
        except ConfigurationError as error:
            found.append(error)
    return found


async def require_node(engine: EngineClient, way: Way) -> None:
    """Raise :class:`ConfigurationError` unless the engine is that of the way's node."""
    try:
        found = (await engine.swarm_info()).node_id
    except EngineApiError:
        return  # A proxy before it says nothing: then it has the container, or it has not.
    if found != way.node.id and way.endpoint is not None:
        what = f"the node with the id {found}" if found else "an engine in no swarm"
        raise ConfigurationError(
            f"The engine at {way.endpoint.url} is not that of the node {way.node.name!r}: it is"
            f" {what}.",
            advice=f"The address comes from {way.endpoint.source}.",
        )


async def _find_here(engine: EngineClient, wanted: TaskName, info: SwarmInfo) -> Place:
    name = f"{SWARM_PREFIX}{wanted}"
    if info.state != _ACTIVE:
        raise ConfigurationError(
            f"{name!r} is a task of a swarm, and the engine at {engine.url} is in none"
            f" (state: {info.state}).",
            advice="Name an engine of the swarm in DOCKER_HOST, at best a manager.",
        )
    filters = {"label": [f"{SWARM_SERVICE_LABEL}={wanted.service}"]}
    containers = await engine.container_list(filters=filters)
    found = choose_container(wanted, containers, Node(info.node_id, info.name, "", _ACTIVE))
    if found is None:
        manager = next((address.rpartition(":")[0] for address in info.managers), "MANAGER")
        raise ConfigurationError(
            f"{name!r} has no container on this node, and the engine at {engine.url} cannot look"
            " further: it is a worker of its swarm.",
            advice=f"Name a manager's engine: DOCKER_HOST=ssh://USER@{manager}",
        )
    return Place(found.id, Way(Node(info.node_id, info.name, "", _ACTIVE), None))
