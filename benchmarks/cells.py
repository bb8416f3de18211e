"""How long a cell takes, through a real kernel, beside what else runs a command in a container."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jupyter_client.manager import start_new_kernel

from benchmarks.measure import Row, alternate, compare

_HEAD = (
    "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    "{more}Content-Length: {size}\r\n\r\n"
)


@contextmanager
def kernel(name: str, env: dict[str, str]) -> Iterator[Callable[[str], None]]:
    """Start a kernel; yields what runs a cell until the kernel is idle again."""
    manager, client = start_new_kernel(
        kernel_name=name, env=env, extra_arguments=["--log-level=ERROR"]
    )

    def run(code: str) -> None:
        request = client.execute(code)
        while True:
            message = client.get_iopub_msg(timeout=120)
            is_ours = message["parent_header"].get("msg_id") == request
            if is_ours and message["content"].get("execution_state") == "idle":
                break
        while client.get_shell_msg(timeout=60)["parent_header"].get("msg_id") != request:
            pass

    try:
        yield run
    finally:
        client.stop_channels()
        manager.shutdown_kernel()


class RawEngine:
    """The least that an exec costs: create, start, drain and inspect over one kind of socket."""

    def __init__(self, path: str, container: str) -> None:
        self._path = path
        self._container = container

    def cycle(self, *command: str) -> None:
        """Run one command to its end."""
        body = {"Cmd": list(command), "AttachStdout": True, "AttachStderr": True}
        exec_id = self._json("POST", f"/containers/{self._container}/exec", body)["Id"]
        start = json.dumps({"Detach": False, "Tty": False})
        more = "Connection: Upgrade\r\nUpgrade: tcp\r\n"
        with self._connect() as sock:
            head = _HEAD.format(path=f"/exec/{exec_id}/start", more=more, size=len(start))
            sock.sendall((head + start).encode())
            while sock.recv(65536):
                pass
        self._json("GET", f"/exec/{exec_id}/json", None)

    def _connect(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(self._path)
        return sock

    def _json(self, method: str, path: str, body: Any) -> Any:
        data = "" if body is None else json.dumps(body)
        head = _HEAD.format(path=path, more="Connection: close\r\n", size=len(data))
        with self._connect() as sock:
            sock.sendall((head.replace("POST", method, 1) + data).encode())
            answer = b""
            while part := sock.recv(65536):
                answer += part
        text = answer.partition(b"\r\n\r\n")[2]
        return json.loads(text[text.index(b"{") : text.rindex(b"}") + 1])


def measure(host: str, container: str, env: dict[str, str], *, count: int) -> list[Row]:
    """Measure ``echo hi`` beside each peer, in turns."""
    rows: list[Row] = []
    raw = RawEngine(host.removeprefix("unix://"), container)
    # All output, as the peers have it.
    bounds = {"DEXEC_OUTPUT_LIMIT": "0"}
    settings = {**env, "DOCKER_HOST": host, "DEXEC_CONTAINER": container, **bounds}
    what = "`echo hi`, request to idle"
    with kernel("dexec", settings) as run:

        def ours() -> None:
            run("echo hi")

        first, peer = alternate(ours, lambda: raw.cycle("sh", "-c", "echo hi"), count=count)
        rows.append(compare(what, first, "create, start, drain, inspect on a raw socket", peer))
        if docker := shutil.which("docker"):
            command = [docker, "-H", host, "exec", container, "sh", "-c", "echo hi"]
            first, peer = alternate(
                ours,
                lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL),
                count=count,
            )
            rows.append(compare(what, first, "the command `docker exec`", peer))
        with kernel("python3", env) as ipython:
            first, peer = alternate(ours, lambda: ipython("!echo hi"), count=count)
            rows.append(compare(what, first, "ipykernel's `!echo hi`, no container", peer))
            lines = "seq 1 2000000"
            first, peer = alternate(
                lambda: run(lines), lambda: ipython(f"!{lines}"), count=5, warm_up=1
            )
            rows.append(
                compare(f"`{lines}` (15 MB) to idle", first, f"ipykernel's `!{lines}`", peer)
            )
    return rows
