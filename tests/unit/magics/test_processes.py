"""The processes of ``%ps``: those of the user, and how many are ours."""

from __future__ import annotations

import pytest

from dexec_kernel.backend.models import ContainerTop
from dexec_kernel.magics.processes import fold, has_cells
from dexec_kernel.shell.commands import (
    STANDBY_NAME,
    Shell,
    driver_command,
    guardian_program,
    script_program,
    script_text,
    signal_program,
)

CELL = " ".join(driver_command(Shell.BASH))
GUARDIAN = " ".join(guardian_program(Shell.SH).command)
SIGNAL = " ".join(signal_program(Shell.SH, "INT", 17).command)
LOOK = " ".join(script_program(Shell.SH, "waiting", ["waiting.sh"], ["mark", "17"]).command)


def docker(*commands: str) -> ContainerTop:
    """Return a list as Docker's; the PIDs are 100, 101 and so on."""
    rows = tuple(("root", str(100 + n), command) for n, command in enumerate(commands))
    return ContainerTop(("UID", "PID", "CMD"), rows)


def test_a_container_without_ours_is_listed_as_it_is():
    top = docker("sleep 900", 'sh -c eval "$DEXEC_SCRIPTS" x', "echo dexec-guardian", "")
    assert not has_cells(top)
    folded = fold(top, {})
    assert (folded.rows, folded.note) == (top.processes, "")


def test_guardians_standbys_and_looks_are_one_line_with_their_numbers():
    top = docker("sleep 900", GUARDIAN, CELL, CELL, CELL, "sleep 3", SIGNAL, LOOK)
    assert has_cells(top)
    folded = fold(top, {"102": STANDBY_NAME, "103": "bash", "104": STANDBY_NAME})
    assert [row[1:] for row in folded.rows] == [
        ("100", "sleep 900"),
        ("103", "bash (a cell of dexec-kernel)"),
        ("105", "sleep 3"),
    ]
    assert folded.note == (
        "dexec-kernel itself: 1 guardian, 2 standbys, 2 short looks and signals (%ps -a lists them)"
    )


def test_a_detached_cell_shows_its_text():
    [row] = fold(docker(f"{CELL} while :; do :; done"), {}).rows
    assert row[2] == "bash (a cell of dexec-kernel) while :; do :; done"
    [row] = fold(docker(CELL[:80]), {}).rows
    assert row[2] == "bash (a cell of dexec-kernel)"


@pytest.mark.parametrize("shell", ["/proc/272/exe -p", "/bin/sh"])
def test_the_shell_of_background_processes_has_words_and_its_pauses_are_ours(shell):
    titles = ("PID", "PPID", "CMD")
    rows = (("1", "0", f"{shell} -s 0 272"), ("2", "1", "sleep 1"), ("3", "1", "sleep 300"))
    rows += (("4", "9", "sleep 1"), ("5", "9", f"{shell} -s 0 272 x"))
    folded = fold(ContainerTop(titles, rows), {})
    words = "a cell of dexec-kernel, with processes in the background"
    assert folded.rows == (("1", "0", words), *rows[2:])
    assert folded.note.startswith("dexec-kernel itself: 1 short look or signal ")


def test_podman_has_its_pids_of_the_host_beside_others():
    titles = ("USER", "HPID", "PID", "COMMAND")
    top = ContainerTop(titles, (("root", "4001", "7", CELL), ("root", "4002", "8", CELL)))
    folded = fold(top, {"4001": STANDBY_NAME, "8": STANDBY_NAME})
    assert folded.rows == (("root", "4002", "8", "bash (a cell of dexec-kernel)"),)
    assert folded.note.startswith("dexec-kernel itself: 1 standby ")


@pytest.mark.parametrize("titles", [("A", "B"), ("CMD", "PID")])
def test_titles_may_be_any(titles):
    top = ContainerTop(titles, (("a", "b"),))
    assert fold(top, {}).rows == top.processes


def test_the_driver_gives_a_standby_its_name():
    assert f"printf {STANDBY_NAME} >/proc/$$/comm" in script_text("driver.sh")
