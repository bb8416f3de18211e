"""A private swarm of two nodes: each a dockerd in a network and a host name of its own.

Node 1 is the manager. A pair of virtual interfaces joins the nodes, and another joins this machine
to node 2, whose engine also listens on TCP there. The addresses are random, so that any number of
swarms can be beside each other.
"""

import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

from devtools import LABEL, api, images
from devtools.engine import LeanEngine
from devtools.stoppable import Stoppable

_PORT = 2375
#: In seconds: how long a task may take to run.
_GUARD = 120.0
_MANAGER, _WORKER = "10.77.0.1", "10.77.0.2"
#: $1: the host name; then the command.
_SCRIPT = 'hostname "$1" && ip link set lo up && shift && exec "$@"'


def missing_package() -> str:
    """Return Debian's name of the package that is missing for this, or ""."""
    programs = {"dockerd": "docker.io", "ip": "iproute2", "unshare": "util-linux"}
    path = _path()
    return next(
        (name for program, name in programs.items() if not shutil.which(program, path=path)), ""
    )


class NodeEngine(LeanEngine):
    """A dockerd that sees another network and another host name than this process."""

    def __init__(self, name: str, extra_args: Sequence[str] = ()) -> None:
        super().__init__(extra_args)
        self.name = name

    def _command(self) -> list[str]:
        command = super()._command()
        return ["unshare", "--net", "--uts", "sh", "-c", _SCRIPT, "sh", self.name, *command]

    def stop_daemon(self, timeout: float = 60) -> None:  # noqa: ARG002 -- it takes none
        """Kill the daemon: a node takes five seconds to leave in order."""
        self.kill_daemon()

    def configure(self, interface: str, address: str) -> None:
        """Give an interface of the node's an address."""
        self.run("ip", "addr", "add", address, "dev", interface, *(["nodad"] * (":" in address)))
        self.run("ip", "link", "set", interface, "up")

    def run(self, *command: str) -> None:
        """Run a command in the node's network."""
        inside = ["nsenter", f"--target={self.pid}", "--net", *command]
        subprocess.run(inside, check=True, stdin=subprocess.DEVNULL)


