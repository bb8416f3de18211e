"""Whatever a cell runs, as whomever, in whichever shell: an interrupt ends all of it."""

from __future__ import annotations

import pytest

from devtools import images
from tests.waiting import until

#: Waits until a process of a session of its own has begun.
_BEGUN = "until [ -e /tmp/begun ]; do sleep 0.05; done; rm -f /tmp/begun"
_MARKED = "sh -c ': >/tmp/begun; exec sleep 100000'"
IN_ITS_OWN_SESSION = f"(trap '' INT; setsid {_MARKED}) & {_BEGUN}"
AN_ORPHAN = f"(setsid {_MARKED} &); {_BEGUN}"
#: Programs, each with the signal that ends it. (A shell whose command has ended by itself in the
#: moment of the SIGINT goes on: loops of short commands may take the next.)
SOURCES = {
    "echo started; while :; do sleep 100000; done": "SIGINT",
    "echo started; while :; do :; done": "SIGINT",
    "echo started; sleep 100000 | sleep 101000 | cat": "SIGINT",
    "trap '' INT; echo started; while :; do sleep 0.1; done": "SIGTERM",
    "trap '' INT TERM; echo started; while :; do sleep 0.1; done": "SIGKILL",
    f"{IN_ITS_OWN_SESSION}; echo started; wait": "SIGTERM",
    """setsid sh -c 'trap "" INT TERM; echo started; while :; do sleep 0.1; done' & wait""": (
        "SIGKILL"
    ),
    f"trap '' INT; {AN_ORPHAN}; echo started; sleep 101000": "SIGTERM",
    "(trap '' INT; setsid sh -c 'sleep 100000 >/dev/null 2>&1 & echo started; sleep 101000') &"
    " wait": "SIGTERM",
}
#: The Debian image has no `setsid`.
SETSID = """setsid() {
  exec python3 -c 'import os, sys; os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])' "$@"
}
"""
STUBBORN = """python3 -c '
import signal, time
signal.signal(signal.SIGINT, lambda *_: None)
print("started", flush=True)
while True:
    time.sleep(100000)
'"""
CHILDREN = """python3 -c '
import subprocess, time
children = [subprocess.Popen(["sleep", "100000"], start_new_session=True) for _ in range(3)]
print("started", flush=True)
time.sleep(100000)
'"""
PYTHON = {STUBBORN: "SIGTERM", CHILDREN: "SIGINT"}
#: Where another user makes the difference: who may signal whom.
OF_A_USER = {
    source: signal
    for source, signal in SOURCES.items()
    if source.startswith(("echo started; while :; do sleep", "(trap", "setsid", "trap '' INT; ("))
}


#: In their order, as a reply names them.
LADDER = ("SIGINT", "SIGTERM", "SIGKILL")
#: How a process ends of each.
CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGKILL": 137}


def assert_ended_by(signal: str, result) -> None:
    """Check that it took this signal, or a later one where the machine is slower than the grace.

    Processes may be slow to go even where nobody waits for them any more: then they get the next
    signal though their leader has gone by the first, as its exit code says.
    """
    evalue, code = result.reply["evalue"], result.record["exit_code"]
    [told] = [name for name in LADDER if name in evalue]
    assert LADDER.index(told) >= LADDER.index(signal), evalue
    if signal == "SIGINT":
        assert code == CODES[signal]
    elif signal == "SIGKILL":
        assert told == signal


@pytest.fixture
def own(start_kernel, run_container):
    """Kernels in a container of their own, so that its processes can be counted."""

    def start(image, *graces, user="", **settings):
        name = run_container(image, user=user)
        return [
            start_kernel(DEXEC_CONTAINER=name, DEXEC_INTERRUPT_GRACE=grace, **settings)
            for grace in graces
        ], name

    return start


#: A program that the first signal ends gets no other; one that needs the next gets it soon.
PATIENT, HASTY = "100000", "0.3"


