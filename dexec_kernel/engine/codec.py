"""The engine's JSON, read into the values of ``backend.models``, and written from them.

An engine's answers are not trusted: labels come from containers, and a proxy may send anything.
Numbers have at most 64 bits, nesting is bounded, text is made encodable, and a value of the wrong
type raises :class:`ProtocolError`. Source: Docker Engine API 1.24 to 1.51.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dexec_kernel.backend.images import ImageInspect
from dexec_kernel.backend.lifecycle import (
    CreateConfig,
    Health,
    HealthConfig,
    NetworkSummary,
    Usage,
)
from dexec_kernel.backend.models import (
    ContainerInspect,
    ContainerSummary,
    ContainerTop,
    ExecConfig,
    ExecInspect,
    ExecState,
    shell_env,
)
from dexec_kernel.engine.values import (
    as_flag,
    as_labels,
    as_list,
    as_name,
    as_number,
    as_pid,
    as_text,
    reading,
)
from dexec_kernel.errors import ProtocolError

_log = logging.getLogger(__name__)

#: The engine's times are in nanoseconds, and so are its processors.
_NANO = 1_000_000_000
#: In characters: what an error shows of an answer.
_SHOWN = 200


def exec_inspect(body: Any) -> ExecInspect:
    """Read exec inspect. Raises :class:`ProtocolError`.

    ``Running`` is read first: Podman reports ``ExitCode: 0`` for a running exec and for one that
    was not started. Only the latter is not removable.
    """
    with reading("exec inspect"):
        running, exit_code = as_flag(body["Running"]), as_number(body["ExitCode"])
        pid = as_pid(body.get("Pid"))
        was_started = pid is not None or bool(exit_code) or body.get("CanRemove", True)
        state = ExecState.RUNNING if running else ExecState.EXITED
        if not running and (exit_code is None or not was_started):
            state = ExecState.NOT_STARTED
        return ExecInspect(
            exec_id=as_name(body["ID"]),
            container_id=as_name(body["ContainerID"]),
            state=state,
            pid=pid,
            exit_code=exit_code if state is ExecState.EXITED else None,
        )


def exec_id(body: Any) -> str:
    """Read exec create's answer. Raises :class:`ProtocolError`."""
    with reading("answer to exec create"):
        return as_name(body["Id"])


def container_summary(body: Any) -> ContainerSummary:
    """Read one entry of the list of containers. Raises :class:`ProtocolError`."""
    with reading("container list"):
        container = as_name(body["Id"])
        names = [as_name(name).lstrip("/") for name in as_list(body.get("Names"))]
        # A linked container has names with a slash in them besides its own.
        name = next((name for name in names if name and "/" not in name), container[:12])
        return ContainerSummary(
            id=container,
            name=name,
            image=as_text(body.get("Image")),
            state=as_text(body.get("State")).lower(),
            status=as_text(body.get("Status")),
            labels=as_labels(body.get("Labels")),
        )


def container_list(body: Any) -> list[ContainerSummary]:
    """Read the list of containers. An unreadable entry is left out and logged.

    Raises :class:`ProtocolError` if it is not a list.
    """
    if not isinstance(body, list):
        raise ProtocolError(f"The engine's container list is not a list: {str(body)[:_SHOWN]!r}.")
    return list(_readable(body, container_summary))


def container_inspect(body: Any) -> ContainerInspect:
    """Read container inspect. Raises :class:`ProtocolError`."""
    with reading("container inspect"):
        config, state = body["Config"], body["State"]
        entries = (as_text(entry).partition("=") for entry in as_list(config.get("Env")))
        env = {name: value for name, _, value in entries}
        return ContainerInspect(
            id=as_name(body["Id"]),
            name=as_name(body["Name"]).lstrip("/"),
            image=as_text(config.get("Image")) or as_text(body.get("Image")),
            running=as_flag(state["Running"]),
            paused=as_flag(state.get("Paused")),
            oom_killed=as_flag(state.get("OOMKilled")),
            user=as_text(config.get("User")),
            working_dir=as_text(config.get("WorkingDir")),
            labels=as_labels(config.get("Labels")),
            env_names=tuple(env),
            shell_env=shell_env(env),
            tty=as_flag(config.get("Tty")),
            open_stdin=as_flag(config.get("OpenStdin")),
            stdin_once=as_flag(config.get("StdinOnce")),
            started_at=as_text(state.get("StartedAt")),
            exec_count=len(as_list(body.get("ExecIDs"))),
        )


def container_top(body: Any) -> ContainerTop:
    """Read the list of a container's processes. Raises :class:`ProtocolError`."""
    with reading("list of processes"):
        titles = tuple(map(as_text, body["Titles"]))
        rows = tuple(tuple(map(as_text, as_list(row))) for row in as_list(body["Processes"]))
        if any(len(row) != len(titles) for row in rows):
            raise ValueError("a row is not as long as the titles")
        return ContainerTop(titles, rows)


def event(body: Any) -> tuple[str, str, str]:
    """Read an event: what happened, to which container by its id, and its name.

    Raises :class:`ProtocolError`.
    """
    with reading("event"):
        actor = body["Actor"]
        attributes = actor.get("Attributes") or {}
        action = as_name(body["Action"]).partition(":")[0]
        return action, as_name(actor["ID"]), as_text(attributes.get("name"))


