from __future__ import annotations

import itertools

import pytest

from dexec_kernel.backend.models import (
    MAX_ARGUMENT_SIZE,
    ConsoleSize,
    ContainerInspect,
    ContainerSummary,
    ExecConfig,
    ExecInspect,
    ExecState,
)
from dexec_kernel.errors import ConfigurationError, ProtocolError

IDS = {"ID": "e1", "ContainerID": "c1"}
DOCKER = {**IDS, "CanRemove": False}


def inspect(body: dict[str, object]) -> tuple[ExecState, int | None, int | None]:
    found = ExecInspect.from_json(body)
    assert (found.exec_id, found.container_id) == ("e1", "c1")
    return found.state, found.pid, found.exit_code


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"Running": False, "ExitCode": None, "Pid": 0}, (ExecState.NOT_STARTED, None, None)),
        ({"Running": True, "ExitCode": None, "Pid": 42}, (ExecState.RUNNING, 42, None)),
        ({"Running": True, "ExitCode": None, "Pid": 0}, (ExecState.RUNNING, None, None)),
        ({"Running": False, "ExitCode": 0, "Pid": 42}, (ExecState.EXITED, 42, 0)),
        ({"Running": False, "ExitCode": 3, "Pid": 42}, (ExecState.EXITED, 42, 3)),
        ({"Running": False, "ExitCode": 126, "Pid": 0}, (ExecState.EXITED, None, 126)),
        ({"Running": False, "ExitCode": 3}, (ExecState.EXITED, None, 3)),
    ],
)
def test_three_states_of_docker(body, expected):
    assert inspect({**DOCKER, **body}) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"Running": False, "ExitCode": 0, "Pid": 0, "CanRemove": False},
            (ExecState.NOT_STARTED, None, None),
        ),
        (
            {"Running": True, "ExitCode": 0, "Pid": 42, "CanRemove": False},
            (ExecState.RUNNING, 42, None),
        ),
        (
            {"Running": False, "ExitCode": 0, "Pid": 0, "CanRemove": True},
            (ExecState.EXITED, None, 0),
        ),
        (
            {"Running": False, "ExitCode": 3, "Pid": 0, "CanRemove": True},
            (ExecState.EXITED, None, 3),
        ),
    ],
)
def test_three_states_of_podman(body, expected):
    assert inspect({**IDS, **body}) == expected


@pytest.mark.parametrize(
    ("pid", "code", "failed"),
    [(0, 126, True), (0, 127, True), (42, 126, False), (42, 127, False), (0, 1, False)],
)
def test_start_failed_is_told_from_the_same_exit_code(pid, code, failed):
    body = {**DOCKER, "Running": False, "ExitCode": code, "Pid": pid}
    assert ExecInspect.from_json(body).start_failed is failed


@pytest.mark.parametrize("body", [None, [], "x", {}, {**IDS, "Running": False}, {"Running": True}])
def test_inspect_that_makes_no_sense(body):
    with pytest.raises(ProtocolError):
        ExecInspect.from_json(body)


@pytest.mark.parametrize(
    ("model", "body"),
    [
        *itertools.product([ContainerSummary, ContainerInspect], [None, [], "x", {}]),
        (ContainerSummary, {"Id": "x", "Labels": 3}),
        (ContainerInspect, {"Id": "x", "Name": "y", "Config": [], "State": 3}),
    ],
)
def test_containers_that_make_no_sense(model, body):
    with pytest.raises(ProtocolError):
        model.from_json(body)


def test_name_in_a_list_is_not_that_of_a_link():
    body = {"Id": "0123456789abcdef", "Names": ["/app/db", "/db"], "State": "Running"}
    found = ContainerSummary.from_json(body)
    assert (found.name, found.state, found.labels) == ("db", "running", {})
    assert ContainerSummary.from_json({"Id": body["Id"], "Names": None}).name == "0123456789ab"


@pytest.mark.parametrize("size", [MAX_ARGUMENT_SIZE, MAX_ARGUMENT_SIZE + 1])
@pytest.mark.parametrize("char", ["x", "é"])
@pytest.mark.parametrize("place", ["cmd", "env"])
def test_argument_limit_is_in_bytes(size, char, place):
    text = char * (size // 2 - 1)
    padding = "x" * (size - len(text.encode()))
    entry = text + padding
    assert len(entry.encode()) == size
    if place == "cmd":
        config = ExecConfig(["echo", entry])
    else:
        config = ExecConfig(["env"], env={"A": entry[: -len("A=")]})
    if size == MAX_ARGUMENT_SIZE:
        config.check()
    else:
        with pytest.raises(ConfigurationError, match=r"131,072 bytes.*at most 131,071"):
            config.check()


@pytest.mark.parametrize(
    "config",
    [
        ExecConfig([]),
        ExecConfig([""]),
        ExecConfig("ls -l"),
        ExecConfig(["a\0b"]),
        ExecConfig(["a"], env={"A": "\0"}),
        ExecConfig(["a"], env={"": "x"}),
        ExecConfig(["a"], env={"A=B": "x"}),
        ExecConfig(["a", "\ud800"]),
    ],
)
def test_what_no_engine_can_execute(config):
    with pytest.raises(ConfigurationError):
        config.check()


@pytest.mark.parametrize("value", ["s3cret\0", "s3cret" * 30_000, "s3cret\ud800"])
def test_values_of_the_environment_never_show(value):
    config = ExecConfig(["a"], env={"TOKEN": value})
    assert "s3cret" not in repr(config)
    with pytest.raises(ConfigurationError) as caught:
        config.check()
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_body_of_create_names_what_was_asked_for():
    config = ExecConfig(
        ["sh", "-c", "x"],
        attach_stdin=True,
        attach_stderr=False,
        tty=True,
        env={"A": "1=2", "B": ""},
        working_dir="/w",
        user="1:2",
        privileged=True,
        detach_keys="ctrl-x",
        console_size=ConsoleSize(24, 80),
    )
    assert config.to_json(console_size=True) == {
        "Cmd": ["sh", "-c", "x"],
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": False,
        "Tty": True,
        "Privileged": True,
        "Env": ["A=1=2", "B="],
        "WorkingDir": "/w",
        "User": "1:2",
        "DetachKeys": "ctrl-x",
        "ConsoleSize": [24, 80],
    }
    assert "ConsoleSize" not in config.to_json(console_size=False)


def test_body_of_create_leaves_out_what_was_not_asked_for():
    body = ExecConfig(["x"], console_size=ConsoleSize(1, 1)).to_json(console_size=True)
    assert set(body) == {
        *("Cmd", "AttachStdin", "AttachStdout", "AttachStderr", "Tty", "Privileged")
    }
