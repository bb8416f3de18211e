"""Whatever a cell runs, as whomever, in whichever shell: an interrupt ends all of it."""

from __future__ import annotations

import time

import pytest

from devtools import images

#: What runs, and the signal that it takes.
SOURCES = {
    "echo started; while :; do sleep 0.1; done": "SIGINT",
    "echo started; while :; do :; done": "SIGINT",
    "echo started; sleep 100 | sleep 101 | cat": "SIGINT",
    "trap '' INT; echo started; while :; do sleep 0.1; done": "SIGTERM",
    "trap '' INT TERM; echo started; while :; do sleep 0.1; done": "SIGKILL",
    "(trap '' INT; setsid sleep 100) & sleep 0.3; echo started; wait": "SIGTERM",
    """setsid sh -c 'trap "" INT TERM; echo started; while :; do sleep 0.1; done' & wait""": (
        "SIGKILL"
    ),
    "trap '' INT; (setsid sleep 100 &); sleep 0.3; echo started; sleep 101": "SIGTERM",
    "(trap '' INT; setsid sh -c 'sleep 100 >/dev/null 2>&1 & sleep 101') &"
    "sleep 0.3; echo started; wait": "SIGTERM",
}
#: The Debian image has no `setsid`.
SETSID = """setsid() {
  exec python3 -c 'import os, sys; os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])' "$@"
}
"""
STUBBORN = """python3 -c '
import time
print("started", flush=True)
while True:
    try:
        time.sleep(100)
    except KeyboardInterrupt:
        pass
'"""
CHILDREN = """python3 -c '
import subprocess, time
children = [subprocess.Popen(["sleep", "100"], start_new_session=True) for _ in range(3)]
print("started", flush=True)
time.sleep(100)
'"""
PYTHON = {STUBBORN: "SIGTERM", CHILDREN: "SIGINT"}


def interrupting(kernel):
    """Interrupt a cell when it says that it has started."""
    text = []

    def at(message):
        if message["msg_type"] == "stream":
            text.append(message["content"]["text"])
            if "started" in text[-1]:
                kernel.interrupt()

    return at


@pytest.fixture
def own(start_kernel, run_container):
    """A kernel in a container of its own, so that its processes can be counted."""

    def start(image, *, user="", **settings):
        name = run_container(image, user=user)
        settings = {"DEXEC_INTERRUPT_GRACE": "0.5", **settings}
        return start_kernel(DEXEC_CONTAINER=name, **settings), name

    return start


@pytest.mark.parametrize("user", ["", "student"], ids=["root", "student"])
@pytest.mark.parametrize(
    ("image", "head", "sources"),
    [
        (images.DEBIAN, "", SOURCES | PYTHON),
        (images.DEBIAN, "%%exec -- dash\n", SOURCES | PYTHON),
        (images.DEBIAN, "%%exec -u student\n", SOURCES | PYTHON),
        (images.BUSYBOX, "", SOURCES),
        (images.BUSYBOX, "%%exec -u student\n", SOURCES),
    ],
    ids=["bash", "dash", "bash -u", "busybox", "busybox -u"],
)
def test_nothing_is_left_and_the_next_cell_works(own, gone, user, image, head, sources):  # noqa: PLR0917 -- fixtures and the matrix
    kernel, name = own(image, user=user)
    kernel.run("cd /tmp; kept=yes; export kept")
    for source, signal in sources.items():
        setsid = SETSID if image == images.DEBIAN else ""
        result = kernel.run(f"{head}{setsid}{source}", at=interrupting(kernel), timeout=8)
        assert result.reply.get("ename") == "KeyboardInterrupt", (source, result)
        assert signal in result.reply["evalue"], source
        assert result.record["state"] == "interrupted", source
        assert gone(name) == [], source
        assert kernel.run("pwd; echo $kept").text() == "/tmp\nyes\n", source


@pytest.mark.parametrize(
    ("source", "signal"),
    [
        ("echo started; while :; do sleep 0.1; done", "SIGINT"),
        ("echo started; sleep 100 | cat", "SIGINT"),
        ("trap '' INT; echo started; while :; do sleep 0.1; done", "SIGTERM"),
        ("(trap '' INT; setsid sleep 100) & sleep 0.3; echo started; wait", "SIGTERM"),
        (STUBBORN, "SIGTERM"),
        ("stty -isig; echo started; sleep 100", "SIGTERM"),
    ],
)
def test_in_a_terminal(own, gone, source, signal):
    kernel, name = own(images.DEBIAN)
    result = kernel.run(f"%%exec -t\n{SETSID}{source}", at=interrupting(kernel), timeout=8)
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert signal in result.reply["evalue"]
    assert gone(name) == []
    assert kernel.run("echo next").text() == "next\n"


@pytest.mark.parametrize("head", ["", "%%exec -t\n"], ids=["pipes", "terminal"])
def test_without_a_shell(own, gone, head):
    kernel, name = own(images.NOSHELL)
    kernel.run("echo hi")
    request = kernel.send(f"{head}sleep 100")
    time.sleep(0.5)
    kernel.interrupt()
    result = kernel.collect(request, timeout=5)
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert "SIGINT" in result.reply["evalue"]
    assert gone(name) == []
    assert kernel.run("echo next").text() == "next\n"


def test_a_second_interrupt_skips_to_the_next_step(own, gone):
    kernel, name = own(images.DEBIAN, DEXEC_INTERRUPT_GRACE="20")
    request = kernel.send(f"{SETSID}trap '' INT TERM; setsid sleep 100 & wait; sleep 101")
    time.sleep(0.8)
    begin = time.monotonic()
    for _ in range(3):
        kernel.interrupt()
        time.sleep(0.4)
    result = kernel.collect(request, timeout=5)
    assert time.monotonic() - begin < 5
    assert "SIGKILL" in result.reply["evalue"]
    assert gone(name) == []


# --- deadlines ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "settings"),
    [
        ("%%exec --timeout 0.8\n", {}),
        ("%timeout 0.8\n", {}),
        ("", {"DEXEC_TIMEOUT": "0.8"}),
    ],
    ids=["option", "magic", "setting"],
)
@pytest.mark.parametrize(
    ("source", "signal"),
    [
        ("sleep 100 | cat", "SIGINT"),
        ("(trap '' INT; setsid sleep 100) & wait", "SIGTERM"),
        ("trap '' INT TERM; setsid sleep 100 & sleep 101; wait", "SIGKILL"),
    ],
    ids=["pipeline", "setsid", "stubborn"],
)
def test_a_deadline_does_the_same(own, gone, head, settings, source, signal):  # noqa: PLR0917 -- fixtures and the matrix
    kernel, name = own(images.DEBIAN, **settings)
    begin = time.monotonic()
    result = kernel.run(f"{head}{SETSID}{source}", timeout=8)
    assert 0.7 < time.monotonic() - begin < 4
    assert result.reply["ename"] == "CellTimeout"
    assert signal in result.reply["evalue"]
    assert result.record["state"] == "timed out"
    assert gone(name) == []
    assert kernel.run("echo next").text() == "next\n"
