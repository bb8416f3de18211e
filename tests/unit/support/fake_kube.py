"""A cluster that answers as a test wants: pods, execs whose streams are scripted, and watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from copy import deepcopy
from typing import Any

from dexec_kernel.errors import ContainerNotFound, EngineUnavailable
from dexec_kernel.kube.kubeconfig import Cluster, ClusterAccess, User
from dexec_kernel.kube.names import PodName
from dexec_kernel.kube.wire import Version
from tests.unit.support.memory_stream import MemoryStream

RUNNING = {"running": {"startedAt": "2030-01-01T00:00:00Z"}}
ACCESS = ClusterAccess(Cluster("https://c"), User(), "lab", "x", "file")

Answer = Exception | Sequence[bytes]


def pod(name: str = "web", *, container_id: str = "c://1", **status: Any) -> dict[str, Any]:
    """A pod with one container; ``status`` is what its status has besides."""
    found = {"name": "main", "containerID": container_id, "state": RUNNING, **status}
    return {
        "metadata": {"name": name, "namespace": "lab", "uid": f"u-{name}"},
        "spec": {"containers": [{"name": "main", "image": "img"}]},
        "status": {"phase": "Running", "containerStatuses": [deepcopy(found)]},
    }


class FakeKube:
    """In place of :class:`kube.api.KubeApi`.

    ``found`` are the answers to looks at a pod, of which the last one stays; ``answers`` are those
    to execs, the pieces of a stream or an error, and ``lists`` and ``watches`` those of the picker.
    """

    url = "https://c:443"
    namespace = "lab"

    def __init__(self, *found: dict[str, Any] | Exception) -> None:
        self.access = ACCESS
        self.found: list[dict[str, Any] | Exception] = list(found)
        self.answers: list[Answer] = []
        self.lists: list[Exception | tuple[list[Any], str]] = []
        self.watches: list[Exception | list[Any]] = []
        self.commands: list[list[str]] = []
        self.stdin: list[bool] = []
        self.asked: list[str] = []
        self.streams: list[MemoryStream] = []
        self.protocol = Version.V5
        self.is_closed = False

    async def pod(self, name: PodName) -> dict[str, Any]:
        self.asked.append(str(name))
        if not self.found:
            raise ContainerNotFound.of(str(name))
        answer = self.found.pop(0) if len(self.found) > 1 else self.found[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def pods(
        self, namespace: str, *, labels: str = "", fields: str = ""
    ) -> tuple[list[Any], str]:
        self.asked.append(f"list {namespace} {labels} {fields}".strip())
        if not self.lists:
            await asyncio.get_running_loop().create_future()
        answer = self.lists.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def watch_pods(
        self, namespace: str, version: str, *, fields: str = "", seconds: int = 0
    ) -> AsyncIterator[tuple[str, Any]]:
        self.asked.append(f"watch {namespace} {version}".strip())
        events = self.watches.pop(0) if self.watches else None
        if events is None:
            await asyncio.get_running_loop().create_future()
        elif isinstance(events, Exception):
            raise events
        else:
            for event in events:
                yield event

    async def open_exec(
        self,
        name: PodName,
        command: Sequence[str],
        *,
        stdin: bool,
        tty: bool,
        unanswered: Callable[[], None],
    ) -> tuple[MemoryStream, Version, bytes]:
        self.commands.append(list(command))
        self.stdin.append(stdin)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            if isinstance(answer, EngineUnavailable):
                unanswered()
            raise answer
        self.streams.append(MemoryStream(answer))
        return self.streams[-1], self.protocol, b""

    def close(self) -> None:
        self.is_closed = True
