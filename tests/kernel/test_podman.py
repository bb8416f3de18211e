"""The same kernel with a Podman: where it differs from Docker, cells do not."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator

import pytest

from devtools import containers, images
from devtools.podman import PrivatePodman
from tests.kernel.conftest import STANDBY, Kernel, Result

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


def running(podman: PrivatePodman, *, standbys: bool = True) -> set[str]:
    """The command lines of what lives, but for PID 1 and for the shell that looks."""
    script = (
        "for p in /proc/[0-9]*; do [ $p = /proc/1 ] || [ $p = /proc/$$ ] ||"
        " { read name <$p/comm && echo $name $(tr '\\0' ' ' <$p/cmdline); }; done 2>/dev/null"
    )
    looked = containers.run(podman.host, CONTAINER, ["sh", "-c", script]).stdout
    named = [line.partition(" ") for line in looked.splitlines()]
    return {command for name, _, command in named if command and (standbys or name != STANDBY)}


def gone(podman: PrivatePodman) -> set[str]:
    """Wait until nothing lives any more; return what lives all the same."""
    deadline = time.monotonic() + 5
    while (left := running(podman)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def interrupt_at_output(kernel: Kernel, code: str) -> Result:
    def interrupt(message):
        if message["msg_type"] == "stream":
            time.sleep(0.2)  # All that follows has begun.
            kernel.interrupt()

    return kernel.run(code, at=interrupt)


def test_a_session(start, podman):
    kernel = start()
    result = kernel.run("cd /tmp; name=Ada; echo out; echo err >&2; exit 3")
    assert (result.text(), result.text("stderr")) == ("out\n", "err\n")
    assert result.reply["evalue"] == "exit code 3"
    assert (result.record["exit_code"], result.record["state"]) == (3, "exited")
    assert result.record["pid"] > 0
    assert kernel.run("echo $name in $PWD").text() == "Ada in /tmp\n"
    assert kernel.run("no-such-command").reply["evalue"] == "exit code 127 (command not found)"
    assert kernel.run("%%exec -w /nowhere\necho").reply["ename"] == "CommandNotStarted"

    terminal = kernel.run("%%exec -t\nstty size; tty; exit 4")
    assert terminal.text() == "24 80\r\n/dev/pts/0\r\n"
    assert terminal.reply["evalue"] == "exit code 4"

    result = kernel.run("yes 123456789 | head -c 5000000")
    [notice] = [line for line in result.text("stderr").splitlines() if "left out" in line]
    assert len(result.text()) < 2 * 1024 * 1024
    assert result.record["output_bytes"] == 5_000_000
    assert str(result.record["log"]) in notice
    assert running(podman, standbys=False) == set()


@pytest.mark.parametrize("head", ["", "%%exec -t\n"], ids=["pipe", "terminal"])
def test_input(start, head):
    kernel = start()
    code = f"{head}printf 'Name: '; read a; printf 'PIN: '; read b; echo \"[$a $b]\"; cat"
    cell = kernel.send(code, allow_stdin=True)
    asked = []
    for line in ("Ada", "7", "\x04"):
        asked.append(kernel.client.get_stdin_msg(timeout=10)["content"])
        kernel.client.input(line)
    assert "[Ada 7]\n" in kernel.collect(cell).text().replace("\r", "")
    assert [(q["prompt"], q["password"]) for q in asked] == [
        ("Name: ", False),
        ("PIN: ", True),
        ("", False),
    ]


def test_an_interrupt_leaves_nothing(start, podman):
    kernel = start()
    result = interrupt_at_output(kernel, "setsid sleep 91 & sleep 92 & echo on; sleep 93 | cat")
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert running(podman, standbys=False) == set()
    result = interrupt_at_output(kernel, "%%exec -t\necho on; sleep 94")
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert running(podman, standbys=False) == set()
    assert kernel.run("echo next").text() == "next\n"


def test_background_processes(start, podman):
    kernel = start()
    begin = time.monotonic()
    result = kernel.run("(sleep 1.5; echo late; sleep 95) & echo soon; exit 4")
    assert kernel.run("echo other").text() == "other\n"
    assert time.monotonic() - begin < 1.2
    assert result.text() == "soon\n"
    assert result.record["state"] == "background"
    assert result.reply["evalue"] == "exit code 4"
    assert result.record["exit_code"] is None
    while kernel.client.get_iopub_msg(timeout=10)["content"].get("text") != "late\n":
        pass
    assert "sleep 95" in running(podman)
    kernel.manager.shutdown_kernel()
    assert gone(podman) == set()


def test_a_killed_kernel_leaves_nothing(start, podman):
    kernel = start()
    kernel.run("sleep 96 & echo")
    kernel.send("trap '' TERM; sleep 97; sleep 98")
    deadline = time.monotonic() + 10
    while not any("dexec-guardian" in command for command in running(podman)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(0.3)  # It is told of both cells.
    kernel.manager.signal_kernel(signal.SIGKILL)
    assert gone(podman) == set()
