"""containerd's CRI: sandboxes and containers as a kubelet makes them, and the URLs of execs.

Source: cri-api, runtime/v1/api.proto. The calls block; the front makes them in threads.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from cri_api.v1 import api_pb2 as v1
from cri_api.v1 import api_pb2_grpc as services

_KIB = 1024


@dataclass(frozen=True)
class Seen:
    """A container as CRI has it. ``reason`` is ``OOMKilled``, ``Error`` or ``Completed``."""

    id: str
    running: bool
    exit_code: int
    reason: str
    started_at: int
    finished_at: int


@dataclass(frozen=True)
class Wanted:
    """A container to be made."""

    name: str
    image: str
    command: Sequence[str]
    args: Sequence[str]
    env: Mapping[str, str]
    attempt: int
    memory: int = 0
    working_dir: str = ""
    user: int | None = None
    stdin: bool = False
    tty: bool = False


@dataclass(frozen=True)
class Sandbox:
    """A pod's sandbox; its containers need its configuration again."""

    id: str
    config: v1.PodSandboxConfig


class Cri:
    """The runtime behind a containerd's socket."""

    def __init__(self, socket: Path) -> None:
        self._channel = grpc.insecure_channel(f"unix://{socket}")
        self._runtime: Any = services.RuntimeServiceStub(self._channel)

    def wait(self, timeout: float) -> None:
        """Wait until containerd answers. Raises grpc.RpcError."""
        # gRPC's own waiting begins with pauses of a second.
        deadline = time.monotonic() + timeout
        while True:
            try:
                self._runtime.Status(v1.StatusRequest(), timeout=10)
            except grpc.RpcError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def run_sandbox(self, namespace: str, name: str, uid: str, logs: Path) -> Sandbox:
        """Make a pod's sandbox, in the network of the host."""
        logs.mkdir(parents=True, exist_ok=True)
        config = v1.PodSandboxConfig(
            metadata=v1.PodSandboxMetadata(name=name, uid=uid, namespace=namespace, attempt=0),
            log_directory=str(logs),
            linux=v1.LinuxPodSandboxConfig(
                security_context=v1.LinuxSandboxSecurityContext(namespace_options=_namespaces())
            ),
        )
        answer = self._runtime.RunPodSandbox(v1.RunPodSandboxRequest(config=config))
        return Sandbox(answer.pod_sandbox_id, config)

    def remove_sandbox(self, sandbox: Sandbox) -> None:
        """End a sandbox with its containers."""
        self._runtime.StopPodSandbox(v1.StopPodSandboxRequest(pod_sandbox_id=sandbox.id))
        self._runtime.RemovePodSandbox(v1.RemovePodSandboxRequest(pod_sandbox_id=sandbox.id))

    def run_container(self, sandbox: Sandbox, wanted: Wanted) -> str:
        """Make and start a container; return its id. Raises grpc.RpcError."""
        security = v1.LinuxContainerSecurityContext(namespace_options=_namespaces())
        if wanted.user is not None:
            security.run_as_user.value = wanted.user
        config = v1.ContainerConfig(
            metadata=v1.ContainerMetadata(name=wanted.name, attempt=wanted.attempt),
            image=v1.ImageSpec(image=wanted.image),
            command=wanted.command,
            args=wanted.args,
            working_dir=wanted.working_dir,
            envs=[v1.KeyValue(key=key, value=value) for key, value in wanted.env.items()],
            log_path=f"{wanted.name}-{wanted.attempt}.log",
            stdin=wanted.stdin,
            tty=wanted.tty,
            linux=v1.LinuxContainerConfig(
                resources=v1.LinuxContainerResources(memory_limit_in_bytes=wanted.memory),
                security_context=security,
            ),
        )
        made = self._runtime.CreateContainer(
            v1.CreateContainerRequest(
                pod_sandbox_id=sandbox.id, config=config, sandbox_config=sandbox.config
            )
        )
        self._runtime.StartContainer(v1.StartContainerRequest(container_id=made.container_id))
        return str(made.container_id)

    def stop_container(self, container: str, grace: int) -> None:
        """Send SIGTERM, and SIGKILL after ``grace`` seconds."""
        self._runtime.StopContainer(v1.StopContainerRequest(container_id=container, timeout=grace))

    def running(self) -> frozenset[str]:
        """Return the ids of the containers that run."""
        state = v1.ContainerStateValue(state=v1.CONTAINER_RUNNING)
        request = v1.ListContainersRequest(filter=v1.ContainerFilter(state=state))
        answer = self._runtime.ListContainers(request)
        return frozenset(str(container.id) for container in answer.containers)

    def look(self, container: str) -> Seen:
        """Return how a container is."""
        request = v1.ContainerStatusRequest(container_id=container)
        status = self._runtime.ContainerStatus(request).status
        return Seen(
            id=container,
            running=status.state == v1.CONTAINER_RUNNING,
            exit_code=int(status.exit_code),
            reason=str(status.reason),
            started_at=int(status.started_at),
            finished_at=int(status.finished_at),
        )

    def exec_url(
        self, container: str, command: Sequence[str], *, stdin: bool, stdout: bool, stderr: bool,
        tty: bool,
    ) -> str:  # fmt: skip
        """Return the URL at which an exec can be started once. Raises grpc.RpcError."""
        request = v1.ExecRequest(
            container_id=container, cmd=command, stdin=stdin, stdout=stdout, stderr=stderr, tty=tty
        )
        return str(self._runtime.Exec(request).url)


def _namespaces() -> v1.NamespaceOption:
    return v1.NamespaceOption(network=v1.NODE, pid=v1.CONTAINER, ipc=v1.POD)
