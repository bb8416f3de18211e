"""Background processes keep nobody waiting, and end with the kernel."""

from __future__ import annotations

import pytest

from devtools import images
from tests.record import MIME_TYPE as RECORD
from tests.waiting import until


@pytest.fixture(params=[images.BUSYBOX, images.DEBIAN], ids=["busybox", "debian"])
def own(request, lone_container, start_kernel):
    name = lone_container(request.param)
    return start_kernel(DEXEC_CONTAINER=name, DEXEC_STATUS_BAR="static"), name


def later(kernel, result, *, until):
    """Collect the later messages of a cell that has ended, until ``until`` says so."""
    return kernel.later(result.messages[0]["parent_header"]["msg_id"], until)


def records(messages) -> list[dict]:
    return [
        message["content"]["data"][RECORD]
        for message in messages
        if RECORD in message["content"].get("data", {})
    ]


def test_the_reply_does_not_wait_and_the_output_goes_on(own, gate):
    kernel, name = own
    held = gate(name)
    result = kernel.run(f"({held.wait}; echo late; echo oops >&2) & echo soon")
    assert result.reply["status"] == "ok"
    assert result.text() == "soon\n"
    assert result.record["state"] == "background"
    assert result.record["exit_code"] is None
    assert result.record["pid"] > 0
    assert "live" in result.outputs[0]["data"]["text/plain"]
    held.open()
    rest = later(
        kernel, result, until=lambda found: any(r["exit_code"] == 0 for r in records(found))
    )
    text = {m["content"]["name"]: m["content"]["text"] for m in rest if m["msg_type"] == "stream"}
    assert text == {"stdout": "late\n", "stderr": "oops\n"}
    assert records(rest)[-1]["state"] == "exited"


def test_the_exit_code_is_the_foregrounds(own, gate):
    kernel, name = own
    held = gate(name)
    result = kernel.run(f"({held.wait}) & exit 3")
    assert result.reply["evalue"] == "exit code 3"
    held.open()
    rest = later(
        kernel, result, until=lambda found: any(r["exit_code"] == 3 for r in records(found))
    )
    assert records(rest)[-1]["state"] == "exited"


def test_no_other_cell_waits(own):
    kernel, _ = own
    for number in range(3):
        # They never end: a cell that waited for them would not either.
        kernel.run(f"sleep 100000 & echo {number}")
    assert kernel.run("echo hi").text() == "hi\n"


def test_state_carries_over_at_once(own):
    kernel, _ = own
    kernel.run("x=1; cd /proc; sleep 100000 & true")
    assert kernel.run("echo $x; pwd").text() == "1\n/proc\n"


def test_a_process_that_closes_its_output_is_no_background(own):
    kernel, _ = own
    result = kernel.run("sleep 100000 >/dev/null 2>&1 & echo done")
    assert result.record["state"] == "exited"


def test_they_end_with_the_kernel(own, gone):
    kernel, name = own
    kernel.run("sleep 100000 & sleep 101000 & echo")
    kernel.manager.shutdown_kernel()
    assert gone(name) == []


def test_they_stay_when_asked_to(start_kernel, run_container, commands):
    name = run_container()
    kernel = start_kernel(DEXEC_CONTAINER=name, DEXEC_KEEP_BACKGROUND="1")
    kernel.run("sleep 100000 & echo")
    kernel.manager.shutdown_kernel()
    until(lambda: "sleep 100000" in commands(name))


def test_an_interrupt_of_the_next_cell_leaves_them_alone(own, commands):
    kernel, name = own
    kernel.run("sleep 100000 & echo")
    result = kernel.run("echo on; sleep 50000", at=kernel.interrupt_at("on"))
    assert result.reply["ename"] == "KeyboardInterrupt"
    until(lambda: "sleep 100000" in commands(name))
    assert "sleep 50000" not in commands(name)


def test_the_button_stops_them(start_kernel, run_container, gone):
    name = run_container()
    kernel = start_kernel(DEXEC_CONTAINER=name)
    result = kernel.run("sleep 100000 & sleep 101000 & echo")
    [button] = [
        content["comm_id"]
        for content in result.of("comm_open")
        if content["data"]["state"].get("description") == "Interrupt"
    ]
    data = {"method": "custom", "content": {"event": "click"}}
    click = kernel.client.session.msg("comm_msg", {"comm_id": button, "data": data})
    kernel.client.shell_channel.send(click)
    rest = later(
        kernel, result, until=lambda found: any(r["exit_code"] is not None for r in records(found))
    )
    record = records(rest)[-1]
    assert (record["state"], record["exit_code"]) == ("stopped", 0)
    assert gone(name) == []
    assert kernel.run("echo next").text() == "next\n"


def test_state_goes_over_whole_beside_a_flood(own, gate):
    """Of a background process that prints to stderr while the shell hands over."""
    kernel, name = own
    held = gate(name)
    flood = "i=0; while [ $i -lt 4000 ]; do echo noise $i >&2; i=$((i + 1)); done"
    result = kernel.run(f'({flood}; {held.wait}) &\ncd /proc; x="a\'é\n$(seq 3000)"')
    assert result.record["state"] == "background"
    assert "damaged" not in result.outputs[0]["data"]["text/plain"]
    held.open()
    rest = later(
        kernel, result, until=lambda found: any(r["exit_code"] == 0 for r in records(found))
    )
    later_text = "".join(m["content"]["text"] for m in rest if m["msg_type"] == "stream")
    assert result.text("stderr") + later_text == "".join(f"noise {n}\n" for n in range(4000))
    shown = kernel.run("pwd; printf '%s' \"$x\" | head -n 2; printf '%s' \"$x\" | wc -l").text()
    assert shown == "/proc\na'é\n1\n3000\n"


def test_what_they_print_after_a_flood_is_seen_while_they_run(start_kernel, run_container, gate):
    name = run_container()
    kernel = start_kernel(
        DEXEC_CONTAINER=name, DEXEC_STATUS_BAR="static", DEXEC_OUTPUT_LIMIT="100000"
    )
    held = gate(name)
    # In few writes: one that lasts for many seconds leaves nothing of the limit.
    flood = "yes flood | head -n 40000"
    result = kernel.run(f"({held.wait}; {flood}; echo calm; exec sleep 100000) & echo soon")
    held.open()
    assert result.reply["status"] == "ok"
    rest = later(
        kernel,
        result,
        until=lambda found: any("calm\n" in m["content"].get("text", "") for m in found),
    )
    text = result.text() + "".join(m["content"].get("text", "") for m in rest)
    assert len(text) < 100_000
    assert "lines left out; the whole output is in" in text + result.text("stderr")
