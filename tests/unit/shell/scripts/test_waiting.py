"""waiting.sh under the shells of images: the process that waits for a leader's stdin."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dexec_kernel.shell.commands import Shell, guardian_program, script_program
from tests.unit.support.local_shells import each_shell, program, script, until

MARK = "mark"
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a command that leads a session and has a pipe for its stdin, as an exec does."""
    started: list[subprocess.Popen[bytes]] = []

    def run(*command: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
        )
        started.append(process)
        return process

    yield run
    for process in started:
        os.killpg(process.pid, 9)
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


def look(shell: str, leader: int) -> str:
    ours = script_program(Shell.SH, "waiting", ["waiting.sh"], [MARK, str(leader)])
    done = subprocess.run(script(shell, ours), capture_output=True, check=False, text=True)
    assert done.stderr == ""
    assert done.stdout.startswith(MARK)
    assert done.stdout.endswith(MARK)
    return done.stdout.removeprefix(MARK).removesuffix(MARK)


@each_shell
def test_a_guardian_answers_for_each_leader_as_often_as_it_is_asked(shell, start):
    reader, sleeper = start(*program("dash"), "-c", "read a"), start("sleep", "900")
    waiter(shell, reader.pid)
    command = script(shell, guardian_program(Shell(shell)))
    asked = "".join(
        f"add {leader}\nwaiting {leader} {MARK}\n"
        for leader in (reader.pid, sleeper.pid, reader.pid)
    )
    done = subprocess.run(
        command, input=f"{asked}end\n", capture_output=True, check=False, text=True
    )
    answers = done.stdout.partition("\n")[2].split(MARK)[1::2]
    assert (answers, done.stderr) == ([str(reader.pid), "", str(reader.pid)], "")


def names_below(leader: int) -> set[str]:
    """Return the names of a process and its children."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            pid_and_name, _, rest = path.read_text().rpartition(") ")
            pid, _, name = pid_and_name.partition(" (")
            if leader in {int(pid), int(rest.split()[1])}:
                found.add(name)
    return found


def waiter(shell: str, leader: int) -> str:
    """Return the waiting process, as soon as one waits."""
    return until(lambda: look(shell, leader))


@each_shell
@pytest.mark.parametrize("reader", ["bash", "dash", "busybox"])
def test_a_shell_that_reads(shell, reader, start):
    process = start(*program(reader), "-c", "read a; exit 7")
    assert waiter(shell, process.pid) == str(process.pid)


@each_shell
@pytest.mark.parametrize(
    "command", ["cat", "(cat)", "read -t 900 a", "sleep 900 | cat & cat <&0", "head -n 1"]
)
def test_a_program_that_reads(shell, command, start):
    process = start("bash", "-c", f"{command}; exit 7")
    assert waiter(shell, process.pid)


@each_shell
@pytest.mark.parametrize(
    ("command", "runs"),
    [
        ("sleep 900", {"sleep"}),
        ("sleep 900 | cat", {"sleep", "cat"}),
        ("while :; do :; done", {"bash"}),
        ("cat </dev/zero", {"cat"}),
        ("setsid cat", {"cat"}),
    ],
)
def test_a_program_that_does_not(shell, command, runs, start):
    process = start("bash", "-c", f"{command} >/dev/null; exit 7")
    until(lambda: runs <= names_below(process.pid))
    for _ in range(3):
        assert look(shell, process.pid) == ""


@each_shell
def test_nobody_is_there(shell):
    assert look(shell, 2**22 + 1) == ""
