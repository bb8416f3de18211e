"""``dexec-kernel lab``: write a lab, and look for its mistakes."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from dexec_kernel.cli.terminal import complain, say, say_json
from dexec_kernel.lab.lint import Findings, lint
from dexec_kernel.lab.new import new_lab


def write_lab(options: argparse.Namespace) -> int:
    """Write a new lab; return the exit code."""
    folder = Path(options.folder)
    files = new_lab(folder)
    for file in files:
        say(f"written  {folder / file.relative_to(folder.absolute())}")
    say(f"Look for mistakes after each change: dexec-kernel lab lint {shlex.quote(str(folder))}")
    return 0


def lint_lab(options: argparse.Namespace) -> int:
    """Print every problem of a lab; return the exit code, 1 if there is any."""
    found = lint(Path(options.folder))
    if options.json:
        say_json(_to_json(found))
    else:
        _tell(found)
    return int(bool(found.problems))


def _to_json(found: Findings) -> dict[str, object]:
    return {
        "problems": [{"file": item.file, "text": item.text} for item in found.problems],
        "tasks": [task.name for task in found.lab.tasks] if found.lab else None,
        "points": found.lab.points if found.lab else None,
    }


def _tell(found: Findings) -> None:
    for problem in found.problems:
        say(str(problem))
    if found.problems:
        complain(_count(len(found.problems), "problem"))
    elif found.lab is not None:
        lab = found.lab
        parts = (
            _count(len(lab.containers), "container"),
            _count(len(lab.tasks), "task"),
            _count(lab.points, "point"),
        )
        say(f"No problem found in {lab.title!r}: {', '.join(parts)}.")


def _count(number: float, noun: str) -> str:
    return f"{number:g} {noun}{'' if number == 1 else 's'}"
