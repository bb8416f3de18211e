"""The live bars, as a front end gets and uses them: of a cell, of the kernel, and the chooser."""

from __future__ import annotations

import os
import re
import signal
from functools import partial
from typing import Any

import pytest

from devtools import containers
from tests.kernel.widgets import WIDGET, Widgets
from tests.waiting import GUARD, until


@pytest.fixture
def widgets(kernel) -> Widgets:
    return Widgets(kernel)


# --- the bar of a cell ----------------------------------------------------------------------------


def test_kill_ends_a_cell_that_heeds_no_other_signal(kernel, widgets, gone, busybox):
    cell = kernel.send("trap '' INT TERM; echo deaf; while :; do sleep 1; done")
    widgets.until(lambda: "deaf" in output(widgets))
    widgets.click("Kill")
    result = kernel.collect(cell, at=widgets.take)
    assert result.reply["evalue"] == "killed (SIGKILL)"
    record = widgets.record()
    assert (record["state"], record["exit_code"]) == ("interrupted", 137)
    assert gone(busybox) == []
    assert widgets.comms() == set()


def test_a_background_process_can_be_killed(kernel, widgets, gone, busybox):
    kernel.run("(trap '' INT TERM; echo on; while :; do sleep 1; done) &", at=widgets.take)
    widgets.until(lambda: "in the background" in widgets.html())
    widgets.click("Kill")
    widgets.until(lambda: not widgets.states)
    assert gone(busybox) == []


def ask_for_all(kernel) -> None:
    """Ask for all widgets, as a page does that is loaded again."""
    session, channel = kernel.client.session, kernel.client.shell_channel
    opened = {"comm_id": "again", "target_name": "jupyter.widget.control", "data": {}}
    channel.send(session.msg("comm_open", opened, metadata={"version": "1.0.0"}))
    asked = {"comm_id": "again", "data": {"method": "request_states"}}
    channel.send(session.msg("comm_msg", asked))


def test_a_front_end_that_came_anew_is_left_a_bar_without_buttons(kernel, widgets, gate, busybox):
    """It takes no update of a display that another page has begun."""
    held = gate(busybox)
    cell = kernel.send(f"{held.wait}; exit 3")
    widgets.until(lambda: widgets.buttons("Kill"))
    ask_for_all(kernel)

    def told():
        data = [message["content"].get("data", {}) for message in widgets.messages]
        return [one["states"] for one in data if one.get("method") == "update_states"]

    widgets.until(told)
    assert set(told()[0]) == set(widgets.states)
    # A page that has waited for that in vain asks for the comms, then for each state.
    assert set(widgets.states) <= widgets.comms()
    [key] = widgets.of("HTMLModel")
    asked = kernel.client.session.msg(
        "comm_msg", {"comm_id": key, "data": {"method": "request_state"}}
    )
    kernel.client.shell_channel.send(asked)

    def state():
        found = [one for one in widgets.messages if one["msg_type"] == "comm_msg"]
        return [one for one in found if one["parent_header"]["msg_id"] == asked["msg_id"]]

    widgets.until(state)
    assert state()[0]["content"]["data"]["method"] == "update"
    closed = kernel.client.session.msg("comm_close", {"comm_id": "again", "data": {}})
    kernel.client.shell_channel.send(closed)
    held.open()
    kernel.collect(cell, at=widgets.take)
    assert widgets.record()["exit_code"] == 3
    assert "exit code 3" in widgets.html()
    [text] = widgets.of("HTMLModel")
    assert widgets.only("HBoxModel")["children"] == [f"IPY_MODEL_{text}"]
    assert widgets.of("ButtonModel") == {}
    # The kernel keeps none of them.
    assert widgets.comms() == set()


