"""The next exec waits in the container; its cell runs in it, and in no other."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest

from devtools import containers, images, processes
from tests.kernel.conftest import STANDBY
from tests.kernel.widgets import Widgets
from tests.waiting import until


@pytest.fixture
def standbys(host):
    """List the PIDs of a container's standbys."""

    def look(container):
        listing = processes.of_container(containers.inspect(host, container)["Id"])
        return [process.pid for process in listing if process.name == STANDBY]

    return look


@pytest.fixture
def waiting(standbys):
    """List the PIDs of a container's standbys, as soon as there are ``count`` of them."""

    def look(container, count=1):
        found = []

        def are_there():
            found[:] = standbys(container)
            return len(found) == count

        until(are_there)
        return found

    return look


@pytest.fixture
def own(lone_container, start_kernel):
    """Start a kernel in a container of its own."""

    def start(image=images.BUSYBOX, **settings):
        name = lone_container(image)
        return start_kernel(DEXEC_CONTAINER=name, **settings), name

    return start


@pytest.mark.parametrize("image", [images.BUSYBOX, images.DEBIAN])
def test_a_cell_runs_in_the_process_that_waited_for_it(own, waiting, image):
    kernel, name = own(image)
    [first] = waiting(name)
    result = kernel.run("echo hi; exit 3")
    assert result.text() == "hi\n"
    assert (result.record["pid"], result.record["exit_code"]) == (first, 3)
    [second] = waiting(name)
    assert second != first
    assert kernel.run("echo hi").record["pid"] == second


@pytest.mark.parametrize("image", [images.BUSYBOX, images.DEBIAN])
def test_the_session_goes_on_from_standby_to_standby(own, waiting, image):
    kernel, name = own(image)
    waiting(name)
    kernel.run("A=1; export B='2 3'; cd /tmp; alias say=echo; umask 077")
    waiting(name)
    assert kernel.run('say "$A$B"; pwd; umask').text() == "12 3\n/tmp\n0077\n"
    waiting(name)
    assert kernel.run("unset A B; echo $A$B").text() == "\n"
    waiting(name)
    assert kernel.run("echo ${A-gone}; cd - ; false").text() == "gone\n/\n"


@pytest.mark.parametrize("image", [images.BUSYBOX, images.DEBIAN])
def test_queued_cells_run_in_order_each_once_and_with_the_state_of_the_one_before(own, image):
    kernel, _ = own(image)
    count = 20
    requests = [kernel.send(f"N=$((N + 1)); cd /tmp; echo {i} $N") for i in range(count)]
    texts = [kernel.collect(request).text() for request in requests]
    assert texts == [f"{i} {i + 1}\n" for i in range(count)]


def test_queued_cells_that_take_something_away(own):
    kernel, _ = own(images.DEBIAN)
    sources = ["A=1; f() { :; }", "echo $A", "unset A; unset -f f", "echo ${A-gone}; type -t f"]
    requests = [kernel.send(source + "; true") for source in sources * 3]
    texts = [kernel.collect(request).text() for request in requests]
    assert texts == ["", "1\n", "", "gone\n"] * 3


def test_output_input_and_interrupt_are_as_in_any_cell(own, waiting, gone):
    kernel, name = own(images.DEBIAN)
    waiting(name)
    result = kernel.run("seq 1 200000 | md5sum; seq 1 3 >&2")
    assert result.text("stderr") == "1\n2\n3\n"
    waiting(name)
    code = "trap '' TERM; echo started; sleep 100000"
    result = kernel.run(code, at=kernel.interrupt_at("started"))
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert gone(name) == []
    assert kernel.run("echo after").text() == "after\n"
    waiting(name)
    assert kernel.run("%%exec -- cat -n\none\ntwo\n").text().split() == ["1", "one", "2", "two"]


def test_one_that_is_killed_is_not_missed(own, waiting):
    kernel, name = own()
    [pid] = waiting(name)
    os.kill(pid, signal.SIGKILL)
    assert kernel.run("echo hi").text() == "hi\n"
    until(lambda: pid not in waiting(name))


