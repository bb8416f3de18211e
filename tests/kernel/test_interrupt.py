"""An interrupt ends the work in the container, in both modes, and the next cell works.

Programs, shells and users are those of ``test_interrupt_matrix``.
"""

from __future__ import annotations

import time

import pytest

#: The first signal has to do: nobody waits long enough for the next.
PATIENT = {"DEXEC_INTERRUPT_GRACE": "100000"}

PYTHON = r"""python3 - <<'END'
import subprocess, time
children = [subprocess.Popen(["sleep", "100000"]) for _ in range(3)]
print("started", flush=True)
time.sleep(100000)
END"""


@pytest.fixture
def own(lone_container, start_kernel):
    """A kernel in a container of its own, so that its processes can be counted."""

    def start(image, **settings):
        name = lone_container(image)
        return start_kernel(DEXEC_CONTAINER=name, **settings), name

    return start


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        ("message", "echo started; sleep 100000"),
        ("message", PYTHON),
        ("signal", "echo started; sleep 100000 | sleep 100000 | cat"),
    ],
    ids=["message, sleep", "message, python", "signal, pipeline"],
)
def test_the_processes_end_by_the_first_signal(own, gone, mode, code):
    kernel, name = own("dexec-demo/debian:1", **PATIENT)
    kernel.manager.kernel_spec.interrupt_mode = mode
    result = kernel.run(code, at=kernel.interrupt_at("started"))
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert result.record["state"] == "interrupted"
    assert result.record["exit_code"] == 130
    assert gone(name) == []
    assert kernel.run("echo next").text() == "next\n"


def test_queued_cells_are_aborted(kernel):
    first = kernel.send("sleep 100000")
    second = kernel.send("echo no")
    kernel.busy(first)
    kernel.interrupt()
    assert kernel.reply(first)["ename"] == "KeyboardInterrupt"
    assert kernel.reply(second)["status"] == "aborted"


@pytest.mark.parametrize("mode", ["message", "signal"])
def test_an_interrupt_while_nothing_runs_is_harmless(kernel, mode):
    kernel.manager.kernel_spec.interrupt_mode = mode
    for _ in range(3):
        kernel.interrupt()
    if mode == "message":
        kernel.idles("interrupt_request", 3)
    kernel.turn()
    assert kernel.run("echo hi").text() == "hi\n"


@pytest.mark.parametrize("standby", ["0", "1"], ids=["a new exec", "a standby"])
def test_an_interrupt_at_the_very_beginning(own, gone, standby):
    kernel, name = own("dexec-demo/busybox:1", DEXEC_STANDBY=standby)
    for delay in (0, 0.01, 0.02, 0.03, 0.05, 0.08):
        request = kernel.send("sleep 100000")
        kernel.busy(request)
        time.sleep(delay)  # Some moment or other of the start; each must do.
        kernel.interrupt()
        assert kernel.collect(request).reply["ename"] == "KeyboardInterrupt", delay
        assert gone(name) == [], delay


#: A library whose import takes until the test lets it go on.
SLOW_LIBRARY = """
import os, sys, time
while not os.path.exists(os.environ["GO_ON"]):
    time.sleep(0.02)
sys.path.remove(os.path.dirname(__file__))
del sys.modules["h11"]
import h11
"""


def test_an_interrupt_while_the_kernel_still_imports(start_kernel, busybox, tmp_path):
    (tmp_path / "library").mkdir()
    (tmp_path / "library/h11.py").write_text(SLOW_LIBRARY)
    settings = {"PYTHONPATH": str(tmp_path / "library"), "GO_ON": str(tmp_path / "go-on")}
    kernel = start_kernel(DEXEC_CONTAINER=busybox, **settings)
    request = kernel.send("sleep 100000")
    kernel.busy(request)
    kernel.interrupt()
    kernel.idles("interrupt_request", 1)
    (tmp_path / "go-on").touch()
    assert kernel.collect(request).reply["ename"] == "KeyboardInterrupt"
    assert kernel.run("echo next").text() == "next\n"


def test_output_up_to_the_interrupt_is_kept(kernel):
    code = "n=0; while :; do n=$((n + 1)); echo $n; sleep 0.05; done"
    numbers = [int(word) for word in kernel.run(code, at=kernel.interrupt_at("5")).text().split()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 5


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

    result = kernel.run("sleep 100000", at=click)
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert gone(name) == []
    assert kernel.run("echo next").text() == "next\n"
