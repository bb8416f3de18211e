"""Which task of a swarm's service is meant: by slot, or by node for a global service. No I/O."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.backend.targets import SWARM_PREFIX, slot_of
from dexec_kernel.engine.swarm import Node, Service, Task
from dexec_kernel.errors import ConfigurationError, ContainerNotFound, ContainerNotRunning

_RUNNING, READY = "running", "ready"
#: The states of a task before it runs.
_STARTING = {
    "new",
    "allocated",
    "pending",
    "assigned",
    "accepted",
    "preparing",
    "ready",
    "starting",
}
#: How many slots or services an error names at most.
_SHOWN = 12
#: In characters: what is shown of a task's error.
_SHOWN_ERROR = 300


@dataclass(frozen=True, slots=True)
class TaskName:
    """A name ``swarm:SERVICE[.SLOT[.TASK]]``. ``slot`` is "" where any will do.

    A global service's slots are its nodes, by name or id. ``task`` is an id, or its beginning.
    """

    service: str
    slot: str = ""
    task: str = ""

    def __str__(self) -> str:
        return ".".join(part for part in (self.service, self.slot, self.task) if part)


def parse_name(text: str) -> TaskName:
    """Read a name with its prefix. Raises :class:`ConfigurationError`."""
    service, dot, slot = text.removeprefix(SWARM_PREFIX).partition(".")
    if not service or (dot and not slot) or not slot.isprintable() or "/" in text:
        raise ConfigurationError(
            f"{text!r} is not a task of a swarm.",
            advice="Write swarm:SERVICE or swarm:SERVICE.SLOT, as in swarm:web.1; for a global"
            " service swarm:SERVICE.NODE.",
        )
    number, dot, task = slot.partition(".")
    if dot and number.isdecimal():
        return TaskName(service, number, task)
    return TaskName(service, slot)


def unknown_service(name: TaskName, services: Iterable[Service]) -> ContainerNotFound:
    """Return the error for a service that the swarm does not have."""
    known = sorted(service.name for service in services)
    lower = {service.casefold(): service for service in known}
    near = difflib.get_close_matches(name.service.casefold(), lower, n=1)
    hint = f" Did you mean {SWARM_PREFIX}{lower[near[0]]}?" if near else ""
    advice = f"The services are: {_some(known)}." if known else "It has none."
    return ContainerNotFound(
        f"The swarm has no service {name.service!r}.{hint}", status=404, advice=advice
    )


def running_tasks(
    name: TaskName, service: Service, tasks: Sequence[Task], nodes: Sequence[Node], *, here: str
) -> list[Task]:
    """Return the running tasks that a name may mean, the best first, one of each slot.

    Without a slot the lowest is best; of a global service the task on this node, whose id is
    ``here``, or else on the first by name. Of several in a slot, as in an update, it is the newest.
    A task that is to end comes after the others, and one whose node is not ready before those.

    Raises :class:`ContainerNotFound` for a slot that there is not, :class:`ContainerNotRunning`.
    """
    by_id = {node.id: node for node in nodes}
    meant = [task for task in tasks if _is_meant(task, name, by_id)]
    running = [task for task in meant if task.state == _RUNNING and task.container_id]
    if not running:
        raise _not_running(name, service, meant, tasks, by_id)

    def rank(task: Task) -> tuple[bool, bool, bool, int, str]:
        node = by_id.get(task.node_id)
        return (
            task.desired_state != _RUNNING,
            node is not None and node.state != READY,
            not task.slot and task.node_id != here,
            task.slot,
            "" if task.slot else node_name(task.node_id, by_id),
        )

    newest_first = sorted(running, key=lambda task: task.created_at, reverse=True)
    best: dict[int | str, Task] = {}
    for task in sorted(newest_first, key=rank):
        best.setdefault(task.slot or task.node_id, task)
    return list(best.values())


def choose_container(
    name: TaskName, containers: Iterable[ContainerSummary], here: Node
) -> ContainerSummary | None:
    """Return the container that a name means on this node, ``here``; None if there is none.

    That is all that an engine knows which is no manager.
    """
    slots = [(slot_of(item), item) for item in containers if item.state == _RUNNING]
    wanted = {name.slot.casefold()}
    if here.name and name.slot.casefold() == here.name.casefold():
        wanted = {here.id}
    meant = [(slot, item) for slot, item in slots if slot and (not name.slot or slot in wanted)]

    def order(found: tuple[str, ContainerSummary]) -> tuple[int, str]:
        slot = found[0]
        return (int(slot[:9]) if slot.isdecimal() else 0, found[1].name)

    return min(meant, key=order)[1] if meant else None


def node_name(node_id: str, nodes: dict[str, Node]) -> str:
    """Return a node's name, or its id where it has none."""
    node = nodes.get(node_id)
    return (node.name if node is not None else "") or node_id


def _is_meant(task: Task, name: TaskName, nodes: dict[str, Node]) -> bool:
    if not task.id.startswith(name.task):
        return False
    if not name.slot:
        return True
    if task.slot:
        return name.slot.isdecimal() and name.slot.lstrip("0") == str(task.slot)
    # The container of a global service's task is called SERVICE.NODE.TASK.
    wanted = name.slot.removesuffix(f".{task.id}").casefold()
    return bool(wanted) and wanted in {
        task.node_id.casefold(),
        node_name(task.node_id, nodes).casefold(),
    }


def _not_running(
    name: TaskName,
    service: Service,
    meant: Sequence[Task],
    tasks: Sequence[Task],
    nodes: dict[str, Node],
) -> ContainerNotFound | ContainerNotRunning:
    """Return the error for a name that means no running task."""
    look = f"`docker service ps --no-trunc {service.name}` shows its tasks."
    if service.replicas == 0:
        return ContainerNotRunning(
            f"The service {service.name!r} is scaled to 0: it has no task.",
            status=409,
            advice=f"Start some: docker service scale {service.name}=1",
        )
    if meant:
        newest = max(meant, key=lambda task: task.created_at)
        where = f" on the node {node_name(newest.node_id, nodes)!r}" if newest.node_id else ""
        why = (newest.error or newest.message).strip()[:_SHOWN_ERROR].rstrip(".")
        starts = newest.state in _STARTING and not newest.error
        return ContainerNotRunning(
            f"No task {SWARM_PREFIX}{name} is running. The newest is {newest.state or 'unknown'}"
            f"{where}{f': {why}' if why else ''}.",
            status=409,
            advice=f"It may run in a moment: try again. {look}" if starts else look,
        )
    there = sorted(
        {str(t.slot) if t.slot else node_name(t.node_id, nodes) for t in tasks if _runs(t)},
        key=lambda slot: (int(slot) if slot.isdecimal() else 0, slot),
    )
    if name.slot and there:
        runs = "It runs on" if service.is_global else "Its slots are"
        return ContainerNotFound(
            f"The service {service.name!r} has no task {str(name)!r}. {runs} {_some(there)}.",
            status=404,
            advice=look,
        )
    advice = look if service.is_global else f"Start some: docker service scale {service.name}=1"
    return ContainerNotRunning(
        f"The service {service.name!r} has no task.", status=409, advice=advice
    )


def _runs(task: Task) -> bool:
    return task.state == _RUNNING and bool(task.container_id)


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join([*names[:_SHOWN], *([f"{rest} more"] if rest > 0 else [])])
