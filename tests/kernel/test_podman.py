"""The same kernel with a Podman: where it differs from Docker, cells do not."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator

import pytest

from devtools import containers, images
from devtools.podman import PrivatePodman
from tests.gate import Gate
from tests.kernel.conftest import STANDBY, Kernel
from tests.kernel.labs import containers_of
from tests.kernel.submissions import claimed, hand_in, root_lab, solved
from tests.kernel.test_lab_grade import grade, states
from tests.waiting import GUARD, until

CONTAINER = "cells"


@pytest.fixture(scope="module")
def podman() -> Iterator[PrivatePodman]:
    with PrivatePodman() as engine:
        images.ensure_image(engine.host, images.BUSYBOX)
        containers.run_container(engine.host, images.BUSYBOX, CONTAINER)
        yield engine


@pytest.fixture
def start(start_kernel, podman) -> Callable[[], Kernel]:
    return lambda: start_kernel(
        engine=podman.host, DEXEC_CONTAINER=CONTAINER, DEXEC_STATUS_BAR="static"
    )


def listed(podman: PrivatePodman) -> list[tuple[str, str]]:
    """Return name and command line of all processes but PID 1 and the shell that looks."""
    script = (
        "for p in /proc/[0-9]*; do [ $p = /proc/1 ] || [ $p = /proc/$$ ] ||"
        " { read name <$p/comm && echo $name $(tr '\\0' ' ' <$p/cmdline); }; done 2>/dev/null"
    )
    looked = containers.run(podman.host, CONTAINER, ["sh", "-c", script]).stdout
    named = [line.partition(" ") for line in looked.splitlines()]
    return [(name, command) for name, _, command in named if command]


def running(podman: PrivatePodman, *, standbys: bool = True) -> set[str]:
    """Return the command lines of the processes."""
    return {command for name, command in listed(podman) if standbys or name != STANDBY}


def wait_for_guardians(kernel: Kernel, podman: PrivatePodman, count: int) -> None:
    """Wait until so many guard a user's cells, and have been told of them."""
    until(lambda: sum("dexec-guardian" in line for _, line in listed(podman)) == count)
    kernel.turn()


def gone(podman: PrivatePodman, *, standbys: bool = True) -> set[str]:
    """Wait until no process is left; return the empty set."""
    until(lambda: not running(podman, standbys=standbys))
    return set()


def test_a_session(start, podman):
    kernel = start()
    result = kernel.run("cd /tmp; name=Ada; echo out; echo err >&2; exit 3")
    assert (result.text(), result.text("stderr")) == ("out\n", "err\n")
    assert result.reply["evalue"] == "exit code 3"
    assert (result.record["exit_code"], result.record["state"]) == (3, "exited")
    assert kernel.run("echo $name in $PWD").text() == "Ada in /tmp\n"
    assert kernel.run("no-such-command").reply["evalue"] == "exit code 127 (command not found)"
    assert kernel.run("%%exec -w /nowhere\necho").reply["ename"] == "CommandNotStarted"

    detached = kernel.run("%%exec -d\necho $$ >/tmp/own; exec sleep 60125")
    assert (detached.record["state"], detached.record["exit_code"]) == ("detached", None)
    assert detached.record["pid"] > 0
    waits = "until [ -s /tmp/own ]; do sleep 0.05; done; kill $(cat /tmp/own)"
    assert kernel.run(waits).reply["status"] == "ok"
    reply = kernel.run("%%exec -d -- no-such-command").reply
    assert reply["ename"] == "CommandNotStarted"

    # Podman answers a resize before the terminal has the size.
    sized = "until stty size | grep -x '24 80'; do sleep 0.05; done"
    terminal = kernel.run(f"%%exec -t\n{sized}; tty; exit 4")
    assert terminal.text() == "24 80\r\n/dev/pts/0\r\n"
    assert terminal.reply["evalue"] == "exit code 4"

    result = kernel.run("yes 123456789 | head -c 5000000")
    [notice] = [line for line in result.text("stderr").splitlines() if "left out" in line]
    assert len(result.text()) < 2 * 1024 * 1024
    assert result.record["output_bytes"] == 5_000_000
    assert str(result.record["log"]) in notice
    assert gone(podman, standbys=False) == set()


def test_the_pid_is_there_while_a_cell_runs(start_kernel, podman):
    """Podman does not tell it of an exec that has ended."""
    kernel = start_kernel(engine=podman.host, DEXEC_CONTAINER=CONTAINER)
    held = Gate(podman.host, CONTAINER)
    told = []

    def look(message):
        if not told and (found := re.search(r"PID (\d+)", str(message["content"]))):
            told.append(int(found[1]))
            held.open()

    result = kernel.run(held.wait, at=look)
    assert [result.record["pid"]] == told


@pytest.mark.parametrize("head", ["", "%%exec -t\n"], ids=["pipe", "terminal"])
def test_input(start, head):
    kernel = start()
    code = f"{head}printf 'Name: '; read a; printf 'PIN: '; read b; echo \"[$a $b]\"; cat"
    cell = kernel.send(code, allow_stdin=True)
    asked = []
    for line in ("Ada", "7", "\x04"):
        asked.append(kernel.asked(cell))
        kernel.client.input(line)
    assert "[Ada 7]\n" in kernel.collect(cell).text().replace("\r", "")
    assert [(q["prompt"], q["password"]) for q in asked] == [
        ("Name: ", False),
        ("PIN: ", True),
        ("", False),
    ]


def test_an_interrupt_leaves_nothing(start, podman):
    kernel = start()
    result = kernel.run(
        "setsid sleep 91000 & sleep 92000 & echo on; sleep 93000 | cat",
        at=kernel.interrupt_at("on"),
    )
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert gone(podman, standbys=False) == set()
    result = kernel.run("%%exec -t\necho on; sleep 94000", at=kernel.interrupt_at("on"))
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert gone(podman, standbys=False) == set()
    assert kernel.run("echo next").text() == "next\n"


def test_background_processes(start, podman):
    kernel = start()
    held = Gate(podman.host, CONTAINER)
    result = kernel.run(f"({held.wait}; echo late; sleep 95000) & echo soon; exit 4")
    assert kernel.run("echo other").text() == "other\n"
    assert result.text() == "soon\n"
    assert result.record["state"] == "background"
    assert result.reply["evalue"] == "exit code 4"
    assert result.record["exit_code"] is None
    held.open()
    while kernel.client.get_iopub_msg(timeout=GUARD)["content"].get("text") != "late\n":
        pass
    assert "sleep 95000" in running(podman)
    kernel.manager.shutdown_kernel()
    assert gone(podman) == set()


def test_a_killed_kernel_leaves_nothing(start, podman):
    kernel = start()
    kernel.run("sleep 96000 & echo")
    wait_for_guardians(kernel, podman, 1)
    kernel.send("%%exec -u student\ntrap '' TERM; sleep 97000; sleep 98000")
    wait_for_guardians(kernel, podman, 2)
    kernel.manager.signal_kernel(signal.SIGKILL)
    assert gone(podman) == set()


def test_notebooks_are_graded(podman, tmp_path):
    """One that is right, and one that only says so."""
    lab = root_lab(tmp_path)
    right = hand_in(tmp_path / "right.ipynb", solved(lab))
    claims = hand_in(tmp_path / "claims.ipynb", claimed(solved(lab, ())))
    rows = grade(podman.host, lab, right, claims)
    assert states(rows["right.ipynb"]) == ["passed"] * 3, rows
    assert states(rows["claims.ipynb"]) == ["failed"] * 3, rows
    assert containers_of(podman.host, "first-steps") == {}
