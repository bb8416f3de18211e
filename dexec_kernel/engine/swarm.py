"""The verbs for a swarm: its services, tasks and nodes; see :mod:`client`.

Source: Docker Engine API 1.24 to 1.51, "Services", "Tasks", "Nodes" and "System". Only a manager
answers them, but for :meth:`SwarmCalls.swarm_info`. Podman has none of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from dexec_kernel.engine.calls import EngineCalls, path_segment
from dexec_kernel.engine.values import as_flag, as_list, as_name, as_number, as_text, reading

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class SwarmInfo:
    """An engine's part in a swarm. ``node_id`` is "" for an engine in none, ``name`` its host's.

    ``state`` is the engine's word: inactive, pending, active, error, or locked. ``managers`` are
    addresses with the swarm's port.
    """

    node_id: str
    state: str
    is_manager: bool
    managers: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """A service. The tasks of a ``is_global`` one have nodes where others have slots.

    ``replicas`` is the number of tasks that it is to have, None for a global service or a job.
    """

    id: str
    name: str
    is_global: bool = False
    replicas: int | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A service's task. ``slot`` is 0 for a global service's.

    ``state`` is what it has come to, ``desired_state`` what it is to come to. ``created_at`` is
    the manager's, a text that sorts by time.
    """

    id: str
    service_id: str
    slot: int
    node_id: str
    state: str
    desired_state: str
    created_at: str
    container_id: str = ""
    message: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the swarm. ``name`` is its host name, ``address`` the one that managers see."""

    id: str
    name: str
    address: str
    state: str
    is_manager: bool = False


class SwarmCalls(EngineCalls):
    """Look at the swarm. An engine that is no manager answers 503: :class:`EngineApiError`."""

    async def swarm_info(self) -> SwarmInfo:
        """Return the engine's part in a swarm (the ``Swarm`` of Go's ``Info``)."""
        return swarm_info((await self._call("GET", "/info")).json())

    async def service_list(self) -> list[Service]:
        """List the services (Go's ``ServiceList``)."""
        return _each(service, (await self._call("GET", "/services")).json(), "list of services")

    async def service_inspect(self, name: str) -> Service:
        """Look at a service, by name or id; :class:`EngineApiError` 404 (``ServiceInspect``)."""
        return service(
            (await self._call("GET", f"/services/{path_segment(name, 'service')}")).json()
        )

    async def task_list(self, service_id: str = "") -> list[Task]:
        """List the tasks of a service, or of all, old ones included (Go's ``TaskList``)."""
        params: dict[str, str | int] = {}
        if service_id:
            params["filters"] = json.dumps({"service": [service_id]})
        answer = await self._call("GET", "/tasks", params=params)
        return _each(task, answer.json(), "list of tasks")

    async def node_list(self) -> list[Node]:
        """List the nodes (Go's ``NodeList``)."""
        return _each(node, (await self._call("GET", "/nodes")).json(), "list of nodes")


def swarm_info(body: Any) -> SwarmInfo:
    """Read an engine's info. Raises :class:`ProtocolError`."""
    with reading("info"):
        found = body.get("Swarm") or {}
        managers = as_list(found.get("RemoteManagers"))
        return SwarmInfo(
            node_id=as_text(found.get("NodeID")),
            state=as_text(found.get("LocalNodeState")) or "inactive",
            is_manager=as_flag(found.get("ControlAvailable")),
            managers=tuple(as_text(manager.get("Addr")) for manager in managers),
            name=as_text(body.get("Name")),
        )


def service(body: Any) -> Service:
    """Read a service. Raises :class:`ProtocolError`."""
    with reading("service"):
        spec = body["Spec"]
        mode = spec.get("Mode") or {}
        replicas = as_number((mode.get("Replicated") or {}).get("Replicas"))
        is_global = "Global" in mode or "GlobalJob" in mode
        return Service(as_name(body["ID"]), as_name(spec["Name"]), is_global, replicas)


def task(body: Any) -> Task:
    """Read a task. Raises :class:`ProtocolError`."""
    with reading("task"):
        status = body.get("Status") or {}
        container = status.get("ContainerStatus") or {}
        return Task(
            id=as_name(body["ID"]),
            service_id=as_text(body.get("ServiceID")),
            slot=as_number(body.get("Slot")) or 0,
            node_id=as_text(body.get("NodeID")),
            state=as_text(status.get("State")),
            desired_state=as_text(body.get("DesiredState")),
            created_at=as_text(body.get("CreatedAt")),
            container_id=as_text(container.get("ContainerID")),
            message=as_text(status.get("Message")),
            error=as_text(status.get("Err")),
        )


def node(body: Any) -> Node:
    """Read a node. Raises :class:`ProtocolError`."""
    with reading("node"):
        status, description = body.get("Status") or {}, body.get("Description") or {}
        manager = body.get("ManagerStatus") or {}
        address = as_text(status.get("Addr"))
        if manager and address in {"", "0.0.0.0", "127.0.0.1"}:  # noqa: S104 -- read, not bound
            # What a manager sees of itself, in some versions.
            address = as_text(manager.get("Addr")).rpartition(":")[0].strip("[]")
        return Node(
            id=as_name(body["ID"]),
            name=as_text(description.get("Hostname")),
            address=address,
            state=as_text(status.get("State")),
            is_manager=bool(manager),
        )


def _each(read: Callable[[Any], _T], body: Any, what: str) -> list[_T]:
    with reading(what):
        return [read(item) for item in as_list(body)]
