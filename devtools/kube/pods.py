"""The pods of the front: made, watched over, restarted and deleted as a kubelet does it."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc

from devtools.kube.cri import Cri, Sandbox, Seen, Wanted
from devtools.kube.history import History
from devtools.kube.status import ApiFault

_log = logging.getLogger(__name__)

_LOOK = 0.2
#: In seconds: a container that lived longer is started again at once; the pause of others.
_HEALTHY, _BACKOFF = 10.0, 10.0
_UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "": 1}


@dataclass
class Run:
    """A container of a pod: its description, and the attempt that runs."""

    spec: dict[str, Any]
    ephemeral: bool = False
    id: str = ""
    attempt: int = 0
    state: dict[str, Any] = field(default_factory=lambda: {"waiting": {"reason": "Creating"}})
    last: dict[str, Any] = field(default_factory=dict)
    started: float = 0.0

    @property
    def name(self) -> str:
        """The name in the pod."""
        return str(self.spec["name"])

    @property
    def runs(self) -> bool:
        """Whether it runs."""
        return "running" in self.state


@dataclass
class Pod:
    """A pod: its manifest, and its containers."""

    manifest: dict[str, Any]
    runs: list[Run]
    logs: Path
    sandbox: Sandbox | None = None
    shown: dict[str, Any] | None = None
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.manifest["metadata"]["namespace"], self.manifest["metadata"]["name"]

    @property
    def phase(self) -> str:
        """The phase, as the kubelet finds it."""
        mine = [run for run in self.runs if not run.ephemeral]
        if any("waiting" in run.state and not run.last for run in mine):
            return "Pending"
        ended = [run.state["terminated"] for run in mine if "terminated" in run.state]
        if len(ended) == len(mine) and self.manifest["spec"].get("restartPolicy") == "Never":
            return "Failed" if any(end["exitCode"] for end in ended) else "Succeeded"
        return "Running"

    def to_json(self) -> dict[str, Any]:
        """Return the pod as an apiserver has it."""
        status: dict[str, Any] = {"phase": self.phase, "hostIP": "127.0.0.1"}
        for key, is_ephemeral in (
            ("containerStatuses", False),
            ("ephemeralContainerStatuses", True),
        ):
            found = [_status_of(run) for run in self.runs if run.ephemeral is is_ephemeral]
            if found:
                status[key] = found
        return {"apiVersion": "v1", "kind": "Pod", **self.manifest, "status": status}


class Pods:
    """All pods. Its methods are called on the event loop; CRI's calls run in threads."""

    def __init__(self, cri: Cri, directory: Path) -> None:
        self._cri = cri
        self._directory = directory
        self._pods: dict[tuple[str, str], Pod] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.history = History()

    def __iter__(self) -> Iterator[Pod]:
        """Iterate over the pods, by namespace and name."""
        return iter([self._pods[key] for key in sorted(self._pods)])

    def get(self, namespace: str, name: str) -> Pod:
        """Return a pod. Raises ApiFault."""
        pod = self._pods.get((namespace, name))
        if pod is None:
            raise ApiFault(404, f'pods "{name}" not found')
        return pod

    def create(self, namespace: str, manifest: dict[str, Any]) -> Pod:
        """Begin to make a pod. Raises ApiFault."""
        metadata = manifest.setdefault("metadata", {})
        metadata["namespace"] = namespace
        if "name" not in metadata:
            metadata["name"] = f"{metadata.get('generateName', 'pod-')}{secrets.token_hex(3)[:5]}"
        if (namespace, metadata["name"]) in self._pods:
            raise ApiFault(409, f'pods "{metadata["name"]}" already exists')
        metadata |= {"uid": secrets.token_hex(16), "creationTimestamp": _timestamp()}
        spec = manifest["spec"]
        spec.setdefault("restartPolicy", "Always")
        spec.setdefault("terminationGracePeriodSeconds", 30)
        runs = [Run(container) for container in spec["containers"]]
        pod = Pod(manifest, runs, self._directory / "logs" / str(metadata["uid"]))
        self._pods[pod.key] = pod
        self.publish(pod)
        self._begin(self._make(pod))
        return pod

    def add_ephemeral(self, pod: Pod, containers: list[dict[str, Any]]) -> None:
        """Begin to start the ephemeral containers that the pod does not have yet."""
        known = {run.name for run in pod.runs}
        fresh = [Run(spec, ephemeral=True) for spec in containers if spec["name"] not in known]
        pod.runs += fresh
        pod.manifest["spec"]["ephemeralContainers"] = [
            run.spec for run in pod.runs if run.ephemeral
        ]
        self.publish(pod)
        self._begin(self._make(pod))

    def delete(self, pod: Pod, grace: int | None) -> None:
        """Begin to delete a pod; a second time too, with another grace."""
        if grace is None:
            grace = int(pod.manifest["spec"]["terminationGracePeriodSeconds"])
        metadata = pod.manifest["metadata"]
        metadata |= {"deletionTimestamp": _timestamp(), "deletionGracePeriodSeconds": grace}
        self.publish(pod)
        self._begin(self._end(pod, grace))

    def publish(self, pod: Pod) -> None:
        """Tell all watches if the pod has changed."""
        now = pod.to_json()
        if now != pod.shown:
            before, pod.shown = pod.shown, _copy(now)
            self.history.add(before, pod.shown)

    async def watch_over(self) -> None:
        """Look at the containers until the task is cancelled."""
        while True:
            await asyncio.sleep(_LOOK)
            if self._pods:
                await self.refresh()

    async def refresh(self) -> None:
        """Look at all containers once; restart those that have ended."""
        running = await asyncio.to_thread(self._cri.running)
        for pod in self:
            ended = [run for run in pod.runs if run.runs and run.id not in running]
            waiting = [run for run in pod.runs if _is_due(run)]
            if (ended or waiting) and not pod.busy.locked():
                await self._look_after(pod)

    async def close(self) -> None:
        """Remove all pods."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for pod in self:
            await self._end(pod, 0)

    async def _look_after(self, pod: Pod) -> None:
        async with pod.busy:
            for run in pod.runs:
                if run.runs:
                    seen = await asyncio.to_thread(self._cri.look, run.id)
                    if not seen.running:
                        self._ended(pod, run, seen)
                        self.publish(pod)
                if _is_due(run) and "deletionTimestamp" not in pod.manifest["metadata"]:
                    run.attempt += 1
                    await self._start(pod, run)
                    self.publish(pod)

    def _ended(self, pod: Pod, run: Run, seen: Seen) -> None:
        ended = {
            "terminated": {
                "exitCode": seen.exit_code,
                "reason": seen.reason,
                "containerID": f"containerd://{seen.id}",
                "startedAt": _timestamp(seen.started_at / 1e9),
                "finishedAt": _timestamp(seen.finished_at / 1e9),
            }
        }
        policy = pod.manifest["spec"]["restartPolicy"]
        if run.ephemeral or policy == "Never" or (policy == "OnFailure" and not seen.exit_code):
            run.state = ended
            return
        run.last = ended
        if run.attempt and time.monotonic() - run.started < _HEALTHY:
            run.state = {"waiting": {"reason": "CrashLoopBackOff"}}
            run.started = time.monotonic() + _BACKOFF
        else:
            run.state = {"waiting": {"reason": "Restarting"}}
            run.started = 0.0

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("A pod could not be made or ended.", exc_info=error)

    async def _make(self, pod: Pod) -> None:
        async with pod.busy:
            if pod.key not in self._pods:
                return
            if pod.sandbox is None:
                uid = pod.manifest["metadata"]["uid"]
                pod.sandbox = await asyncio.to_thread(
                    self._cri.run_sandbox, *pod.key, uid, pod.logs
                )
            for run in pod.runs:
                if not run.id:
                    await self._start(pod, run)
            self.publish(pod)

    async def _start(self, pod: Pod, run: Run) -> None:
        if pod.sandbox is None:
            return
        wanted = _wanted(run, pod.key)
        try:
            run.id = await asyncio.to_thread(self._cri.run_container, pod.sandbox, wanted)
        except grpc.RpcError as error:
            reason = "ErrImageNeverPull" if "not found" in str(error) else "CreateContainerError"
            run.state = {"waiting": {"reason": reason, "message": str(error)}}
            return
        run.started = time.monotonic()
        run.state = {"running": {"startedAt": _timestamp()}}

    async def _end(self, pod: Pod, grace: int) -> None:
        running = [run for run in pod.runs if run.runs]
        stops = [asyncio.to_thread(self._cri.stop_container, run.id, grace) for run in running]
        await asyncio.gather(*stops, return_exceptions=True)
        async with pod.busy:
            if pod.sandbox is not None:
                await asyncio.to_thread(self._cri.remove_sandbox, pod.sandbox)
                pod.sandbox = None
            if self._pods.pop(pod.key, None) is not None:
                self.history.add(pod.shown, None)


def _is_due(run: Run) -> bool:
    waiting = run.state.get("waiting")
    return bool(waiting and run.last and time.monotonic() >= run.started)


def _wanted(run: Run, key: tuple[str, str]) -> Wanted:
    spec = run.spec
    image = str(spec["image"])
    limit = str(spec.get("resources", {}).get("limits", {}).get("memory", "0"))
    number = limit.rstrip("KMGi")
    env = {entry["name"]: str(entry.get("value", "")) for entry in spec.get("env", [])}
    return Wanted(
        name=run.name,
        image=image if image.startswith("docker.io/") else f"docker.io/{image}",
        command=spec.get("command", []),
        args=spec.get("args", []),
        env={"KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": key[1], **env},
        attempt=run.attempt,
        memory=int(number) * _UNITS[limit[len(number) :]],
        working_dir=spec.get("workingDir", ""),
        user=spec.get("securityContext", {}).get("runAsUser"),
        stdin=spec.get("stdin", False),
        tty=spec.get("tty", False),
    )


def _status_of(run: Run) -> dict[str, Any]:
    return {
        "name": run.name,
        "image": run.spec["image"],
        "imageID": f"docker.io/{run.spec['image']}",
        "containerID": f"containerd://{run.id}" if run.id else "",
        "restartCount": run.attempt,
        "ready": run.runs,
        "state": run.state,
        "lastState": run.last,
    }


def _timestamp(seconds: float | None = None) -> str:
    now = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def _copy(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _copy(value) for key, value in content.items()}
    return [_copy(value) for value in content] if isinstance(content, list) else content