@pytest.mark.parametrize(
    ("image", "user", "head", "sources"),
    [
        (images.DEBIAN, "", "", SOURCES | PYTHON),
        (images.DEBIAN, "student", "", OF_A_USER | PYTHON),
        (images.DEBIAN, "", "%%exec -- dash\n", SOURCES | PYTHON),
        (images.DEBIAN, "", "%%exec -u student\n", OF_A_USER | PYTHON),
        (images.BUSYBOX, "", "", SOURCES),
        (images.BUSYBOX, "student", "", OF_A_USER),
        (images.BUSYBOX, "", "%%exec -u student\n", OF_A_USER),
    ],
    ids=[
        *("bash", "bash of a student", "dash", "bash -u"),
        *("busybox", "busybox of a student", "busybox -u"),
    ],
)
def test_nothing_is_left_and_the_next_cell_works(own, gone, image, user, head, sources):  # noqa: PLR0917 -- fixtures and the matrix
    kernels, name = own(image, PATIENT, HASTY, user=user)
    for kernel in kernels:
        kernel.run("cd /tmp; kept=yes; export kept")
    for source, signal in sources.items():
        kernel = kernels[signal != "SIGINT"]
        setsid = SETSID if image == images.DEBIAN else ""
        result = kernel.run(f"{head}{setsid}{source}", at=kernel.interrupt_at("started"))
        assert result.reply.get("ename") == "KeyboardInterrupt", (source, result)
        assert_ended_by(signal, result)
        assert result.record["state"] == "interrupted", source
        assert gone(name) == [], source
        assert kernel.run("pwd; echo $kept").text() == "/tmp\nyes\n", source


@pytest.mark.parametrize(
    ("source", "signal"),
    [
        ("echo started; while :; do sleep 100000; done", "SIGINT"),
        ("echo started; sleep 100000 | cat", "SIGINT"),
        ("trap '' INT; echo started; while :; do sleep 0.1; done", "SIGTERM"),
        (f"{IN_ITS_OWN_SESSION}; echo started; wait", "SIGTERM"),
        (STUBBORN, "SIGTERM"),
        ("stty -isig; echo started; sleep 100000", "SIGTERM"),
    ],
)
def test_in_a_terminal(own, gone, source, signal):
    [kernel], name = own(images.DEBIAN, PATIENT if signal == "SIGINT" else HASTY)
    result = kernel.run(f"%%exec -t\n{SETSID}{source}", at=kernel.interrupt_at("started"))
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert_ended_by(signal, result)
    assert gone(name) == []
    assert kernel.run("echo next").text() == "next\n"


@pytest.mark.parametrize("head", ["", "%%exec -t\n"], ids=["pipes", "terminal"])
def test_without_a_shell(own, commands, gone, head):
    [kernel], name = own(images.NOSHELL, PATIENT)
    kernel.run("echo hi")
    request = kernel.send(f"{head}sleep 100000")
    until(lambda: "sleep 100000" in commands(name))
    kernel.interrupt()
    result = kernel.collect(request)
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert "SIGINT" in result.reply["evalue"]
    assert gone(name) == []
    assert kernel.run("echo next").text() == "next\n"


def test_interrupts_skip_to_the_next_step(own, gone):
    [kernel], name = own(images.DEBIAN, PATIENT)
    printed = []

    def interrupt(message):
        if message["content"].get("name") == "stdout":
            printed.extend(message["content"]["text"].split())
            kernel.interrupt()

    # The shell says what it gets, and its child in a session of its own heeds nothing.
    source = (
        f"{SETSID}(trap '' INT TERM; setsid sleep 100000) &\n"
        "trap 'echo INT' INT; trap 'echo TERM' TERM; echo started; while :; do sleep 0.1; done"
    )
    result = kernel.run(source, at=interrupt)
    assert printed == ["started", "INT", "TERM"]
    assert "SIGKILL" in result.reply["evalue"]
    assert gone(name) == []


# --- deadlines ------------------------------------------------------------------------------------

#: In seconds.
LIMIT = 1


@pytest.mark.parametrize(
    ("head", "settings"),
    [
        (f"%%exec --timeout {LIMIT}\n", {}),
        (f"%timeout {LIMIT}\n", {}),
        ("", {"DEXEC_TIMEOUT": f"{LIMIT}"}),
    ],
    ids=["option", "magic", "setting"],
)
@pytest.mark.parametrize(
    ("source", "signal"),
    [
        ("echo ready; sleep 100000 | cat", "SIGINT"),
        ("(trap '' INT; setsid sh -c 'echo ready; exec sleep 100000') & wait", "SIGTERM"),
        ("trap '' INT TERM; setsid sh -c 'echo ready; exec sleep 100000' & wait", "SIGKILL"),
    ],
    ids=["pipeline", "setsid", "stubborn"],
)
def test_a_deadline_does_the_same(own, gone, head, settings, source, signal):  # noqa: PLR0917 -- fixtures and the matrix
    [kernel], name = own(images.DEBIAN, PATIENT if signal == "SIGINT" else HASTY, **settings)
    result = kernel.run(f"{head}{SETSID}{source}")
    assert result.reply["ename"] == "CellTimeout"
    if "ready" in result.text():  # A slow machine may not have come so far.
        assert any(name in result.reply["evalue"] for name in LADDER[LADDER.index(signal) :])
    assert result.record["duration_s"] >= LIMIT
    assert result.record["state"] == "timed out"
    assert gone(name) == []
    assert kernel.run("echo next").text() == "next\n"
