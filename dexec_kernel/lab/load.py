"""A lab's folder, read to be run."""

from __future__ import annotations

from pathlib import Path

from dexec_kernel.errors import LabUnusable
from dexec_kernel.lab.parse import parse_lab
from dexec_kernel.lab.spec import Lab

FILE = "lab.toml"


def load_lab(folder: Path) -> Lab:
    """Read the lab in a folder. Raises :class:`LabUnusable` for one that cannot be run."""
    file = folder / FILE
    advice = f"`dexec-kernel lab lint {folder}` finds every mistake."
    try:
        content = file.read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise LabUnusable(
            f"The lab cannot be read ({file}: {reason}).",
            advice="If its folder has moved, install it again: dexec-kernel lab install DIR",
        ) from error
    lab, problems = parse_lab(content)
    if lab is None or problems:
        raise LabUnusable(f"{file}: {problems[0]}.", output="\n".join(problems), advice=advice)
    return lab
