"""A killed kernel leaves no process; the guardian that ends them is not seen otherwise."""

from __future__ import annotations

import signal

import pytest

from devtools import containers, images
from tests.waiting import until


@pytest.fixture
def own(lone_container, start_kernel):
    """A kernel in a container of its own."""

    def start(image=images.BUSYBOX, **settings):
        name = lone_container(image)
        return start_kernel(DEXEC_CONTAINER=name, **settings), name

    return start


def wait_for_guardian(kernel, commands, name):
    """Wait until there is a guardian, and it is told of the cell."""
    until(lambda: any("dexec-guardian" in command for command in commands(name)))
    # The engine has accepted the connection, and the kernel writes as soon as it hears of that.
    kernel.turn()


def kill(kernel):
    kernel.manager.signal_kernel(signal.SIGKILL)
    until(lambda: not kernel.manager.is_alive())


@pytest.mark.parametrize("image", [images.BUSYBOX, images.DEBIAN])
@pytest.mark.parametrize(
    "code",
    [
        "sleep 100000",
        "sleep 100000 & sleep 99000",
        "%%exec -u student\ntrap '' TERM; sleep 98000; sleep 97000",
    ],
    ids=["plain", "two", "student"],
)
def test_a_killed_kernel_ends_its_cell(own, commands, gone, image, code):
    kernel, name = own(image)
    kernel.send(code)
    wait_for_guardian(kernel, commands, name)
    kill(kernel)
    assert gone(name) == []


def test_the_list_of_processes_counts_ours(own, commands):
    kernel, name = own()
    kernel.run("sleep 100000 &")
    wait_for_guardian(kernel, commands, name)
    [shown] = kernel.run("%ps").of("display_data")
    *rows, note = shown["data"]["text/plain"].splitlines()
    assert any("sleep 100000" in row for row in rows)
    assert not any("DEXEC" in row or "dexec-guardian" in row for row in rows)
    assert "1 guardian" in note
    [shown] = kernel.run("%ps -a").of("display_data")
    assert 'eval "$DEXEC_SCRIPT" dexec-guardian' in shown["data"]["text/plain"]


@pytest.mark.parametrize("image", [images.BUSYBOX, images.DEBIAN])
@pytest.mark.parametrize("options", ["", "%%exec -u student\n", "%%exec -t\n"])
def test_it_sees_that_a_cell_waits_for_input(own, host, image, options):
    """Otherwise each look would be an exec, as often as once a second while a cell is silent."""
    kernel, name = own(image)
    request = kernel.send(f"{options}while read a; do echo $a; done; echo end")
    kernel.asked(request)

    def is_asked_without_an_exec():
        before = containers.exec_events(host, name)
        kernel.client.input("word")
        kernel.asked(request)
        return containers.exec_events(host, name) == before

    until(is_asked_without_an_exec)
    kernel.client.input("\x04")
    assert (
        kernel.collect(request)
        .text()
        .endswith("word\nend\n" if not options.endswith("-t\n") else "end\r\n")
    )


def test_background_processes(own, commands, gone):
    kernel, name = own()
    assert kernel.run("sleep 100000 & echo on").text() == "on\n"
    wait_for_guardian(kernel, commands, name)
    kill(kernel)
    assert gone(name) == []


def test_background_processes_that_stay(own, commands):
    kernel, name = own(DEXEC_KEEP_BACKGROUND="1")
    assert kernel.run("sleep 100000 & echo on").text() == "on\n"
    kill(kernel)
    until(lambda: not any("dexec-guardian" in command for command in commands(name)))
    until(lambda: "sleep 100000" in commands(name))


def test_cells_leave_none_behind(own, commands, gone):
    kernel, name = own()
    kernel.run("echo hi")
    assert gone(name) == []
    request = kernel.send("sleep 100000")
    wait_for_guardian(kernel, commands, name)
    kernel.interrupt()
    assert kernel.collect(request).reply["ename"] == "KeyboardInterrupt"
    assert gone(name) == []