class PrivateSwarm(Stoppable):
    """Two engines that are one swarm; a context manager. Needs root.

    `manager` is node 1, `worker` node 2; `tcp` is the worker's address of the kind tcp://.
    """

    def __init__(self) -> None:
        number = secrets.token_hex(5)
        self._link = f"dx{number[:8]}"
        self._network = f"fd{number[:2]}:{number[2:6]}:{number[6:]}::"
        self.manager = NodeEngine("node1")
        self.worker = NodeEngine("node2", ["--host=tcp://[::]:2375", "--tls=false"])

    def start(self) -> None:
        """Start both engines, and join them."""
        self.manager.start()
        self.worker.start()
        self._join_networks()
        self._join_nodes()
        for engine in (self.manager, self.worker):
            images.ensure_image(engine.host, images.BUSYBOX)

    @property
    def tcp(self) -> str:
        """The worker's engine, over TCP."""
        return f"tcp://[{self._network}2]:{_PORT}"

    def stop(self) -> None:
        """End both engines. Their networks end with them."""
        self.worker.stop()
        self.manager.stop()

    def create_service(
        self,
        name: str,
        *,
        replicas: int | None = 1,
        cmd: Sequence[str] | None = None,
        labels: Mapping[str, str] | None = None,
        constraints: Sequence[str] = (),
        image: str = images.BUSYBOX,
        restarts: bool = True,
    ) -> str:
        """Create a service, and return its id; `replicas` is None for a global one.

        `labels` are those of its containers. Raises api.ApiError.
        """
        container: dict[str, Any] = {
            "Image": image,
            "StopGracePeriod": 0,
            "Labels": {LABEL: "1", **(labels or {})},
        }
        if cmd is not None:
            container["Command"] = list(cmd)
        mode = {"Global": {}} if replicas is None else {"Replicated": {"Replicas": replicas}}
        body = {
            "Name": name,
            "Mode": mode,
            "TaskTemplate": {
                "ContainerSpec": container,
                "Placement": {"Constraints": list(constraints)},
                "RestartPolicy": {"Condition": "any" if restarts else "none", "Delay": 0},
                # There is no network of the swarm's own without a firewall.
                "Networks": [{"Target": "host"}],
            },
        }
        answer = api.call_json(self.manager.host, "POST", "/services/create", body=body)
        return str(answer["ID"])

    def update_service(self, name: str, **template: Any) -> None:
        """Change parts of a service's task template. Raises api.ApiError."""
        found = api.call_json(self.manager.host, "GET", f"/services/{name}")
        spec = found["Spec"]
        spec["TaskTemplate"] |= template
        query = {"version": str(found["Version"]["Index"])}
        path = f"/services/{found['ID']}/update"
        api.call(self.manager.host, "POST", path, query=query, body=spec)

    def nodes(self) -> list[dict[str, Any]]:
        """Return the nodes. Raises api.ApiError."""
        found = api.call_json(self.manager.host, "GET", "/nodes")
        return [dict(node) for node in found]

    def tasks(self, service: str, state: str = "running") -> list[dict[str, Any]]:
        """Return a service's tasks that are in a state, and meant to be. Raises api.ApiError."""
        query = {"filters": json.dumps({"service": [service]})}
        found = api.call_json(self.manager.host, "GET", "/tasks", query=query)
        return [
            task
            for task in found
            if task["Status"]["State"] == state
            and (state != "running" or task["DesiredState"] == "running")
        ]

    def states(self, service: str) -> set[str]:
        """Return the states of all tasks of a service, as the manager knows them."""
        query = {"filters": json.dumps({"service": [service]})}
        found = api.call_json(self.manager.host, "GET", "/tasks", query=query)
        return {task["Status"]["State"] for task in found}

    def wait_for(
        self, service: str, count: int = 1, state: str = "running"
    ) -> list[dict[str, Any]]:
        """Wait until a service has so many tasks in a state; return them. Raises TimeoutError."""
        deadline = time.monotonic() + _GUARD
        while len(found := self.tasks(service, state)) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{service} has not {count} tasks that are {state}")
            time.sleep(0.05)
        return found

    def _join_networks(self) -> None:
        nodes = [str(engine.pid) for engine in (self.manager, self.worker)]
        _ip(
            "link",
            "add",
            "swarm0",
            "netns",
            nodes[0],
            "type",
            "veth",
            "peer",
            "name",
            "swarm0",
            "netns",
            nodes[1],
        )
        _ip("link", "add", self._link, "type", "veth", "peer", "name", "out0", "netns", nodes[1])
        self.manager.configure("swarm0", f"{_MANAGER}/24")
        self.worker.configure("swarm0", f"{_WORKER}/24")
        self.worker.configure("out0", f"{self._network}2/64")
        _ip("addr", "add", f"{self._network}1/64", "dev", self._link, "nodad")
        _ip("link", "set", self._link, "up")

    def _join_nodes(self) -> None:
        manager, worker = self.manager.host, self.worker.host
        port = 2377
        body: dict[str, Any] = {"ListenAddr": f"{_MANAGER}:{port}", "AdvertiseAddr": _MANAGER}
        api.call(manager, "POST", "/swarm/init", body=body)
        token = api.call_json(manager, "GET", "/swarm")["JoinTokens"]["Worker"]
        body = {
            "ListenAddr": f"{_WORKER}:{port}",
            "AdvertiseAddr": _WORKER,
            "RemoteAddrs": [f"{_MANAGER}:{port}"],
            "JoinToken": token,
        }
        api.call(worker, "POST", "/swarm/join", body=body)


def _ip(*arguments: str) -> None:
    program = shutil.which("ip", path=_path())
    subprocess.run([str(program), *arguments], check=True, stdin=subprocess.DEVNULL)


def _path() -> str:
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
