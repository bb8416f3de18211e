"""The engine's JSON, friendly and hostile."""

from __future__ import annotations

import itertools
import json

import pytest

from dexec_kernel.backend.lifecycle import Health
from dexec_kernel.backend.models import ConsoleSize, ExecConfig, ExecState
from dexec_kernel.engine import codec
from dexec_kernel.engine.http.answer import parse
from dexec_kernel.errors import ProtocolError

IDS = {"ID": "e1", "ContainerID": "c1"}
DOCKER = {**IDS, "CanRemove": False}


def inspect(body: dict[str, object]) -> tuple[ExecState, int | None, int | None]:
    found = codec.exec_inspect(body)
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
    assert codec.exec_inspect(body).start_failed is failed


@pytest.mark.parametrize("body", [None, [], "x", {}, {**IDS, "Running": False}, {"Running": True}])
def test_inspect_that_makes_no_sense(body):
    with pytest.raises(ProtocolError):
        codec.exec_inspect(body)


@pytest.mark.parametrize(
    ("read", "body"),
    [
        *itertools.product([codec.container_summary, codec.container_inspect], [None, [], "x", {}]),
        (codec.container_summary, {"Id": "x", "Labels": 3}),
        (codec.container_inspect, {"Id": "x", "Name": "y", "Config": [], "State": 3}),
    ],
)
def test_containers_that_make_no_sense(read, body):
    with pytest.raises(ProtocolError):
        read(body)


def test_name_in_a_list_is_not_that_of_a_link():
    body = {"Id": "0123456789abcdef", "Names": ["/app/db", "/db"], "State": "Running"}
    found = codec.container_summary(body)
    assert (found.name, found.state, found.labels) == ("db", "running", {})
    assert codec.container_summary({"Id": body["Id"], "Names": None}).name == "0123456789ab"


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
    assert codec.exec_config(config, console_size=True) == {
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
    assert "ConsoleSize" not in codec.exec_config(config, console_size=False)


def test_body_of_create_leaves_out_what_was_not_asked_for():
    body = codec.exec_config(ExecConfig(["x"], console_size=ConsoleSize(1, 1)), console_size=True)
    assert set(body) == {
        *("Cmd", "AttachStdin", "AttachStdout", "AttachStderr", "Tty", "Privileged")
    }


# --- hostile ------------------------------------------------------------------------------------

DIGITS = "9" * 5_000
GOOD = {"Id": "good", "Names": ["/good"], "State": "running", "Labels": {"a": "b"}}


@pytest.mark.parametrize(
    "body",
    [
        f'{{"Pid": {DIGITS}}}',
        "[" * 101 + "]" * 101,
        '{"a":' * 101 + "1" + "}" * 101,
        '[{"a":' * 51 + "1" + "}]" * 51,
        '["]",' * 101 + "1" + "]" * 101,
        "[" * 100_000,
        "",
        "{",
        "\x00",
    ],
    ids=["digits", "lists", "objects", "both", "in text", "very deep", "nothing", "cut off", "NUL"],
)
def test_what_no_engine_sends_is_a_protocol_error(body):
    with pytest.raises(ProtocolError, match="is not JSON"):
        parse(body.encode())


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({}, Health()),
        ({"Health": None}, Health()),
        ({"Health": {"Status": "none", "Log": None}}, Health()),
        ({"Health": {"Status": "starting", "Log": []}}, Health("starting")),
        ({"Healthcheck": {"Status": "Healthy"}}, Health("healthy")),
        (
            {"Health": {"Status": "unhealthy", "Log": [{"Output": "a"}, {"Output": "b"}]}},
            Health("unhealthy", "b"),
        ),
    ],
)
def test_health_has_the_last_check_s_output(state, expected):
    assert codec.health({"State": state}) == expected


def test_brackets_in_text_are_not_nesting():
    text = '[{"' * 200
    assert parse(json.dumps({"a": text}).encode()) == {"a": text}
    assert parse(b"[" * 100 + b"]" * 100)


@pytest.mark.parametrize("number", ["1e999", "NaN", "Infinity", "9" * 30, "1.5", '"7"', "[]"])
@pytest.mark.parametrize("key", ["Pid", "ExitCode"])
def test_a_number_is_one_of_64_bits(number, key):
    text = json.dumps({**DOCKER, "Running": False, "ExitCode": 0, "Pid": 1, key: "?"})
    body = parse(text.replace('"?"', number).encode())
    with pytest.raises(ProtocolError):
        codec.exec_inspect(body)


@pytest.mark.parametrize(
    "bad",
    [
        None,
        3,
        [],
        {},
        {"Id": ""},
        {"Id": 3},
        {"Id": "x", "Names": "x"},
        {"Id": "x", "Names": [3]},
        {"Id": "x", "Labels": ["a"]},
        {"Id": "x", "Labels": {"a": 1}},
        {"Id": "x", "Labels": {"a": None, "b": []}},
        {"Id": "x", "State": {}},
    ],
)
def test_a_bad_container_is_left_out_alone(bad, caplog):
    found = codec.container_list([GOOD, bad, {**GOOD, "Id": "other"}])
    assert [item.id for item in found] == ["good", "other"]
    assert "left out" in caplog.text


@pytest.mark.parametrize("body", [None, {}, "x", 3])
def test_a_list_that_is_none(body):
    with pytest.raises(ProtocolError):
        codec.container_list(body)


def test_text_can_be_encoded_whatever_comes():
    body = parse(b'{"Id": "x", "Names": ["/a\\ud800b"], "Labels": {"k": "\\udfff"}}')
    found = codec.container_summary(body)
    assert (found.name, found.labels) == ("a?b", {"k": "?"})


def test_an_error_shows_little_of_a_long_answer():
    with pytest.raises(ProtocolError) as caught:
        parse(b"x" * 5_000_000)
    assert len(str(caught.value)) < 400
