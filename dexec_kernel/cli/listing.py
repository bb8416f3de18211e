"""``dexec-kernel list``: the containers that cells can run in."""

from __future__ import annotations

import argparse
import asyncio
import shlex
import sys
from collections.abc import Sequence

from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.backend.targets import COMPOSE_PREFIX, SWARM_PREFIX, bound_name
from dexec_kernel.cli.engine import engine_client, tool_of
from dexec_kernel.cli.pods import find_pods, is_pod
from dexec_kernel.cli.table import show_table
from dexec_kernel.cli.terminal import complain, say, say_json
from dexec_kernel.errors import EngineUnavailable

_RUNNING, _PAUSED = "running", "paused"


def show_containers(options: argparse.Namespace) -> int:
    """Print the containers; return the exit code."""
    containers, tool, fault = asyncio.run(_containers())
    if fault:
        complain(f"warning: {fault}")
    shown = [item for item in containers if options.all or item.state == _RUNNING]
    if options.json:
        say_json([_to_json(container) for container in shown])
        return 0
    if shown:
        _show(shown)
    _advise(containers, shown=len(shown), tool=tool)
    return 0


async def _containers() -> tuple[list[ContainerSummary], str, str]:
    """Return all containers and the engine's command; and what kept some from being listed.

    Running ones come first, then by name; those in pods come last. Without an engine that is
    enough.
    """
    pods = asyncio.create_task(find_pods(all=True))
    try:
        async with engine_client("listing the containers") as client:
            containers = await client.container_list(all=True)
            tool = await tool_of(client)
    except EngineUnavailable as error:
        found = await pods
        if not found.containers:
            raise
        return _ordered(found.containers), "docker", error.message
    except BaseException:
        pods.cancel()
        raise
    found = await pods
    return [*_ordered(containers), *_ordered(found.containers)], tool, found.fault


def _ordered(containers: list[ContainerSummary]) -> list[ContainerSummary]:
    return sorted(containers, key=lambda item: (item.state != _RUNNING, item.name))


def _to_json(container: ContainerSummary) -> dict[str, str | bool | None]:
    return {
        "name": container.name,
        "id": container.id,
        "image": container.image,
        "state": container.state,
        "status": container.status,
        "usable": container.state == _RUNNING,
        "compose": other_name(container, COMPOSE_PREFIX) or None,
        "swarm": other_name(container, SWARM_PREFIX) or None,
        "kube": bound_name(container) if is_pod(container.name) else None,
    }


def other_name(container: ContainerSummary, *prefixes: str) -> str:
    """Return the name that a service's container has besides its own, or "".

    ``prefixes`` say of which kind of service.
    """
    name = bound_name(container)
    return name if name.startswith(prefixes) else ""


def lasting_name(container: ContainerSummary) -> str:
    """Return a name that lasts longer than the container's own: a service's, an owner's."""
    name = bound_name(container)
    return name if name != container.name else ""


def rows_of(containers: Sequence[ContainerSummary]) -> list[list[str]]:
    """Return what is shown of containers, below a row of titles; as few columns as say all."""
    rows = [["CONTAINER", "IMAGE", "STATUS", "ALSO CALLED"]]
    rows += [[item.name, item.image, item.status, lasting_name(item)] for item in containers]
    return rows if any(row[-1] for row in rows[1:]) else [row[:-1] for row in rows]


def _show(containers: Sequence[ContainerSummary]) -> None:
    show_table(
        rows_of(containers),
        title=str.capitalize,
        style=lambda number: "" if containers[number].state == _RUNNING else "dim",
    )


def _advise(containers: Sequence[ContainerSummary], *, shown: int, tool: str) -> None:
    """Say what to do next: on a terminal below the table, else where no program reads it."""
    tell = say if sys.stdout.isatty() else complain
    usable = [container for container in containers if container.state == _RUNNING]
    if not usable:
        tell("No container is running, so that there is nothing to run a cell in.")
        tell(f"Start one, for example: {_how_to_start(containers, tool)}")
    elif sys.stdout.isatty():
        name = usable[0].name
        if len(usable) == 1 and not is_pod(name):
            tell("This is the only running container: cells run in it unless you choose another.")
        else:
            tell("Choose one, for example:")
            tell(f"  in a cell         %container {name}")
            tell(f"  for a session     DEXEC_CONTAINER={shlex.quote(name)} jupyter lab")
        tell(f"  in the launcher   dexec-kernel install --container {shlex.quote(name)}")
    if (hidden := len(containers) - shown) and (not usable or sys.stdout.isatty()):
        tell(f"Stopped or paused: {hidden} more, shown with --all.")


def _how_to_start(containers: Sequence[ContainerSummary], tool: str) -> str:
    containers = [container for container in containers if not is_pod(container.name)]
    if not containers:
        return f"{tool} run -d --name work IMAGE sleep infinity"
    first = containers[0]
    return f"{tool} {'unpause' if first.state == _PAUSED else 'start'} {shlex.quote(first.name)}"
