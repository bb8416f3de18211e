"""Containers for tests and demo, by the engine's HTTP API; all of them carry our label."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from devtools import LABEL, api
from devtools.waiting import until

_STDERR = 2
_FRAME_HEAD = 8
#: runc's word for a freezer that did not reach all processes.
_UNFROZEN = "unable to freeze"


@dataclass(frozen=True)
class ExecResult:
    """The output of a command in a container, and its exit code."""

    exit_code: int
    stdout: str
    stderr: str


def create_container(
    host: str,
    image: str,
    name: str | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    user: str = "",
    env: Sequence[str] = (),
    working_dir: str = "",
    cmd: Sequence[str] | None = None,
    readonly: bool = False,
    memory: int | None = None,
    pids: int | None = None,
    binds: Sequence[str] = (),
    tmpfs: Mapping[str, str] | None = None,
    tty: bool = False,
    open_stdin: bool = False,
    stdin_once: bool = False,
    network: str = "none",
) -> str:
    """Create a container (without starting it) and return its ID.

    `cmd` replaces the image's command, `memory` is a limit in bytes, `pids` one of processes;
    `binds` are `HOST:CONTAINER`, `tmpfs` has the mount options by folder. Raises api.ApiError: 404
    when the image is missing, 409 when the name is taken.
    """
    configuration: dict[str, Any] = {
        "Image": image,
        "Labels": {LABEL: "1", **(labels or {})},
        "User": user,
        # Its sandbox would be half of a container's start.
        "NetworkDisabled": network == "none",
        "Env": list(env),
        "WorkingDir": working_dir,
        "Tty": tty,
        "OpenStdin": open_stdin,
        "StdinOnce": stdin_once,
        # Our PID 1 is `sleep`, to which SIGTERM does nothing; the usual 10 s would be wasted.
        "StopTimeout": 1,
        "HostConfig": {"NetworkMode": network, "ReadonlyRootfs": readonly, "Init": False},
    }
    if cmd is not None:
        configuration["Cmd"] = list(cmd)
    if memory is not None:
        configuration["HostConfig"] |= {"Memory": memory, "MemorySwap": memory}
    if pids is not None:
        configuration["HostConfig"]["PidsLimit"] = pids
    configuration["HostConfig"] |= {"Binds": list(binds), "Tmpfs": dict(tmpfs or {})}
    query = {"name": name} if name is not None else None
    answer = api.call_json(host, "POST", "/containers/create", query=query, body=configuration)
    return str(answer["Id"])


def run_container(host: str, image: str, name: str | None = None, **options: Any) -> str:
    """Create a container with the options of `create_container`, start it, return its ID.

    Raises api.ApiError; a container that does not start is removed.
    """
    container = create_container(host, image, name, **options)
    try:
        start(host, container)
    except BaseException:
        remove_container(host, container)
        raise
    return container


def start(host: str, container: str) -> None:
    """Start a container. Raises api.ApiError."""
    _act(host, container, "start")


def stop(host: str, container: str, timeout: int = 0) -> None:
    """Stop a container: SIGTERM, and SIGKILL after `timeout` seconds. Raises api.ApiError."""
    _act(host, container, "stop", {"t": str(timeout)})


def kill(host: str, container: str, signal: str = "KILL") -> None:
    """Send a signal to a container's PID 1. Raises api.ApiError."""
    _act(host, container, "kill", {"signal": signal})


def restart(host: str, container: str, timeout: int = 0) -> None:
    """Stop a container as `stop` does and start it again. Raises api.ApiError."""
    _act(host, container, "restart", {"t": str(timeout)})


def pause(host: str, container: str) -> None:
    """Freeze a container's processes. Raises api.ApiError, and TimeoutError after two minutes.

    With control groups of version 1, runc gives up where processes are forked all the time; then
    it is asked again.
    """

    def is_frozen() -> bool:
        try:
            _act(host, container, "pause")
        except api.ApiError as error:
            if _UNFROZEN in error.message:
                return False
            raise
        return True

    until(is_frozen, f"a paused container {container}")


def unpause(host: str, container: str) -> None:
    """Let a frozen container go on. Raises api.ApiError."""
    _act(host, container, "unpause")


def rename(host: str, container: str, name: str) -> None:
    """Give a container another name. Raises api.ApiError."""
    _act(host, container, "rename", {"name": name})


