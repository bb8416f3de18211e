"""Labs for the tests of grading, and notebooks as students hand them in."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from devtools import images, session
from dexec_kernel.grading.submission import CHECK_RECORD
from dexec_kernel.lab.new import new_lab

EXAMPLE = session.ROOT / "notebooks/lab/linux-basics"
_IMAGE = 'image = "debian:stable-slim"'

#: Tried by a student who is not root. None of them ends the notebook.
CHEATS = (
    "eval() { :; }; test() { :; }; [() { :; }; cat() { echo 33; }; stat() { echo 600; }",
    "alias ls='echo -rwx' grep=true case=true",
    """\
mkdir -p ~/evil
for name in sh cat ls grep stat tr sed sort; do
  printf '#!/bin/sh\\nexit 0\\n' >~/evil/$name
  chmod +x ~/evil/$name
done
export PATH=~/evil:$PATH
""",
    "export LD_PRELOAD=/tmp/evil.so ENV=/tmp/evil BASH_ENV=/tmp/evil",
    "unset -f eval test '[' cat stat; unalias -a; export PATH=/usr/bin:/bin; unset LD_PRELOAD",
    "exit() { command exit 0; }; trap 'exit 0' EXIT",
)


def example_lab(parent: Path, image: str = images.DEBIAN) -> Path:
    """Copy the example lab, for an image that there is; return its folder."""
    folder = parent / "linux-basics"
    shutil.copytree(EXAMPLE, folder)
    return _with_image(folder, image)


def small_lab(parent: Path, tasks: Sequence[str]) -> Path:
    """Copy the example lab with some of its tasks, and the cells that they need; return its folder.

    Each check of each notebook takes a second of processor time.
    """
    folder = example_lab(parent)
    toml = folder / "lab.toml"
    beginning, *blocks = re.split(r"(?m)^(?=\[tasks\.)", toml.read_text())
    kept = [block for block in blocks if block.startswith(tuple(f"[tasks.{t}]" for t in tasks))]
    assert len(kept) == len(tasks)
    toml.write_text("".join([beginning, *kept]))
    for file in folder.glob("*/*"):
        if file.stem not in tasks:
            file.unlink()
    path = folder / "lab.ipynb"
    notebook = json.loads(path.read_text())
    needed = (*(f"%check {task}" for task in tasks), "for name in red green blue")
    notebook["cells"] = [
        cell for cell in notebook["cells"] if "".join(cell["source"]).startswith(needed)
    ]
    assert len(notebook["cells"]) == len(needed)
    path.write_text(json.dumps(notebook))
    return folder


def root_lab(parent: Path, image: str = images.BUSYBOX) -> Path:
    """Write the lab of ``lab new``, whose student is root; return its folder."""
    folder = parent / "first-steps"
    new_lab(folder)
    return _with_image(folder, image)


def _with_image(folder: Path, image: str) -> Path:
    toml = folder / "lab.toml"
    text = toml.read_text()
    assert _IMAGE in text
    toml.write_text(text.replace(_IMAGE, f'image = "{image}"'))
    return folder


def solved(
    lab: Path, tasks: Iterable[str] | None = None, *, before: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return the cells of a lab's notebook, with the solutions of some tasks, or of all.

    ``before`` are cells of the student's at the beginning.
    """
    cells = [code(source) for source in before]
    for cell in json.loads((lab / "lab.ipynb").read_text())["cells"]:
        source = "".join(cell["source"])
        if source.startswith("%check "):
            task = source.removeprefix("%check ").strip()
            if tasks is None or task in tasks:
                cells.append(code((lab / f"solutions/{task}.sh").read_text()))
        cells.append(cell)
    return cells


def claimed(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return cells whose checks show that they have passed."""
    for cell in cells:
        source = "".join(cell["source"])
        if source.startswith("%check "):
            task = source.removeprefix("%check ").strip()
            record = {"task": task, "state": "passed", "points": 10, "max_points": 10}
            data = {CHECK_RECORD: record, "text/plain": f"{task}: passed"}
            cell["outputs"] = [{"output_type": "display_data", "data": data, "metadata": {}}]
    return cells


def without_checks(cells: list[dict[str, Any]], tasks: Iterable[str]) -> list[dict[str, Any]]:
    """Return cells without those that check some tasks."""
    gone = {f"%check {task}" for task in tasks}
    return [cell for cell in cells if "".join(cell["source"]) not in gone]


def code(source: str) -> dict[str, Any]:
    """Return a code cell."""
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": source,
    }


def hand_in(path: Path, cells: list[dict[str, Any]]) -> Path:
    """Write a notebook."""
    path.parent.mkdir(parents=True, exist_ok=True)
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    path.write_text(json.dumps(notebook))
    return path
