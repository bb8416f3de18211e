"""A container's processes as ``%ps`` lists them: the user's, and how many are ours. No I/O."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from dexec_kernel.backend.models import ContainerTop
from dexec_kernel.shell.commands import (
    CELL_COMMAND,
    SCRIPT_COMMAND,
    STANDBY_NAME,
    Shell,
    driver_command,
)

_COMMAND_TITLES, _PID_TITLES = ("CMD", "COMMAND"), ("HPID", "PID")
_PARENT_TITLES = ("PPID",)
_script = re.compile(rf"\S+ -p?c {re.escape(SCRIPT_COMMAND)} dexec-([a-z]+)\b")
_cell = re.compile(rf"(\S+) -c {re.escape(CELL_COMMAND)}")
#: The shell of a cell whose own commands have ended (lingering.sh): the exit code and its own PID.
_lingering = re.compile(r"(?:/bin/sh|/proc/\d+/exe -p) -s \d+ \d+")
#: What such a shell does between two looks.
_PAUSE = "sleep 1"
#: The words for ours, one and several; what is not here ends within a moment.
_WORDS = {"guardian": ("guardian", "guardians"), "standby": ("standby", "standbys")}
_OTHERS = ("short look or signal", "short looks and signals")


@dataclass(frozen=True, slots=True)
class Folded:
    """The rows of the user's processes, and a note about ours, "" where there are none."""

    rows: tuple[tuple[str, ...], ...]
    note: str


def has_cells(top: ContainerTop) -> bool:
    """Return whether a shell of ours is among the processes: a cell's, or one that waits."""
    column = _column(top, _COMMAND_TITLES)
    return any(_cell.match(row[column]) for row in top.processes)


def fold(top: ContainerTop, names: Mapping[str, str]) -> Folded:
    """Return the processes without ours, and a cell's shell with a command that can be read.

    ``names`` are the processes' names by their PIDs: only its name tells a shell that waits for a
    cell from one that runs it.
    """
    command_at, pid_at = _column(top, _COMMAND_TITLES), _column(top, _PID_TITLES)
    parent_at = _column(top, _PARENT_TITLES)
    lingering = {row[pid_at] for row in top.processes if _lingering.fullmatch(row[command_at])}
    ours: Counter[str] = Counter()
    rows = []
    for row in top.processes:
        command = row[command_at]
        if command == _PAUSE and parent_at >= 0 and row[parent_at] in lingering:
            ours["pause"] += 1
        elif _lingering.fullmatch(command):
            words = "a cell of dexec-kernel, with processes in the background"
            rows.append((*row[:command_at], words, *row[command_at + 1 :]))
        elif found := _script.match(command):
            ours[found[1]] += 1
        elif (found := _cell.match(command)) is None:
            rows.append(row)
        elif names.get(row[pid_at]) == STANDBY_NAME:
            ours["standby"] += 1
        else:
            words = _words(found[1], command)
            rows.append((*row[:command_at], words, *row[command_at + 1 :]))
    return Folded(tuple(rows), _note(ours))


def _words(shell: str, command: str) -> str:
    """Return the command of a cell's shell; a detached cell has its text among the arguments."""
    start = " ".join(driver_command(Shell(shell)))
    text = command.removeprefix(start) if command.startswith(start) else ""
    return f"{shell} (a cell of dexec-kernel){text}"


def _note(ours: Counter[str]) -> str:
    counts: Counter[tuple[str, str]] = Counter()
    for name, count in ours.items():
        counts[_WORDS.get(name, _OTHERS)] += count
    words = [
        f"{count} {one if count == 1 else several}" for (one, several), count in counts.items()
    ]
    return f"dexec-kernel itself: {', '.join(words)} (%ps -a lists them)" if words else ""


def _column(top: ContainerTop, titles: tuple[str, ...]) -> int:
    """Return the number of the column with the first of these titles that there is."""
    return next((top.titles.index(title) for title in titles if title in top.titles), -1)
