"""Whatever a cell runs, as whomever, in whichever shell: an interrupt ends all of it.

Programs, shells and users are three values of a case. The cases have each pair of them; with
``DEXEC_FAULTS=all`` they are the whole product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from devtools import images
from tests.kernel.conftest import Kernel
from tests.kernel.faults import IS_WHOLE
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
#: The shells: an image, and the arguments of ``%%exec``.
SHELLS = {
    "bash": (images.DEBIAN, ""),
    "dash": (images.DEBIAN, "-- dash"),
    "busybox": (images.BUSYBOX, ""),
}
#: Who runs the program: the container's user, and the option of ``%%exec``.
USERS = {"root": ("", ""), "a student": ("student", ""), "-u": ("", "-u student")}


def _sources() -> dict[tuple[str, str], dict[str, str]]:
    """The programs of each case, by shell and user: a user for each pair of program and shell.

    Busybox's image has no Python; a program that needs it meets its third user in bash.
    """
    shells, users = list(SHELLS), list(USERS)
    found: dict[tuple[str, str], dict[str, str]] = {(s, u): {} for s in shells for u in users}
    for number, (source, signal) in enumerate((SOURCES | PYTHON).items()):
        for turn, shell in enumerate(shells):
            here = "bash" if shell == "busybox" and source in PYTHON else shell
            for user in users if IS_WHOLE else [users[(number + turn) % len(users)]]:
                found[here, user][source] = signal
    return found


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


@dataclass
class Place:
    """A container whose processes can be counted, and kernels that have no other one."""

    name: str
    start: Callable[..., Kernel]
    kernels: dict[str, Kernel] = field(default_factory=dict)

    def kernel(self, grace: str) -> Kernel:
        """Return the kernel with this grace; its session has a folder and a variable to keep."""
        if grace not in self.kernels:
            self.kernels[grace] = self.start_kernel(grace)
            self.kernels[grace].run("cd /tmp; kept=yes; export kept")
        return self.kernels[grace]

    def start_kernel(self, grace: str, **settings: str) -> Kernel:
        return self.start(DEXEC_CONTAINER=self.name, DEXEC_INTERRUPT_GRACE=grace, **settings)


@pytest.fixture(scope="module")
def places(start_module_kernel, run_module_container):
    """Containers that tests use one after the other, by image and user."""
    idle: dict[tuple[str, str], Place] = {}

    @contextmanager
    def place(image: str, user: str = "") -> Iterator[Place]:
        found = idle.pop((image, user), None) or Place(
            run_module_container(image, user=user), start_module_kernel
        )
        yield found
        # Not where the test has failed: what it has left is its own.
        idle[image, user] = found

    return place


#: A program that the first signal ends gets no other; one that needs the next gets it soon.
PATIENT, HASTY = "100000", "0.3"


def grace_for(signal: str) -> str:
    return PATIENT if signal == "SIGINT" else HASTY


@contextmanager
def naming(source: str) -> Iterator[None]:
    """Name the program where the test fails."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"the program: {source}")
        raise


@pytest.mark.parametrize(
    ("shell", "user", "sources"),
    [(*case, sources) for case, sources in _sources().items()],
    ids=[f"{shell} of {user}" for shell, user in _sources()],
)
def test_nothing_is_left_and_the_next_cell_works(places, gone, shell, user, sources):
    (image, command), (owner, option) = SHELLS[shell], USERS[user]
    words = " ".join(word for word in (option, command) if word)
    head = (f"%%exec {words}\n" if words else "") + (SETSID if image == images.DEBIAN else "")
    with places(image, owner) as place:
        for source, signal in sources.items():
            with naming(source):
                kernel = place.kernel(grace_for(signal))
                result = kernel.run(head + source, at=kernel.interrupt_at("started"))
                assert result.reply.get("ename") == "KeyboardInterrupt", result
                assert_ended_by(signal, result)
                assert result.record["state"] == "interrupted"
                assert gone(place.name) == []
                assert kernel.run("pwd; echo $kept").text() == "/tmp\nyes\n"


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
def test_in_a_terminal(places, gone, source, signal):
    with places(images.DEBIAN) as place:
        kernel = place.kernel(grace_for(signal))
        result = kernel.run(f"%%exec -t\n{SETSID}{source}", at=kernel.interrupt_at("started"))
        assert result.reply["ename"] == "KeyboardInterrupt"
        assert_ended_by(signal, result)
        assert gone(place.name) == []
        assert kernel.run("echo next").text() == "next\n"


@pytest.mark.parametrize("head", ["", "%%exec -t\n"], ids=["pipes", "terminal"])
def test_without_a_shell(start_kernel, run_container, commands, gone, head):
    name = run_container(images.NOSHELL)
    kernel = start_kernel(DEXEC_CONTAINER=name, DEXEC_INTERRUPT_GRACE=PATIENT)
    kernel.run("echo hi")
    request = kernel.send(f"{head}sleep 100000")
    until(lambda: "sleep 100000" in commands(name))
    kernel.interrupt()
    result = kernel.collect(request)
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert result.reply["evalue"] == "interrupted by SIGINT"
    assert gone(name) == []
    assert kernel.run("echo next").text() == "next\n"


def test_interrupts_skip_to_the_next_step(places, gone):
    with places(images.DEBIAN) as place:
        kernel = place.kernel(PATIENT)
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
        assert gone(place.name) == []


# --- deadlines ------------------------------------------------------------------------------------

#: In seconds.
LIMIT = 1


#: Where the limit comes from: a line of the cell, or a setting of its kernel.
LIMITS = {
    "option": f"%%exec --timeout {LIMIT}\n",
    "magic": f"%timeout {LIMIT}\n",
    "setting": "",
}
OVERDUE = {
    "pipeline": ("echo ready; sleep 100000 | cat", "SIGINT"),
    "setsid": (
        "(trap '' INT; setsid sh -c 'echo ready; exec sleep 100000') & wait",
        "SIGTERM",
    ),
    "stubborn": (
        "trap '' INT TERM; setsid sh -c 'echo ready; exec sleep 100000' & wait",
        "SIGKILL",
    ),
}


@pytest.mark.parametrize(
    ("limit", "program"),
    [
        (limit, program)
        for limit in LIMITS
        for program in OVERDUE
        # A limit is one number by then, wherever it comes from.
        if IS_WHOLE or limit == "option" or program == "pipeline"
    ],
)
def test_a_deadline_does_the_same(places, gone, limit, program):
    head, (source, signal) = LIMITS[limit], OVERDUE[program]
    grace = grace_for(signal)
    with places(images.DEBIAN) as place:
        if limit == "setting":
            kernel = place.start_kernel(grace, DEXEC_TIMEOUT=f"{LIMIT}")
        else:
            kernel = place.kernel(grace)
        result = kernel.run(f"{head}{SETSID}{source}")
        assert result.reply["ename"] == "CellTimeout"
        if "ready" in result.text():  # A slow machine may not have come so far.
            assert any(name in result.reply["evalue"] for name in LADDER[LADDER.index(signal) :])
        assert result.record["duration_s"] >= LIMIT
        assert result.record["state"] == "timed out"
        assert gone(place.name) == []
        # Not within the limit: a busy machine may take longer for a cell.
        assert kernel.run("%timeout off\necho next").text() == "next\n"
