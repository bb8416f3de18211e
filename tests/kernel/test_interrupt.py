"""An interrupt ends the work in the container, in both modes, and the next cell works."""

from __future__ import annotations

import time

import pytest

PYTHON = r"""python3 - <<'END'
import subprocess, time
children = [subprocess.Popen(["sleep", "100"]) for _ in range(3)]
print("started", flush=True)
time.sleep(100)
END"""


@pytest.fixture
def own(start_kernel, run_container):
    """A kernel in a container of its own, so that its processes can be counted."""

    def start(image, **settings):
        name = run_container(image)
        return start_kernel(DEXEC_CONTAINER=name, **settings), name

    return start


@pytest.mark.parametrize("mode", ["message", "signal"])
@pytest.mark.parametrize(
    "code",
    [
        "echo started; sleep 100",
        "echo started; while :; do sleep 0.2; done",
        "echo started; while :; do :; done",
        "echo started; sleep 100 | sleep 100 | cat",
        PYTHON,
    ],
    ids=["sleep", "loop", "busy", "pipeline", "python"],
)
def test_the_processes_end_and_the_reply_comes_within_a_second(own, gone, mode, code):
    kernel, name = own("dexec-demo/debian:1")
    kernel.manager.kernel_spec.interrupt_mode = mode
    moments = []

    def interrupt(message):
        if message["msg_type"] == "stream" and not moments:
            moments.append(time.monotonic())
            kernel.interrupt()

    result = kernel.run(code, at=interrupt)
    assert time.monotonic() - moments[0] < 1
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert result.record["state"] == "interrupted"
    assert gone(name) == []
    assert kernel.run("echo next").text() == "next\n"


def test_a_cell_that_ignores_sigint_ends_by_sigterm_and_then_sigkill(own, gone):
    kernel, name = own("dexec-demo/busybox:1", DEXEC_INTERRUPT_GRACE="0.3")
    code = "trap '' INT{more}; echo started; while :; do sleep 0.1; done"

    def interrupt(message):
        if message["msg_type"] == "stream":
            kernel.interrupt()

    assert "SIGTERM" in kernel.run(code.format(more=""), at=interrupt).reply["evalue"]
    assert "SIGKILL" in kernel.run(code.format(more=" TERM"), at=interrupt).reply["evalue"]
    assert gone(name) == []


def test_a_second_interrupt_goes_on_to_the_next_signal(own, gone):
    kernel, name = own("dexec-demo/busybox:1", DEXEC_INTERRUPT_GRACE="20")
    moments = []

    def interrupt(message):
        if message["msg_type"] == "stream":
            moments.append(time.monotonic())
            kernel.interrupt()
            time.sleep(0.5)
            kernel.interrupt()

    result = kernel.run("trap '' INT; echo started; while :; do sleep 0.1; done", at=interrupt)
    assert time.monotonic() - moments[0] < 5
    assert "SIGTERM" in result.reply["evalue"]
    assert gone(name) == []


def test_queued_cells_are_aborted(kernel):
    first = kernel.send("sleep 100")
    second = kernel.send("echo no")
    time.sleep(0.3)
    kernel.interrupt()
    assert kernel.reply(first)["ename"] == "KeyboardInterrupt"
    assert kernel.reply(second)["status"] == "aborted"


@pytest.mark.parametrize("mode", ["message", "signal"])
def test_an_interrupt_while_nothing_runs_is_harmless(kernel, mode):
    kernel.manager.kernel_spec.interrupt_mode = mode
    for _ in range(3):
        kernel.interrupt()
    time.sleep(0.2)
    assert kernel.run("echo hi").text() == "hi\n"


@pytest.mark.parametrize("delay", [0, 0.01, 0.02, 0.03, 0.05, 0.08])
def test_an_interrupt_at_the_very_beginning(own, gone, delay):
    kernel, name = own("dexec-demo/busybox:1")
    request = kernel.send("sleep 100")
    time.sleep(delay)
    kernel.interrupt()
    # One that comes before the cell has reached the kernel interrupts nothing.
    time.sleep(0.3)
    kernel.interrupt()
    assert kernel.collect(request, timeout=5).reply["ename"] == "KeyboardInterrupt"
    assert gone(name) == []


def test_output_up_to_the_interrupt_is_kept(kernel):
    def interrupt(message):
        if "5" in message["content"].get("text", ""):
            kernel.interrupt()

    code = "n=0; while :; do n=$((n + 1)); echo $n; sleep 0.05; done"
    numbers = [int(word) for word in kernel.run(code, at=interrupt).text().split()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 5


def test_a_command_in_an_image_without_a_shell(own, gone):
    kernel, name = own("dexec-demo/noshell:1")
    request = kernel.send("sleep 100")
    time.sleep(0.5)
    kernel.interrupt()
    result = kernel.collect(request, timeout=5)
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert gone(name) == []
    assert kernel.run("echo next").text() == "next\n"


def test_the_button_of_the_bar(own, gone):
    """A click as the front end sends it: a comm message to the button's model."""
    kernel, name = own("dexec-demo/busybox:1")
    buttons = []

    def click(message):
        content = message["content"]
        state = content.get("data", {}).get("state", {})
        if message["msg_type"] == "comm_open" and state.get("_model_name") == "ButtonModel":
            buttons.append(content["comm_id"])
        elif message["msg_type"] == "display_data":
            data = {"method": "custom", "content": {"event": "click"}}
            request = {"comm_id": buttons[0], "data": data}
            kernel.client.shell_channel.send(kernel.client.session.msg("comm_msg", request))

    result = kernel.run("sleep 100", at=click, timeout=5)
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert gone(name) == []
    assert kernel.run("echo next").text() == "next\n"