@pytest.mark.parametrize("prompt", ["Name", "Password"])
def test_a_line_that_is_typed_into_the_bar(kernel, widgets, prompt):
    cell = kernel.send(f"printf '{prompt}: '; read a; echo \"got [$a]\"; sleep 0.3; exit 3")
    widgets.draw()
    field = "PasswordModel" if prompt == "Password" else "TextModel"
    widgets.until(lambda: widgets.of(field))
    widgets.until(lambda: widgets.only(field)["placeholder"] == f"{prompt}:")
    widgets.type_line("Ada L")
    kernel.collect(cell, at=widgets.take)
    assert output(widgets) == f"{prompt}: got [Ada L]\n"
    assert widgets.comms() == set()
    # The front end was not asked as well.
    cell = kernel.send("read a")
    assert kernel.client.get_stdin_msg(timeout=GUARD)["parent_header"]["msg_id"] == cell
    kernel.client.input("")
    kernel.collect(cell, at=widgets.take)


def test_a_box_that_is_left_open_is_told_until_it_is_answered(kernel, widgets):
    """JupyterLab runs no other cell before, and no message of the protocol closes its box."""
    note = "press Enter in the input box"
    cell = kernel.send("read a; echo never")
    kernel.asked(cell)
    assert widgets.of("TextModel") == {}
    widgets.click("Interrupt")
    kernel.collect(cell, at=widgets.take)
    assert note in last_bar(widgets)
    kernel.client.input("")
    widgets.until(lambda: note not in last_bar(widgets))
    assert "interrupted" in last_bar(widgets)
    # Whoever interrupts in the front end has closed its box.
    cell = kernel.send("read a; echo never")
    kernel.asked(cell)
    kernel.interrupt()
    kernel.collect(cell, at=widgets.take)
    assert note not in last_bar(widgets)


def last_bar(widgets: Widgets) -> str:
    kinds = ("display_data", "update_display_data")
    shown = [m["content"]["data"] for m in widgets.messages if m["msg_type"] in kinds]
    return str(shown[-1].get("text/html", ""))


def test_lines_before_any_question_where_the_cell_is_interactive(start_kernel, noshell):
    kernel = start_kernel(DEXEC_CONTAINER=noshell)
    widgets = Widgets(kernel)
    cell = kernel.send("%%exec -i\ncat")
    widgets.draw()
    widgets.until(lambda: widgets.of("TextModel"))
    for line, shown in (("one", "one\n"), ("two", "two\n"), ("", "two\n\n")):
        widgets.type_line(line)
        widgets.until(partial(ends, widgets, shown))
    widgets.click("EOF")
    kernel.collect(cell, at=widgets.take)
    assert output(widgets) == "one\ntwo\n\n"


def ends(widgets: Widgets, text: str) -> bool:
    return output(widgets).endswith(text)


def output(widgets: Widgets) -> str:
    parts = [m["content"]["text"] for m in widgets.messages if m["msg_type"] == "stream"]
    return "".join(parts)


def test_the_bar_says_how_long_the_same_cell_took(kernel, widgets):
    kernel.run("sleep 1.2", at=widgets.take)
    assert "last time" not in str(widgets.messages)
    kernel.run("sleep 1.2", at=widgets.take)
    assert re.search(r"\d+ s \(about [\d.]+ .{1,5} last time\)", str(widgets.messages))
    widgets.messages.clear()
    kernel.run("sleep 1.2 # another", at=widgets.take)
    assert "last time" not in str(widgets.messages)


def test_the_pid_in_the_container(kernel, widgets, gate, busybox):
    held = gate(busybox)
    cell = kernel.send(f"echo inside $$; {held.wait}")
    widgets.until(lambda: "in the container)" in widgets.html())
    held.open()
    kernel.collect(cell, at=widgets.take)
    inner = int(output(widgets).split()[1])
    pid = widgets.record()["pid"]
    assert f"PID {pid} ({inner} in the container)" in str(widgets.messages)


