"""The doctor's check of a swarm: the nodes whose engines can be reached, and those that cannot."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Mapping

from dexec_kernel.cli.findings import Finding, Verdict
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.endpoint import Endpoint
from dexec_kernel.engine.swarm import Node
from dexec_kernel.errors import DexecError, EngineApiError
from dexec_kernel.swarm.nodes import require_node
from dexec_kernel.swarm.places import Way
from dexec_kernel.swarm.ways import VARIABLE, NodeHosts, find_way

NAME = "nodes"
_ACTIVE = "active"
#: In seconds: for a node's engine to answer.
_PATIENCE = 10.0


async def check_nodes(
    engine: EngineClient,
    environ: Mapping[str, str],
    *,
    check: Callable[[str], None],
    connect: Callable[[Endpoint], EngineClient] = EngineClient,
) -> Finding | None:
    """Look for a way to each node; None for an engine without a swarm.

    ``check`` is called with the address of each node's engine, and may raise. Raises
    :class:`ConfigurationError` for a setting that cannot be read.
    """
    try:
        info = await engine.swarm_info()
    except EngineApiError:
        return None  # A proxy lets no such question through.
    if info.state != _ACTIVE:
        return None
    if not info.is_manager:
        managers = ", ".join(address.rpartition(":")[0] for address in info.managers)
        return Finding(
            NAME,
            Verdict.OK,
            f"{info.name or info.node_id} is a worker of a swarm: it knows its own tasks alone",
            f"Name a manager in DOCKER_HOST for the tasks of other nodes: {managers}"
            if managers
            else "",
        )
    hosts = NodeHosts.parse(environ.get(VARIABLE, ""))
    nodes = sorted(await engine.node_list(), key=lambda node: (node.id != info.node_id, node.name))

    async def look(node: Node) -> tuple[str, str]:
        """Return a line for a node, and the remedy where there is no way to it."""
        name = node.name or node.id
        if node.id == info.node_id:
            return f"{name}: this engine", ""
        try:
            endpoint = await asyncio.to_thread(find_way, node, hosts, environ)
        except DexecError as error:
            return f"{name}: no way to its engine is known", error.command_advice
        where = f"{name}: {endpoint.url}, from {endpoint.source}"
        client: EngineClient | None = None
        try:
            check(endpoint.url)
            client = connect(endpoint)
            async with asyncio.timeout(_PATIENCE):
                await client.ping()
                await require_node(client, Way(node, endpoint))
        except TimeoutError:
            slow = f"{where}: no answer within {_PATIENCE:g} s"
            return slow, f"docker -H {shlex.quote(endpoint.url)} version"
        except DexecError as error:
            return f"{where}: {error.message}", error.advice
        finally:
            if client is not None:
                await client.aclose()
        return where, ""

    looks = await asyncio.gather(*(look(node) for node in nodes))
    message = "\n".join(["a swarm's manager", *(line for line, _ in looks)])
    fixes = "\n".join(fix for _, fix in looks if fix)
    return Finding(NAME, Verdict.WARNING if fixes else Verdict.OK, message, fixes)
