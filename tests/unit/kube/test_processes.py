"""The list of a container's processes."""

from __future__ import annotations

import pytest

from dexec_kernel.backend.models import ExecConfig
from dexec_kernel.errors import EngineApiError
from dexec_kernel.kube.boot import boot
from dexec_kernel.kube.processes import read_processes
from dexec_kernel.magics.processes import fold, has_cells
from dexec_kernel.shell.commands import SCRIPT_COMMAND, Shell, driver_command


def line(pid: int, name: str, command: list[str]) -> str:
    return f"0\t{pid}\t1\t{name}\t{' '.join(command)}\n"


def test_our_own_shells_are_known_and_folded():
    cell = boot(ExecConfig(driver_command(Shell.BASH)), "m").command
    guardian = boot(ExecConfig(["sh", "-c", SCRIPT_COMMAND, "dexec-guardian"]), "m").command
    text = (
        line(10, "bash", cell)
        + line(9, "dexec-standby", cell)
        + line(2, "sh", guardian)
        + line(1, "sleep", ["sleep", "100"])
        + "noise\n"
    )
    top, names = read_processes(text)
    assert [row[1] for row in top.processes] == ["1", "2", "9", "10"]
    assert has_cells(top)
    folded = fold(top, names)
    assert [row[1] for row in folded.rows] == ["1", "10"]
    assert folded.rows[1][3] == "bash (a cell of dexec-kernel)"
    assert "1 standby" in folded.note
    assert "1 guardian" in folded.note


def test_no_list_is_an_error():
    with pytest.raises(EngineApiError):
        read_processes("")


def test_what_is_too_long_for_a_pid_sorts_first():
    top, _ = read_processes(line(2, "a", ["a"]) + f"0\t{'9' * 5_000}\t1\tb\tb\n")
    assert [row[3] for row in top.processes] == ["b", "a"]