def test_many_cells_leave_no_models(kernel, widgets):
    for _ in range(12):
        kernel.run("sleep 0.18", at=widgets.take)
    opened = [message for message in widgets.messages if message["msg_type"] == "comm_open"]
    assert len(opened) >= 5 * 12
    assert widgets.states == {}
    assert widgets.comms() == set()


# --- the bar of the kernel ------------------------------------------------------------------------


def test_the_bar_of_the_kernel_follows_every_cell(kernel, widgets, busybox, gate):
    result = kernel.run("%status", at=widgets.take)
    [shown] = [c["data"] for c in result.of("display_data")]
    assert WIDGET in shown
    assert shown["text/plain"].startswith("engine ")
    assert "idle" in widgets.html()
    assert widgets.chosen() == busybox

    held = gate(busybox)
    cell = kernel.send(f"cd /tmp; {held.wait}; exit 3")
    widgets.until(lambda: "running" in widgets.html())
    held.open()
    kernel.collect(cell, at=widgets.take)
    pid = widgets.record()["pid"]
    widgets.until(lambda: "exit code 3" in widgets.html())
    assert f"PID {pid}" in widgets.html()
    widgets.until(lambda: "in /tmp" in widgets.html())


def test_the_container_is_changed_in_the_bar(kernel, widgets, busybox, debian):
    kernel.run("%status", at=widgets.take)
    widgets.choose(debian)
    assert kernel.run("true", at=widgets.take).record["container"] == debian
    kernel.run(f"%container {busybox}", at=widgets.take)
    widgets.until(lambda: widgets.chosen() == busybox)


def test_the_list_follows_the_engine(kernel, widgets, run_container, host):
    kernel.run("%status", at=widgets.take)
    name = run_container()
    widgets.until(lambda: name in widgets.only("DropdownModel")["_options_labels"])
    containers.remove_container(host, name)
    widgets.until(lambda: name not in widgets.only("DropdownModel")["_options_labels"])


def test_there_is_one_bar_however_often_it_is_shown(kernel, widgets):
    kernel.run("%status", at=widgets.take)
    first = widgets.comms()
    shown = kernel.run("%status", at=widgets.take).of("display_data")[0]["data"]
    assert shown[WIDGET]["model_id"] in first
    assert widgets.comms() == first


def test_interrupt_in_the_bar_of_the_kernel(kernel, widgets):
    kernel.run("%status", at=widgets.take)
    cell = kernel.send("sleep 60000", allow_stdin=False)
    widgets.until(lambda: "running" in widgets.html())
    widgets.click("Interrupt")
    assert kernel.collect(cell, at=widgets.take).reply["ename"] == "KeyboardInterrupt"


def test_restart_asks_first(start_kernel, run_container, host):
    name = run_container()
    kernel = start_kernel(DEXEC_CONTAINER=name)
    widgets = Widgets(kernel)
    kernel.run("%status", at=widgets.take)
    before = containers.inspect(host, name)["State"]["StartedAt"]
    widgets.click("Restart container")
    widgets.click("Cancel")
    widgets.click("Restart container")
    widgets.until(lambda: f"Restart {name}" in str(widgets.of("ButtonModel")))
    assert containers.inspect(host, name)["State"]["StartedAt"] == before
    widgets.click(f"Restart {name}")
    widgets.until(lambda: "was restarted" in widgets.html())
    assert containers.inspect(host, name)["State"]["StartedAt"] > before
    assert kernel.run("echo again", at=widgets.take).text() == "again\n"


def test_the_bar_goes_with_the_kernel(start_kernel, busybox):
    """The kernel ends after the front end has handled the bar's last state."""
    kernel = start_kernel(DEXEC_CONTAINER=busybox)
    widgets = Widgets(kernel)
    kernel.run("%status", at=widgets.take)
    assert widgets.states
    kernel.client.shutdown()
    widgets.until(lambda: asked_for_receipt(widgets))
    [request] = asked_for_receipt(widgets)
    assert set(widgets.states) == {request["comm_id"]}
    updates = [m for m in widgets.messages if m["msg_type"] == "update_display_data"]
    assert "kernel ended" in updates[-1]["content"]["data"]["text/html"]
    content = {"comm_id": request["comm_id"], "data": {}}
    kernel.client.shell_channel.send(kernel.client.session.msg("comm_close", content))
    until(lambda: not kernel.manager.is_alive())