def exec_config(config: ExecConfig, *, console_size: bool) -> dict[str, Any]:
    """Return the body of exec create, ``ConsoleSize`` only when the engine knows it."""
    body: dict[str, Any] = {
        "Cmd": list(config.cmd),
        "AttachStdin": config.attach_stdin,
        "AttachStdout": config.attach_stdout,
        "AttachStderr": config.attach_stderr,
        "Tty": config.tty,
        "Privileged": config.privileged,
    }
    if config.env:
        body["Env"] = [f"{name}={value}" for name, value in config.env.items()]
    if config.working_dir:
        body["WorkingDir"] = config.working_dir
    if config.user:
        body["User"] = config.user
    if config.detach_keys:
        body["DetachKeys"] = config.detach_keys
    if config.console_size is not None and config.tty and console_size:
        body["ConsoleSize"] = [config.console_size.rows, config.console_size.columns]
    return body


def container_create(config: CreateConfig) -> dict[str, Any]:
    """Return the body of container create."""
    host: dict[str, Any] = {
        "NetworkMode": config.network_mode,
        "ReadonlyRootfs": config.read_only,
        "AutoRemove": config.auto_remove,
        "CapAdd": list(config.cap_add),
        "CapDrop": list(config.cap_drop),
        "SecurityOpt": ["no-new-privileges"] if config.no_new_privileges else [],
        "Binds": list(config.binds),
        "Tmpfs": dict(config.tmpfs),
        **_limits(config),
    }
    if config.discards_log:
        host["LogConfig"] = {"Type": "none"}
    if config.pid_mode:
        host["PidMode"] = config.pid_mode
    body: dict[str, Any] = {
        "Image": config.image,
        "Labels": dict(config.labels),
        "Env": [f"{name}={value}" for name, value in config.env.items()],
        "User": config.user,
        "WorkingDir": config.working_dir,
        "Hostname": config.hostname,
        "OpenStdin": config.open_stdin,
        "StdinOnce": config.stdin_once,
        "AttachStdin": config.stdin_once,
        "HostConfig": host,
    }
    if config.cmd:
        body["Cmd"] = list(config.cmd)
    if config.entrypoint is not None:
        body["Entrypoint"] = list(config.entrypoint)
    if config.stop_timeout is not None:
        body["StopTimeout"] = config.stop_timeout
    if config.health is not None:
        body["Healthcheck"] = _health_config(config.health)
    if config.aliases:
        endpoint = {"Aliases": list(config.aliases)}
        body["NetworkingConfig"] = {"EndpointsConfig": {config.network_mode: endpoint}}
    return body


def _limits(config: CreateConfig) -> dict[str, int]:
    found: dict[str, int] = {}
    if config.memory is not None:
        found |= {"Memory": config.memory, "MemorySwap": config.memory}
    if config.cpus is not None:
        found["NanoCpus"] = round(config.cpus * _NANO)
    if config.pids is not None:
        found["PidsLimit"] = config.pids
    return found


def _health_config(config: HealthConfig) -> dict[str, Any]:
    times = {
        "Interval": config.interval,
        "Timeout": config.timeout,
        "StartPeriod": config.start_period,
    }
    body: dict[str, Any] = {"Test": list(config.test)}
    body |= {name: round(value * _NANO) for name, value in times.items() if value is not None}
    if config.retries is not None:
        body["Retries"] = config.retries
    return body


def created_id(body: Any) -> str:
    """Read the answer to a create. Raises :class:`ProtocolError`."""
    with reading("answer to create"):
        return as_name(body["Id"])


def health(body: Any) -> Health:
    """Read the health in container inspect. Raises :class:`ProtocolError`."""
    with reading("container inspect"):
        state = body["State"]
        found = state.get("Health") or state.get("Healthcheck") or {}  # The latter is Podman's.
        word = as_text(found.get("Status")).lower()
        checks = as_list(found.get("Log"))
        output = as_text(checks[-1].get("Output")) if checks else ""
        return Health("" if word == "none" else word, output)


def image_inspect(body: Any) -> ImageInspect:
    """Read image inspect. Raises :class:`ProtocolError`."""
    with reading("image inspect"):
        config = body.get("Config") or {}
        return ImageInspect(
            id=as_name(body["Id"]),
            entrypoint=tuple(map(as_text, as_list(config.get("Entrypoint")))),
            cmd=tuple(map(as_text, as_list(config.get("Cmd")))),
            user=as_text(config.get("User")),
            size=as_number(body.get("Size")) or 0,
        )


def usage(body: Any) -> Usage:
    """Read a container's statistics, without the cache of files. Raises :class:`ProtocolError`."""
    with reading("statistics"):
        memory = body.get("memory_stats") or {}
        stats = memory.get("stats") or {}
        used = as_number(memory.get("usage"))
        cache = as_number(stats.get("total_inactive_file", stats.get("inactive_file"))) or 0
        processes = as_number((body.get("pids_stats") or {}).get("current"))
        return Usage(None if used is None else max(0, used - cache), processes)


def volume_list(body: Any) -> list[str]:
    """Read the names in the list of volumes. Raises :class:`ProtocolError`."""
    with reading("volume list"):
        return [as_name(item["Name"]) for item in as_list(body.get("Volumes"))]


def network_list(body: Any) -> list[NetworkSummary]:
    """Read the list of networks. Raises :class:`ProtocolError`."""
    with reading("network list"):
        return [
            NetworkSummary(
                as_name(item["Id"]), as_name(item["Name"]), as_labels(item.get("Labels"))
            )
            for item in as_list(body)
        ]


def _readable(
    items: Sequence[Any], read: Callable[[Any], ContainerSummary]
) -> Iterator[ContainerSummary]:
    for item in items:
        try:
            yield read(item)
        except ProtocolError as error:
            _log.warning("A container was left out of the engine's list: %s", error)