def remove_container(host: str, container: str) -> None:
    """Kill and remove a container with its volumes, unless it is gone already.

    Raises api.ApiError.
    """
    try:
        # Podman would send SIGTERM first and wait; and a paused container gets no signal.
        state = inspect(host, container)["State"]["Status"]
        if state == "paused":
            unpause(host, container)
        if state in {"paused", "running"}:
            kill(host, container)
    except api.ApiError as error:
        # 404: gone; 409 (Podman: 500): it ended by itself since we looked.
        if error.status not in {404, 409, 500}:
            raise
    try:
        api.call(host, "DELETE", _path(container), query={"force": "true", "v": "true"})
    except api.ApiError as error:
        if error.status == 409 and "already in progress" in error.message:  # noqa: PLR2004
            _wait_until_gone(host, container)
        elif error.status != 404:  # noqa: PLR2004
            raise


def remove_all(host: str) -> None:
    """Remove every container of the engine: for a private one only. Raises api.ApiError."""
    for container in _list(host):
        remove_container(host, container)


def inspect(host: str, container: str) -> dict[str, Any]:
    """Return the engine's inspect of a container. Raises api.ApiError."""
    found: dict[str, Any] = api.call_json(host, "GET", f"{_path(container)}/json")
    return found


def exec_events(host: str, container: str) -> list[str]:
    """Return the events of a container's execs so far: exec_create, exec_start, exec_die.

    The engine remembers its last 256 events. Raises api.ApiError.
    """
    # `since` 0 would be the default: nothing of the past.
    query = {
        "since": "1",
        "until": f"{time.time():.9f}",
        "filters": json.dumps({"container": [container], "type": ["container"]}),
    }
    lines = api.call(host, "GET", "/events", query=query).decode().splitlines()
    actions = [str(json.loads(line)["Action"]).partition(":")[0] for line in lines]
    return [action for action in actions if action.startswith("exec_")]


def names(host: str) -> set[str]:
    """Return the names of all containers of the engine, running or not. Raises api.ApiError."""
    found = api.call_json(host, "GET", "/containers/json", query={"all": "true"})
    return {name.removeprefix("/") for container in found for name in container["Names"]}


def top(host: str, container: str, arguments: str = "-ef") -> list[dict[str, str]]:
    """Return a container's processes, by the columns of `ps`; PIDs are the host's.

    Raises api.ApiError, as where the daemon's host has no `ps`.
    """
    query = {"ps_args": arguments}
    answer = api.call_json(host, "GET", f"{_path(container)}/top", query=query)
    titles = answer["Titles"]
    return [dict(zip(titles, row, strict=True)) for row in answer["Processes"]]


def run(
    host: str,
    container: str,
    cmd: Sequence[str],
    *,
    user: str = "",
    env: Sequence[str] = (),
    working_dir: str = "",
    timeout: float = 120,
) -> ExecResult:
    """Run a command in a container to its end, without stdin or terminal.

    Raises api.ApiError, and TimeoutError when nothing is heard for `timeout` seconds.
    """
    configuration = {
        "AttachStdout": True,
        "AttachStderr": True,
        "Cmd": list(cmd),
        "User": user,
        "Env": list(env),
        "WorkingDir": working_dir,
    }
    created = api.call_json(host, "POST", f"{_path(container)}/exec", body=configuration)
    path = f"/exec/{created['Id']}"
    # Without an upgrade the engine answers 200 and the frames are the body.
    body = {"Detach": False, "Tty": False}
    stream = api.call(host, "POST", f"{path}/start", body=body, timeout=timeout)
    output = {1: bytearray(), _STDERR: bytearray()}
    position = 0
    while position < len(stream):
        begin = position + _FRAME_HEAD
        end = begin + int.from_bytes(stream[position + 4 : begin])
        output[stream[position]] += stream[begin:end]
        position = end
    code = int(api.call_json(host, "GET", f"{path}/json")["ExitCode"])
    return ExecResult(code, output[1].decode(), output[_STDERR].decode())


def _act(host: str, container: str, verb: str, query: Mapping[str, str] | None = None) -> None:
    api.call(host, "POST", f"{_path(container)}/{verb}", query=query)


def _path(container: str) -> str:
    return f"/containers/{quote(container, safe='')}"


def _list(host: str) -> list[str]:
    found = api.call_json(host, "GET", "/containers/json", query={"all": "true"})
    return [container["Id"] for container in found]


def _wait_until_gone(host: str, container: str, timeout: float = 10) -> None:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            inspect(host, container)
        except api.ApiError as error:
            if error.status == 404:  # noqa: PLR2004
                return
            raise
        time.sleep(0.02)
    raise TimeoutError(f"container {container} was not removed within {timeout} s")