def test_a_kernel_ends_whose_front_end_is_gone(start_kernel, busybox):
    kernel = start_kernel(DEXEC_CONTAINER=busybox)
    kernel.run("%status")
    kernel.client.shutdown()
    until(lambda: not kernel.manager.is_alive())


def test_a_restart_waits_for_no_front_end(start_kernel, busybox):
    kernel = start_kernel(DEXEC_CONTAINER=busybox)
    widgets = Widgets(kernel)
    kernel.run("%status", at=widgets.take)
    kernel.client.shutdown(restart=True)
    widgets.until(lambda: not widgets.states)
    until(lambda: not kernel.manager.is_alive())
    assert asked_for_receipt(widgets) == []


def asked_for_receipt(widgets: Widgets) -> list[dict[str, Any]]:
    opened = [m["content"] for m in widgets.messages if m["msg_type"] == "comm_open"]
    return [content for content in opened if content["target_name"] == "dexec.receipt"]


@pytest.mark.parametrize("how", ["program", "setting"])
def test_where_nobody_can_use_a_bar_there_is_a_line(start_kernel, busybox, how):
    bar = "live" if how == "program" else "static"
    kernel = start_kernel(DEXEC_CONTAINER=busybox, DEXEC_STATUS_BAR=bar)
    result = kernel.run("%status", allow_stdin=how == "setting")
    assert result.of("comm_open") == []
    [shown] = [content["data"] for content in result.of("display_data")]
    assert f"container {busybox} (running)" in shown["text/plain"]


# --- the chooser ----------------------------------------------------------------------------------


def test_a_choice_runs_the_cell_that_had_no_container_once(start_kernel, busybox, debian):
    kernel = start_kernel()
    widgets = Widgets(kernel)
    request = kernel.send("%timeout 900\n%env A=1\necho hi $A; read -r line; echo $line")
    result = kernel.collect(request, at=widgets.take)
    assert result.reply["ename"] == "NotChosenError"
    assert f"%container {debian}" in "\n".join(result.reply["traceback"])
    [error] = result.of("error")
    assert len(error["traceback"]) == 1
    [choice] = [output for output in result.outputs if WIDGET in output.get("data", {})]
    assert f"%container {debian}" in choice["data"]["text/plain"]

    widgets.choose(debian)
    widgets.until(lambda: [m for m in widgets.messages if m["msg_type"] == "clear_output"])
    # It is that cell in all respects: its question is the cell's, and the next cell waits.
    assert kernel.asked(request)
    later = kernel.send("echo later")
    kernel.client.input("a line")
    after = kernel.later(request, lambda found: found and idles(found[-1]))
    printed = [m["content"]["text"] for m in after if m["msg_type"] == "stream"]
    assert "".join(printed) == "hi 1\na line\n"
    assert kernel.collect(later, at=widgets.take).text() == "later\n"
    kinds = [m["msg_type"] for m in widgets.messages if m["parent_header"]["msg_id"] == request]
    assert kinds.count("clear_output") == 1
    [update] = [
        m["content"]["data"]["text/plain"]
        for m in widgets.messages
        if m["msg_type"] == "update_display_data" and "Cells run" in str(m["content"])
    ]
    assert update == f"Cells run in {debian} from here on."
    assert widgets.comms() == set()


def idles(message: dict[str, Any]) -> bool:
    return message["content"].get("execution_state") == "idle"