def test_a_restarted_container(own, waiting, host):
    kernel, name = own()
    [before] = waiting(name)
    containers.restart(host, name)
    result = kernel.run("echo hi")
    assert (result.text(), result.record["exit_code"]) == ("hi\n", 0)
    assert result.record["pid"] != before
    assert len(waiting(name)) == 1


def test_a_paused_container_runs_nothing_until_it_goes_on(own, waiting, host):
    kernel, name = own()
    waiting(name)
    containers.pause(host, name)
    assert kernel.run("echo hi >/proc/1/fd/1").reply["ename"] == "ContainerPaused"
    containers.unpause(host, name)
    assert kernel.run("echo hi").text() == "hi\n"


def test_a_container_that_took_the_name_of_another(own, waiting, host, run_container):
    kernel, name = own()
    waiting(name)
    containers.remove_container(host, name)
    run_container(images.BUSYBOX, name)
    assert kernel.run("echo hi").text() == "hi\n"
    assert len(waiting(name)) == 1


def test_the_end_of_a_kernel_leaves_none(own, waiting):
    kernel, name = own()
    waiting(name)
    kernel.client.shutdown()
    assert waiting(name, 0) == []


def test_a_kernel_that_is_killed_leaves_none(own, waiting):
    kernel, name = own()
    waiting(name)
    kernel.manager.shutdown_kernel(now=True)
    assert waiting(name, 0) == []


def test_another_container_and_a_reset_leave_none(own, waiting, run_container):
    kernel, name = own()
    other = run_container(images.BUSYBOX)
    kernel.run("A=1")
    [before] = waiting(name)
    kernel.run(f"%container {other}")
    assert waiting(name, 0) == []
    assert len(waiting(other)) == 1
    kernel.run(f"%container {name}\necho $A")
    assert waiting(other, 0) == []
    waiting(name)
    kernel.run("%reset")
    until(lambda: before not in waiting(name))
    assert kernel.run("echo ${A-gone}").text() == "gone\n"


def test_a_setting_turns_them_off(own, standbys):
    kernel, name = own(DEXEC_STANDBY="0")
    for _ in range(3):
        assert kernel.run("echo hi").text() == "hi\n"
        assert standbys(name) == []


def test_they_are_let_go_when_nobody_works(start_kernel, run_container, host):
    # Its events are those of this kernel alone.
    name = run_container(images.DEBIAN)
    kernel = start_kernel(DEXEC_CONTAINER=name, DEXEC_STANDBY_TIMEOUT="0.5")

    def ended():
        return containers.exec_events(host, name).count("exec_die")

    # Before the first cell, and after each.
    until(lambda: ended() == 1)
    for count in (3, 5):
        assert kernel.run("echo hi").text() == "hi\n"
        until(lambda: ended() == count)  # noqa: B023 -- called at once


def test_it_sleeps_while_it_waits(own, waiting):
    _, name = own()
    [pid] = waiting(name)

    def wakes():
        status = Path(f"/proc/{pid}/status").read_text()
        return re.findall(r"ctxt_switches:\t(\d+)", status)

    def sleeps():
        before = wakes()
        time.sleep(1)
        return wakes() == before

    # It has a little to do until it waits; one that looked again and again would never sleep.
    until(sleeps)


def test_each_cell_is_one_exec(own, waiting, host):
    kernel, name = own()
    waiting(name)
    records = []
    for _ in range(3):
        records.append(kernel.run("echo hi").record)
        waiting(name)
    assert len({record["exec_id"] for record in records}) == 3
    assert len({record["pid"] for record in records}) == 3


def test_the_chooser_leaves_none_behind(own, waiting, run_container):
    kernel, name = own()
    widgets = Widgets(kernel)
    other = run_container(images.BUSYBOX)
    waiting(name)
    kernel.run("%status", at=widgets.take)
    widgets.choose(other)
    assert waiting(name, 0) == []
    assert len(waiting(other)) == 1
    assert kernel.run("echo hi", at=widgets.take).record["container"] == other
