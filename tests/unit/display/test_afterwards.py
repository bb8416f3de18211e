"""Bars that are seen later say nothing that may be false by then."""

from __future__ import annotations

import json

import pytest

from dexec_kernel.cells.outcome import State
from dexec_kernel.display.afterwards import orphan_data, saved_html
from dexec_kernel.display.record import MIME_TYPE
from dexec_kernel.display.times import time_of_day
from tests import record as public


@pytest.fixture
def running(snapshot):
    return snapshot(state=State.RUNNING, exit_code=None, duration=7.0, expected=9.0)


def test_a_saved_bar_counts_no_seconds(running):
    html = saved_html(running)
    assert "had not ended when this was saved" in html
    assert f"started {time_of_day(running.started)}" in html
    assert "PID 4711" in html
    assert "7 s" not in html


def test_the_bar_of_a_killed_kernel(running, snapshot):
    data = orphan_data(running)
    assert data["text/plain"].startswith("ended with its kernel · started ")
    assert "ended with its kernel" in data["text/html"]
    record = json.loads(json.dumps(data[MIME_TYPE]))
    assert list(record) == public.KEYS
    assert (record["state"], record["exit_code"]) == ("interrupted", None)
    assert (record["ended"], record["duration_s"]) == (None, None)
    behind = orphan_data(snapshot(state=State.BACKGROUND, exit_code=None))
    assert behind["text/plain"].startswith("its kernel ended before its background processes")


def test_a_pid_that_is_not_known_yet_is_not_said(snapshot):
    data = orphan_data(snapshot(state=State.RUNNING, exit_code=None, pid=None))
    assert "PID" not in data["text/plain"]