def test_an_interrupt_ends_a_cell_that_is_run_again_and_the_one_behind_it(
    start_kernel, busybox, debian
):
    kernel = start_kernel()
    widgets = Widgets(kernel)
    request = kernel.send("echo begun; sleep 1000")
    kernel.collect(request, at=widgets.take)
    widgets.choose(debian)
    kernel.later(request, lambda found: found and found[-1]["msg_type"] == "stream")
    behind = kernel.send("echo behind")
    kernel.turn()
    kernel.manager.interrupt_kernel()
    after = kernel.later(request, lambda found: found and idles(found[-1]))
    [error] = [m["content"] for m in after if m["msg_type"] == "error"]
    assert error["ename"] == "KeyboardInterrupt"
    # To its idle: ipykernel aborts what is sent between the reply of a failed cell and that.
    assert kernel.collect(behind).reply["status"] == "error"
    assert kernel.run("echo hi").text() == "hi\n"


def test_the_magic_runs_the_cell_that_had_no_container_before_it(start_kernel, busybox, debian):
    kernel = start_kernel()
    assert kernel.run("%timeout\necho hi; exit 3").reply["ename"] == "NotChosenError"
    result = kernel.run(f"%container {debian}")
    assert (result.reply["evalue"], result.text()) == ("exit code 3", "hi\n")
    shown = [o["data"]["text/plain"] for o in result.outputs if o["kind"] == "display_data"]
    assert "Cell [1] had no container. It runs here: %timeout" in shown
    assert len(shown) == 3, "the cell's magics are not run again"
    # Once, and no other cell than the last.
    assert kernel.run(f"%container {debian}").text() == ""


@pytest.mark.parametrize(
    ("between", "choosing"),
    [
        ("%timeout", "%container {0}"),
        (None, "%container {0}\necho mine"),
        (None, "%container {0}\n%timeout"),
        (None, "%container"),
    ],
)
def test_the_magic_runs_nothing_where_it_may_not_be_meant(
    between, choosing, start_kernel, busybox, debian
):
    kernel = start_kernel()
    kernel.run("echo hi")
    if between is not None:
        kernel.run(between)
    assert kernel.run(choosing.format(debian)).text() in {"", "mine\n"}


def test_the_magic_runs_nothing_where_more_cells_wait_or_nobody_looks(
    start_kernel, busybox, debian
):
    kernel = start_kernel()
    kernel.run("echo hi", allow_stdin=False)
    assert kernel.run(f"%container {debian}").text() == ""
    kernel.run("%container nowhere")
    kernel = start_kernel()
    kernel.run("echo hi")
    # Both are there when the kernel looks for the next one.
    pid = kernel.manager.provisioner.pid
    os.kill(pid, signal.SIGSTOP)
    first, second = kernel.send(f"%container {debian}"), kernel.send("echo hi")
    os.kill(pid, signal.SIGCONT)
    texts = [kernel.collect(request).text() for request in (first, second)]
    assert texts == ["", "hi\n"], "Run All runs no cell twice"


def test_a_container_that_is_gone_offers_a_choice_once(start_kernel, busybox):
    kernel = start_kernel(DEXEC_CONTAINER="gone")
    widgets = Widgets(kernel)
    for _ in range(3):
        assert kernel.run("true", at=widgets.take).reply["ename"] == "ContainerNotFound"
        assert len(widgets.of("DropdownModel")) == 1
    kernel.run(f"%container {busybox}", at=widgets.take)
    widgets.until(lambda: not widgets.states)


@pytest.mark.parametrize(
    ("cell", "options"),
    [
        ("echo hi", {"allow_stdin": False}),
        ("echo hi", {"silent": True}),
        ("%%exec -c gone\necho hi", {}),
        ("%logs --since x", {}),
    ],
)
def test_no_choice_where_it_is_of_no_use(start_kernel, cell, options):
    result = start_kernel(DEXEC_CONTAINER="gone").run(cell, **options)
    assert result.reply["status"] == "error"
    assert result.of("comm_open") == []
