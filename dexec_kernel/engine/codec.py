"""The engine's JSON, read into the values of ``backend.models``, and written from them.

An engine's answers are not trusted: labels come from containers, and a proxy may send anything.
Numbers have at most 64 bits, nesting is bounded, text is made encodable, and a value of the wrong
type raises :class:`ProtocolError`. Source: Docker Engine API 1.24 to 1.51.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from dexec_kernel.backend.lifecycle import (
    CreateConfig,
    HealthConfig,
    ImageInspect,
    NetworkSummary,
)
from dexec_kernel.backend.models import (
    SHELL_VARIABLES,
    ContainerInspect,
    ContainerSummary,
    ContainerTop,
    ExecConfig,
    ExecInspect,
    ExecState,
)
from dexec_kernel.errors import ProtocolError

_log = logging.getLogger(__name__)

_MAX_NUMBER = 2**63
#: The engine's times are in nanoseconds, and so are its processors.
_NANO = 1_000_000_000
#: In characters: what an error shows of an answer.
_SHOWN = 200


def exec_inspect(body: Any) -> ExecInspect:
    """Read exec inspect. Raises :class:`ProtocolError`.

    ``Running`` is read first: Podman reports ``ExitCode: 0`` for a running exec and for one that
    was not started. Only the latter is not removable.
    """
    with _reading("exec inspect"):
        running, exit_code = bool(body["Running"]), _number_or_none(body["ExitCode"])
        pid = _number_or_none(body.get("Pid")) or None
        was_started = pid is not None or bool(exit_code) or body.get("CanRemove", True)
        state = ExecState.RUNNING if running else ExecState.EXITED
        if not running and (exit_code is None or not was_started):
            state = ExecState.NOT_STARTED
        return ExecInspect(
            exec_id=_name(body["ID"]),
            container_id=_name(body["ContainerID"]),
            state=state,
            pid=pid,
            exit_code=exit_code if state is ExecState.EXITED else None,
        )


def exec_id(body: Any) -> str:
    """Read exec create's answer. Raises :class:`ProtocolError`."""
    with _reading("answer to exec create"):
        return _name(body["Id"])


def container_summary(body: Any) -> ContainerSummary:
    """Read one entry of the list of containers. Raises :class:`ProtocolError`."""
    with _reading("container list"):
        container = _name(body["Id"])
        names = [_name(name).lstrip("/") for name in _list(body.get("Names"))]
        # A linked container has names with a slash in them besides its own.
        name = next((name for name in names if name and "/" not in name), container[:12])
        return ContainerSummary(
            id=container,
            name=name,
            image=_text(body.get("Image")),
            state=_text(body.get("State")).lower(),
            status=_text(body.get("Status")),
            labels=_labels(body.get("Labels")),
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
    with _reading("container inspect"):
        config, state = body["Config"], body["State"]
        entries = (_text(entry).partition("=") for entry in _list(config.get("Env")))
        env = {name: value for name, _, value in entries}
        return ContainerInspect(
            id=_name(body["Id"]),
            name=_name(body["Name"]).lstrip("/"),
            image=_text(config.get("Image")) or _text(body.get("Image")),
            running=bool(state["Running"]),
            paused=bool(state.get("Paused")),
            oom_killed=bool(state.get("OOMKilled")),
            user=_text(config.get("User")),
            working_dir=_text(config.get("WorkingDir")),
            labels=_labels(config.get("Labels")),
            env_names=tuple(env),
            shell_env={name: env[name] for name in SHELL_VARIABLES if name in env},
            tty=bool(config.get("Tty")),
            open_stdin=bool(config.get("OpenStdin")),
            stdin_once=bool(config.get("StdinOnce")),
            started_at=_text(state.get("StartedAt")),
            exec_count=len(_list(body.get("ExecIDs"))),
        )


def container_top(body: Any) -> ContainerTop:
    """Read the list of a container's processes. Raises :class:`ProtocolError`."""
    with _reading("list of processes"):
        titles = tuple(map(_text, body["Titles"]))
        rows = tuple(tuple(map(_text, _list(row))) for row in _list(body["Processes"]))
        if any(len(row) != len(titles) for row in rows):
            raise ValueError("a row is not as long as the titles")
        return ContainerTop(titles, rows)


def event(body: Any) -> tuple[str, str, str]:
    """Read an event: what happened, to which container by its id, and its name.

    Raises :class:`ProtocolError`.
    """
    with _reading("event"):
        actor = body["Actor"]
        attributes = actor.get("Attributes") or {}
        action = _name(body["Action"]).partition(":")[0]
        return action, _name(actor["ID"]), _text(attributes.get("name"))


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
    }
    if config.memory is not None:
        host |= {"Memory": config.memory, "MemorySwap": config.memory}
    if config.cpus is not None:
        host["NanoCpus"] = round(config.cpus * _NANO)
    if config.pids is not None:
        host["PidsLimit"] = config.pids
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
    with _reading("answer to create"):
        return _name(body["Id"])


def health(body: Any) -> str:
    """Read the health in container inspect, "" without a check. Raises :class:`ProtocolError`."""
    with _reading("container inspect"):
        state = body["State"]
        found = state.get("Health") or state.get("Healthcheck") or {}  # The latter is Podman's.
        word = _text(found.get("Status")).lower()
        return "" if word == "none" else word


def image_inspect(body: Any) -> ImageInspect:
    """Read image inspect. Raises :class:`ProtocolError`."""
    with _reading("image inspect"):
        config = body.get("Config") or {}
        return ImageInspect(
            id=_name(body["Id"]),
            entrypoint=tuple(map(_text, _list(config.get("Entrypoint")))),
            cmd=tuple(map(_text, _list(config.get("Cmd")))),
            user=_text(config.get("User")),
            size=_number_or_none(body.get("Size")) or 0,
        )


def network_list(body: Any) -> list[NetworkSummary]:
    """Read the list of networks. Raises :class:`ProtocolError`."""
    with _reading("network list"):
        return [
            NetworkSummary(_name(item["Id"]), _name(item["Name"]), _labels(item.get("Labels")))
            for item in _list(body)
        ]


# --- what is read ---------------------------------------------------------------------------------


@contextmanager
def _reading(what: str) -> Iterator[None]:
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        reason = f"{type(error).__name__}: {str(error)[:_SHOWN]}"
        raise ProtocolError(f"The engine's {what} cannot be read: {reason}.") from error


def _readable(
    items: Sequence[Any], read: Callable[[Any], ContainerSummary]
) -> Iterator[ContainerSummary]:
    for item in items:
        try:
            yield read(item)
        except ProtocolError as error:
            _log.warning("A container was left out of the engine's list: %s", error)


def _text(value: Any) -> str:
    """Return encodable text, "" for None. Raises TypeError if it is not text."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where text belongs")
    if not value.isascii():
        return value.encode("utf-8", "replace").decode()  # A lone surrogate becomes "?".
    return value


def _name(value: Any) -> str:
    """Return text that is not empty."""
    if not (text := _text(value)):
        raise ValueError("a name or id is empty")
    return text


def _number_or_none(value: Any) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or abs(value) >= _MAX_NUMBER:
        raise TypeError("no number of 64 bits")
    return int(value)


def _list(value: Any) -> Sequence[Any]:
    """Return a list, an empty one for None."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise TypeError(f"{type(value).__name__} where a list belongs")
    return value


def _labels(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError(f"{type(value).__name__} where labels belong")
    return {_text(name): _text(text) for name, text in value.items()}
