"""The record and the bar, as they arrive: their content, and their number."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

import pytest

from devtools import containers
from dexec_kernel.display.cell import LIVE_AFTER
from tests import record as public
from tests.waiting import GUARD, until

WIDGET = "application/vnd.jupyter.widget-view+json"


def test_the_record_holds_what_the_engine_says(start_kernel, run_container, host):
    name = run_container(user="student", working_dir="/home/student")
    kernel = start_kernel(DEXEC_CONTAINER=name)
    before = datetime.now(UTC)
    record = kernel.run("printf 12345; printf 678 >&2; sleep 0.3; exit 7").record
    after = datetime.now(UTC)
    assert set(record) == set(public.KEYS)
    inspect = containers.inspect(host, name)
    assert record["container"] == name
    assert record["container_id"] == inspect["Id"]
    assert record["image"] == "dexec-demo/busybox:1"
    assert len(record["exec_id"]) == 64
    assert record["exit_code"] == 7
    assert record["state"] == "exited"
    assert record["user"] == "student"
    assert record["cwd"] == "/home/student"
    assert record["output_bytes"] == 8
    assert record["timed_out"] is False
    assert record["log"] is None
    assert 0.3 <= record["duration_s"] <= (after - before).total_seconds()
    started = datetime.fromisoformat(record["started"])
    assert before - timedelta(seconds=1) <= started <= after  # It may have been rounded.


def test_the_pid_is_the_hosts_and_there_while_the_cell_runs(kernel, host, busybox, gate):
    held = gate(busybox)
    live, told, seen = [], [], []

    def pids():
        rows = containers.top(host, busybox)
        return [int(row["PID"]) for row in rows if held.path in row["CMD"]]

    def look(message):
        data = message["content"].get("data", {})
        if WIDGET in data:
            live.append(data[public.MIME_TYPE])
        if not told and (found := re.search(r"PID (\d+)", str(message["content"]))):
            told.append(int(found[1]))
            seen.extend(until(pids))
            held.open()

    result = kernel.run(f"exec sh -c '{held.wait}'", at=look)
    assert [record["state"] for record in live] == ["running"]
    assert live[0]["exit_code"] is None
    assert told == seen
    assert live[0]["pid"] in {seen[0], None}  # Where it takes a while to be known.
    assert result.record["pid"] == seen[0]


def test_a_long_cell_is_live_and_leaves_no_widget(kernel, gate, busybox):
    held = gate(busybox)

    def look(message):
        if WIDGET in message["content"].get("data", {}):
            held.open()

    result = kernel.run(f"{held.wait}; echo done", at=look)
    opened = {content["comm_id"] for content in result.of("comm_open")}
    closed = {content["comm_id"] for content in result.of("comm_close")}
    assert opened
    assert opened == closed
    kinds = [kind for kind in result.types if kind.endswith("display_data")]
    assert kinds == ["display_data", "update_display_data"]
    info = kernel.client.comm_info()
    assert kernel.reply(info)["comms"] == {}


def test_a_short_cell_opens_no_widget(kernel):
    for _ in range(5):
        begin = time.monotonic()
        result = kernel.run("echo hi")
        is_short = time.monotonic() - begin < LIVE_AFTER
        assert not (is_short and result.of("comm_open"))


def test_programs_that_execute_notebooks_get_no_widget(kernel):
    result = kernel.run("sleep 0.5; echo done", allow_stdin=False)
    assert result.of("comm_open") == []
    assert result.record["exit_code"] == 0


@pytest.mark.parametrize("mode", ["static", "STATIC"])
def test_static_shows_no_widget(start_kernel, busybox, mode):
    kernel = start_kernel(DEXEC_CONTAINER=busybox, DEXEC_STATUS_BAR=mode)
    result = kernel.run("echo a; sleep 0.5; echo b")
    assert result.of("comm_open") == []
    assert result.record["exit_code"] == 0


def test_off_shows_nothing(start_kernel, busybox):
    kernel = start_kernel(DEXEC_CONTAINER=busybox, DEXEC_STATUS_BAR="off")
    result = kernel.run("echo a; sleep 0.5; echo b")
    assert set(result.types) == {"execute_input", "stream"}
    assert kernel.run("false").types == ["execute_input", "error"]


def test_a_front_end_that_asks_for_all_widgets_is_answered(kernel):
    """As JupyterLab does when it connects."""
    session, channel = kernel.client.session, kernel.client.shell_channel
    opened = {"comm_id": "c1", "target_name": "jupyter.widget.control", "data": {}}
    channel.send(session.msg("comm_open", opened, metadata={"version": "1.0.0"}))
    asked = {"comm_id": "c1", "data": {"method": "request_states"}}
    channel.send(session.msg("comm_msg", asked))
    answer = {"msg_type": ""}
    while answer["msg_type"] != "comm_msg":
        answer = kernel.client.get_iopub_msg(timeout=GUARD)
    assert answer["content"]["data"] == {
        "method": "update_states",
        "states": {},
        "buffer_paths": [],
    }
