"""A new lab: a working example to start from."""

from __future__ import annotations

import shutil
from pathlib import Path

from dexec_kernel.errors import ConfigurationError
from dexec_kernel.lab.lint import NOTEBOOK, check_name, kernel_name

_EXAMPLE = Path(__file__).parent / "example"
#: The name of the example's lab, in its notebook.
_PLACE = "dexec-lab-NAME"


def new_lab(folder: Path) -> list[Path]:
    """Write the example into a folder that is new or empty; return the files.

    Raises :class:`ConfigurationError` for a folder that is not empty or cannot be written, and for
    a name that cannot be a lab's.
    """
    folder = folder.absolute()
    check_name(folder.name)
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ConfigurationError(
                f"{folder} exists already, and is not an empty folder.",
                advice="Name another one, or remove it first.",
            )
        shutil.copytree(_EXAMPLE, folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
        notebook = folder / NOTEBOOK
        text = notebook.read_text(encoding="utf-8").replace(_PLACE, kernel_name(folder.name))
        notebook.write_text(text, encoding="utf-8")
    except OSError as error:
        # copytree raises an error whose value is a list of (source, destination, reason).
        reason = error.strerror or str(error)
        raise ConfigurationError(f"{folder} cannot be written: {reason}.") from error
    return sorted(path for path in folder.rglob("*") if path.is_file())
