"""Which container is meant: by name, by Compose service, or because it is the only one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Protocol

from dexec_kernel.backend.models import ContainerInspect, ContainerSummary
from dexec_kernel.backend.protocol import Containers
from dexec_kernel.errors import (
    ConfigurationError,
    ContainerNotFound,
    ContainerNotRunning,
    ContainerPaused,
    NotChosenError,
)

#: ``compose:PROJECT/SERVICE`` names a service, independent of its container's current name.
COMPOSE_PREFIX = "compose:"
#: ``swarm:SERVICE.SLOT`` names a task of a swarm's service, whichever container and node it has.
SWARM_PREFIX = "swarm:"
#: The labels of a task's container. The task's name is SERVICE.SLOT.TASK, or SERVICE.NODE.TASK.
SWARM_SERVICE_LABEL = "com.docker.swarm.service.name"
SWARM_TASK_LABEL = "com.docker.swarm.task.name"
#: ``kube:NAMESPACE/POD`` names a container in a pod of a Kubernetes cluster.
KUBE_PREFIX = "kube:"
#: The name that a kernel in a pod is bound to. No label of Kubernetes has it: kube/pods.py sets it.
KUBE_BOUND_LABEL = "dexec.kernel/kube-bound"
#: Docker Compose's labels; Podman's two compose tools set the same.
PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
NUMBER_LABEL = "com.docker.compose.container-number"
#: ``True`` for a container of ``docker compose run``, which is the service's and not the service.
ONEOFF_LABEL = "com.docker.compose.oneoff"

#: SERVICE.SLOT.TASK, or SERVICE.NODE.TASK, with ids of 25 characters.
_TASK_CONTAINER = re.compile(r"(?P<short>[^.]+(\.\d+)?)(\.[a-z0-9]{25}){1,2}")

#: A label may have any length; Python refuses to read thousands of digits.
_MAX_DIGITS = 9

HOW_TO_CHOOSE = (
    "Choose one with `%container NAME`, or with DEXEC_CONTAINER before the kernel starts."
)


class Named(Protocol):
    """A container, in a list of them or looked at."""

    @property
    def name(self) -> str:
        """The engine's name for it."""
        ...

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        ...


async def find_container(engine: Containers, name: str) -> ContainerInspect:
    """Return the container ``name``, or the only running one when ``name`` is empty.

    Raises :class:`ContainerNotFound`, :class:`NotChosenError` with the candidates if there is not
    exactly one, and the errors of the engine's verbs. The container may be stopped or paused. Its
    user and folder are those of its labels, if it has them.
    """
    return (await _find(engine, name)).with_label_defaults()


async def _find(engine: Containers, name: str) -> ContainerInspect:
    if name.startswith(COMPOSE_PREFIX):
        return await engine.container_inspect(await _compose_container(engine, name))
    if name:
        return await engine.container_inspect(name)
    running = await candidates(engine)
    if len(running) == 1:
        return await engine.container_inspect(running[0].id)
    if not running:
        raise NotChosenError(
            "No container is running, so that there is nothing to run the cell in.",
            candidates=(),
            advice="Start one, for example: docker run -d --name work IMAGE sleep infinity",
        )
    raise NotChosenError(
        f"{len(running)} containers are running, and none was chosen.",
        candidates=tuple(container.name for container in running),
        advice=HOW_TO_CHOOSE,
    )


def require_running(container: ContainerInspect) -> None:
    """Raise :class:`ContainerNotRunning` or :class:`ContainerPaused`, unless it is running."""
    if container.paused:
        raise ContainerPaused.of(container.name)
    if not container.running:
        raise ContainerNotRunning.of(container.name, container.why_not_running)


async def candidates(engine: Containers) -> list[ContainerSummary]:
    """Return the containers that a cell can run in, by name."""
    return usable(await engine.container_list())


def usable(containers: Iterable[ContainerSummary]) -> list[ContainerSummary]:
    """Return the containers of a list that a cell can run in, by name."""
    running = [item for item in containers if item.state == "running"]
    return sorted(running, key=lambda container: container.name)


async def _compose_container(engine: Containers, name: str) -> str:
    """Return the id of a Compose service's container, the lowest number where there are several."""
    project, _, service = name.removeprefix(COMPOSE_PREFIX).partition("/")
    if not project or not service:
        raise ConfigurationError(
            f"{name!r} is not a Compose service.", advice="Write compose:PROJECT/SERVICE."
        )
    labels = [f"{PROJECT_LABEL}={project}", f"{SERVICE_LABEL}={service}"]
    found = await engine.container_list(all=True, filters={"label": labels})
    if not found:
        raise ContainerNotFound(
            f"The Compose project {project!r} has no container for the service {service!r}.",
            status=404,
            advice=f"Start it: docker compose -p {project} up -d {service}",
        )

    return min(found, key=service_order).id


def service_order(container: ContainerSummary) -> tuple[bool, bool, int]:
    """Return the sort key of a service's containers. The service's name means the first."""
    number = container.labels.get(NUMBER_LABEL, "")[:_MAX_DIGITS]
    return (
        container.state != "running",
        is_oneoff(container),
        int(number) if number.isdecimal() else 0,
    )


def bound_name(container: Named) -> str:
    """Return the name that a kernel is bound to, which survives recreating the container.

    A Compose service keeps its name even if its new container has another one, and so do a task of
    a swarm's service and the owner of a pod.
    """
    if slot := slot_of(container):
        return f"{SWARM_PREFIX}{container.labels[SWARM_SERVICE_LABEL]}.{slot}"
    if container.name.startswith(KUBE_PREFIX):
        return container.labels.get(KUBE_BOUND_LABEL, "") or container.name
    project, service = (container.labels.get(key, "") for key in (PROJECT_LABEL, SERVICE_LABEL))
    if project and service and "/" not in project and not is_oneoff(container):
        return f"{COMPOSE_PREFIX}{project}/{service}"
    return container.name


def plain_name(bound: str) -> str:
    """Return the name of :func:`bound_name` without its prefix: ``shop/web``, ``web.1``."""
    for prefix in (COMPOSE_PREFIX, SWARM_PREFIX, KUBE_PREFIX):
        if bound.startswith(prefix):
            return bound.removeprefix(prefix)
    return bound


def lasting_name(container: Named) -> str:
    """Return the name to choose a container by: for a swarm's task its slot.

    The name of such a container ends with it.
    """
    return bound_name(container) if slot_of(container) else container.name


def short_name(name: str) -> str:
    """Return a container's name for a bar: of a swarm's task without its ids, ``web.1``."""
    found = _TASK_CONTAINER.fullmatch(name)
    return found["short"] if found else name


def slot_of(container: Named) -> str:
    """Return the slot of a swarm task's container, or its node for a global service; else ""."""
    service, task = (
        container.labels.get(key, "") for key in (SWARM_SERVICE_LABEL, SWARM_TASK_LABEL)
    )
    slot, dot, _task = task.removeprefix(f"{service}.").rpartition(".")
    is_one = service and "." not in service and task.startswith(f"{service}.") and dot
    return slot if is_one and slot.isalnum() else ""


def is_oneoff(container: Named) -> bool:
    """Return whether the container was made by ``docker compose run``."""
    return container.labels.get(ONEOFF_LABEL, "").lower() == "true"
