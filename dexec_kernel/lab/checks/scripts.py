"""The texts of a lab that the student does not see: its checks and hints, read when needed."""

from __future__ import annotations

from pathlib import Path

from dexec_kernel.errors import LabUnusable
from dexec_kernel.lab.checks.script import CheckScript
from dexec_kernel.lab.texts import hints

CHECKS, HINTS = "checks", "hints"


class LabTexts:
    """The texts of the lab in ``folder``. A task is one of ``lab.toml``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def check(self, task: str) -> CheckScript:
        """Return the check of a task. Raises :class:`LabUnusable`."""
        text = self._read(f"{CHECKS}/{task}.sh")
        if text is None:
            raise LabUnusable(f"The task {task!r} of the lab has no check.")
        return CheckScript(text)

    def hints(self, task: str) -> tuple[str, ...]:
        """Return the hints of a task, in Markdown; none for a task without. Raises as above."""
        text = self._read(f"{HINTS}/{task}.md")
        return () if text is None else tuple(hint for hint in hints(text) if hint)

    def _read(self, path: str) -> str | None:
        try:
            return (self._folder / path).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            # Not the error's own words: a student sees them, and they name folders.
            raise LabUnusable(f"The lab's {path} cannot be read.") from error
