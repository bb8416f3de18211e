"""The record: the keys that programs rely on, JSON, and null for what is not known."""

from __future__ import annotations

import json

import pytest

from dexec_kernel.cells.outcome import State
from dexec_kernel.display.record import MIME_TYPE, record_of

#: DESIGN.md, "The record".
KEYS = [
    "container",
    "container_id",
    "image",
    "exec_id",
    "pid",
    "exit_code",
    "state",
    "started",
    "duration_s",
    "user",
    "cwd",
    "timed_out",
    "output_bytes",
    "log",
]


def test_mime_type():
    assert MIME_TYPE == "application/vnd.dexec.exec+json"


def test_a_whole_record(snapshot):
    assert record_of(snapshot(exit_code=3, duration=0.08449)) == {
        "container": "web",
        "container_id": "0123456789abcdef" * 4,
        "image": "dexec-demo/busybox:1",
        "exec_id": "e" * 64,
        "pid": 4711,
        "exit_code": 3,
        "state": "exited",
        "started": "2023-11-14T22:13:20.250Z",
        "duration_s": 0.084,
        "user": "root",
        "cwd": "/",
        "timed_out": False,
        "output_bytes": 10,
        "log": None,
    }


@pytest.mark.parametrize("state", list(State))
def test_keys_states_and_json(snapshot, state):
    record = record_of(snapshot(state=state))
    assert list(record) == KEYS
    assert record["state"] in {
        "running",
        "exited",
        "interrupted",
        "timed out",
        "background",
        "not started",
        "lost",
    }
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_unknown_is_null(snapshot):
    nothing = dict.fromkeys(("exec_id", "pid", "exit_code", "user", "cwd"))
    record = record_of(snapshot(state=State.LOST, **nothing))
    assert {key: record[key] for key in nothing} == nothing


def test_names_are_kept_as_they_are(snapshot):
    name = "<b>\n\u202e\"'"
    record = record_of(snapshot(container=name, cwd=name))
    assert (record["container"], record["cwd"]) == (name, name)
