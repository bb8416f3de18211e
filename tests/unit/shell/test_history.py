"""The cells of a session in bash's ``history``."""

from __future__ import annotations

from pathlib import Path

import pytest

from dexec_kernel.shell.commands import driver_stdin
from dexec_kernel.shell.history import CellHistory
from tests.unit.support.local_shells import MARKS, run_cell


def printed(shell: str, history: CellHistory, cell: str) -> str:
    data = driver_stdin(cell, MARKS, history.add(cell))
    result = run_cell(shell, cell, input=data)
    assert result.ran
    assert result.stderr == ""
    return result.stdout


def test_history_has_the_cells_and_the_one_that_runs():
    history = CellHistory()
    assert history.add("echo 'a'\r\necho $b\r\n") == b""
    assert history.add("-n \\ `x` $(y)") == b""
    assert history.add("  \n") == b""
    said = printed("bash", history, "history")
    assert said == "    1  echo 'a'\necho $b\n    2  -n \\ `x` $(y)\n    3  history\n"
    assert printed("bash", history, "history | tail -1") == "    4  history | tail -1\n"
    assert printed("bash", history, "fc -l -n 1 1").strip() == "echo 'a'\necho $b"


def test_what_is_cleared_stays_so():
    history = CellHistory()
    history.add("secret=1")
    assert printed("bash", history, "echo; history -c; history") == "\n"
    assert printed("bash", history, "history") == "    1  history\n"
    history.add("echo history -c")
    assert "echo history -c" in printed("bash", history, "history")


def test_it_has_bounds():
    history = CellHistory()
    for number in range(1000):
        history.add(f"echo {number}")
    history.add("x" * 1_000_000)
    lines = printed("bash", history, "history").splitlines()
    assert len(lines) == 500
    assert lines[0] == "    1  echo 502"
    assert len(lines[-2]) < 4_100
    for _ in range(20):
        history.add("é" * 1_000_000)
    assert len(history.add("history")) < 200_000


@pytest.mark.parametrize("shell", ["dash", "busybox"])
def test_other_shells_get_what_they_ignore(shell: str, tmp_path: Path):
    history = CellHistory()
    history.add("exit 3")
    assert printed(shell, history, "echo history") == "history\n"
