"""The record: the keys that programs rely on, JSON, and null for unknown values."""

from __future__ import annotations

import json

import pytest

from dexec_kernel.cells.outcome import State
from dexec_kernel.display.record import MIME_TYPE, record_of
from tests import record as public


def test_mime_type():
    assert MIME_TYPE == public.MIME_TYPE


def test_states():
    assert {state.value for state in State} == public.STATES


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
        "ended": "2023-11-14T22:13:20.334Z",
        "duration_s": 0.084,
        "user": "root",
        "cwd": "/",
        "timed_out": False,
        "output_bytes": 10,
        "log": None,
    }


@pytest.mark.parametrize("state", list(State))
def test_keys_and_json(snapshot, state):
    record = record_of(snapshot(state=state))
    assert list(record) == public.KEYS
    assert json.loads(json.dumps(record, allow_nan=False)) == record


@pytest.mark.parametrize("state", [State.RUNNING, State.BACKGROUND, State.DETACHED])
def test_what_goes_on_has_no_end(snapshot, state):
    assert record_of(snapshot(state=state))["ended"] is None


def test_unknown_is_null(snapshot):
    nothing = dict.fromkeys(("exec_id", "pid", "exit_code", "user", "cwd"))
    record = record_of(snapshot(state=State.LOST, **nothing))
    assert {key: record[key] for key in nothing} == nothing


def test_names_are_kept_as_they_are(snapshot):
    name = "<b>\n\u202e\"'"
    record = record_of(snapshot(container=name, cwd=name))
    assert (record["container"], record["cwd"]) == (name, name)
