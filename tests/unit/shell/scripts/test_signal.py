"""signal.sh under the shells that images have."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.support.local_shells import GUARD, each_shell, signals, until

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a shell command that leads a session, as an exec does."""
    started: list[subprocess.Popen[bytes]] = []

    def run(source: str, **options: int) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(["bash", "-c", source], start_new_session=True, **options)
        started.append(process)
        return process

    yield run
    for process in started:
        for pid in members(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        process.wait()


def members(leader: int) -> set[int]:
    """Return the processes in the session of ``leader``."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, group, session = path.read_text().rpartition(") ")[2].split()[:4]
            if state not in "ZX" and str(leader) in {group, session}:
                found.add(int(path.parent.name))
    return found


def wait_for(leader: int, count: int) -> set[int]:
    found: set[int] = set()

    def look() -> bool:
        found.clear()
        found.update(members(leader))
        return len(found) == count

    until(look)
    return found


def send(shell: str, signal: str, leader: int, *known: str) -> set[int]:
    command = [*signals(shell, signal, leader), *known]
    done = subprocess.run(command, capture_output=True, check=True, timeout=GUARD, text=True)
    *pids, last = done.stdout.splitlines()
    assert last == "."
    assert done.stderr == ""
    return {int(pid.partition(":")[0]) for pid in pids}


@each_shell
def test_list_is_the_group_and_the_session(shell, start):
    # With job control each job is a group of its own, in the session of all.
    process = start("set -m; sleep 600 & sleep 601 & wait")
    alive = wait_for(process.pid, 3)
    assert send(shell, "0", process.pid) == alive
    assert members(process.pid) == alive


@each_shell
def test_signal_reaches_the_group(shell, start):
    process = start("sleep 600 & sleep 601")
    wait_for(process.pid, 3)
    send(shell, "TERM", process.pid)
    assert process.wait(GUARD) == -15
    wait_for(process.pid, 0)


@each_shell
def test_signal_reaches_those_who_left_the_group(shell, start):
    process = start("set -m; sleep 600 & sleep 601 & wait")
    wait_for(process.pid, 3)
    send(shell, "KILL", process.pid)
    wait_for(process.pid, 0)


@each_shell
def test_interrupt_ends_a_shell_loop(shell, start):
    # Of an ordinary shell: bash would forget a SIGINT that comes between two commands.
    process = start("exec dash -c 'echo; while :; do sleep 0.01; done'", stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout as stdout:
        stdout.readline()
    send(shell, "INT", process.pid)
    process.wait(GUARD)
    wait_for(process.pid, 0)


@each_shell
def test_zombies_are_dead(shell, start):
    process = start("exit 0")
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert send(shell, "0", process.pid) == set()


@each_shell
def test_nobody_is_not_an_error(shell):
    assert send(shell, "TERM", 2**22 + 1) == set()


@each_shell
@pytest.mark.parametrize("name", ["a) S 1 2 3", "(x", "two words", ") R 1 1"])
def test_names_that_look_like_fields(shell, start, tmp_path, name):
    program = tmp_path / name
    shutil.copy(shutil.which("sleep"), program)
    process = start(f"'{program}' 600 & wait")
    alive = wait_for(process.pid, 2)
    assert send(shell, "0", process.pid) == alive


@each_shell
def test_strangers_are_left_alone(shell, start):
    mine, other = start("sleep 600 & wait"), start("sleep 600 & wait")
    wait_for(mine.pid, 2)
    others = wait_for(other.pid, 2)
    assert not send(shell, "0", mine.pid) & others
    send(shell, "KILL", mine.pid)
    wait_for(mine.pid, 0)
    assert members(other.pid) == others


@each_shell
def test_a_session_of_a_descendant_is_found_and_remembered(shell, start):
    code = "import os, time; os.setsid(); print(os.getpid(), flush=True); time.sleep(600)"
    python = shlex.quote(sys.executable)
    process = start(f"{python} -c '{code}' >&2 & sleep 601; wait", stderr=subprocess.PIPE)
    assert process.stderr is not None
    with process.stderr as stderr:
        child = int(stderr.readline())
    start_time = Path(f"/proc/{child}/stat").read_text().rpartition(") ")[2].split()[19]
    try:
        assert child in send(shell, "0", process.pid)
        os.killpg(process.pid, 9)
        process.wait()
        assert send(shell, "0", process.pid) == set()
        assert send(shell, "0", process.pid, f"{child}:1") == set()
        assert send(shell, "KILL", process.pid, f"{child}:{start_time}") == {child}
        until(lambda: not send(shell, "0", process.pid, f"{child}:{start_time}"))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, 9)
