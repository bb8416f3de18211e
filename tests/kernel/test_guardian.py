"""A kernel that is killed leaves nothing behind, and nobody sees what sees to that otherwise."""

from __future__ import annotations

import signal
import time

import pytest

from devtools import images


@pytest.fixture
def own(start_kernel, run_container):
    """A kernel in a container of its own."""

    def start(image=images.BUSYBOX, **settings):
        name = run_container(image)
        return start_kernel(DEXEC_CONTAINER=name, **settings), name

    return start


def wait_for_guardian(commands, name):
    deadline = time.monotonic() + 5
    while not any("dexec-guardian" in command for command in commands(name)):
        assert time.monotonic() < deadline, commands(name)
        time.sleep(0.05)
    time.sleep(0.1)  # It is told of the cell.


def left_after_kill(kernel, commands, name):
    kernel.manager.signal_kernel(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while (left := commands(name)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


@pytest.mark.parametrize("image", [images.BUSYBOX, images.DEBIAN])
@pytest.mark.parametrize(
    "code",
    [
        "sleep 100",
        "sleep 100 & sleep 99",
        "%%exec -u student\ntrap '' TERM; sleep 98; sleep 97",
    ],
    ids=["plain", "two", "student"],
)
def test_a_killed_kernel_ends_its_cell(own, commands, image, code):
    kernel, name = own(image)
    kernel.send(code)
    wait_for_guardian(commands, name)
    assert left_after_kill(kernel, commands, name) == []


@pytest.mark.parametrize("keep", [False, True])
def test_background_processes(own, commands, keep):
    kernel, name = own(DEXEC_KEEP_BACKGROUND=str(keep))
    assert kernel.run("sleep 100 & echo on").text() == "on\n"
    if keep:
        time.sleep(1.5)
        left = left_after_kill(kernel, commands, name)
        assert any("sleep 100" in command for command in left)
        assert not any("dexec-guardian" in command for command in left)
    else:
        wait_for_guardian(commands, name)
        assert left_after_kill(kernel, commands, name) == []


def test_short_cells_have_no_guardian_and_long_ones_leave_none(own, commands, gone):
    kernel, name = own()
    kernel.run("echo hi")
    assert commands(name) == []
    time.sleep(1.2)
    assert commands(name) == []
    assert kernel.run("sleep 1.5; echo done").text() == "done\n"
    assert gone(name) == []
    request = kernel.send("sleep 100")
    wait_for_guardian(commands, name)
    kernel.interrupt()
    assert kernel.collect(request).reply["ename"] == "KeyboardInterrupt"
    assert gone(name) == []
