"""What is wrong with a lab, found without running any of it."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from dexec_kernel.errors import ConfigurationError
from dexec_kernel.lab.create import is_shown
from dexec_kernel.lab.parse import parse_lab
from dexec_kernel.lab.spec import Lab
from dexec_kernel.lab.texts import hint_problems, notebook_problems, script_problems
from dexec_kernel.lab.values import volume_fault

FILE, NOTEBOOK, SETUP = "lab.toml", "lab.ipynb", "setup.sh"
CHECKS, SOLUTIONS, HINTS = "checks", "solutions", "hints"
#: In bytes: no file that somebody has written is larger.
_LARGEST = 16 * 1024 * 1024
#: What Jupyter takes as the name of a kernelspec, below ``dexec-lab-``.
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem: the file, by its path in the lab, and a sentence."""

    file: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}: {self.text}"


@dataclass(frozen=True, slots=True)
class Findings:
    """The lab as far as it could be read, None if not at all, and every problem."""

    lab: Lab | None
    problems: tuple[Problem, ...]


def kernel_name(name: str) -> str:
    """Return the name of the kernelspec of a lab whose folder has this name."""
    return f"dexec-lab-{name}"


def check_name(name: str) -> None:
    """Raise :class:`ConfigurationError` for a folder's name that can name no kernelspec."""
    if not _NAME.fullmatch(name):
        plain = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
        suggestion = re.sub(r"[^a-z0-9._-]+", "-", plain).strip("-._")[:80]
        raise ConfigurationError(
            f"A lab's folder cannot be called {name!r}: its name is that of a kernelspec, with"
            " lower-case letters, digits, '.', '-' and '_'.",
            advice=f"For example: {suggestion or 'mylab'}",
        )


def lint(folder: Path) -> Findings:
    """Look at every file of a lab. Raises :class:`ConfigurationError` if there is none."""
    folder = folder.absolute()
    if not folder.is_dir():
        raise ConfigurationError(
            f"There is no folder {folder}.", advice="`dexec-kernel lab new DIR` writes a lab."
        )
    return _Lint(folder).findings()


class _Lint:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._problems: list[Problem] = []

    def findings(self) -> Findings:
        try:
            check_name(self._folder.name)
        except ConfigurationError as error:
            self._add(".", [f"{error.message} {error.advice}"])
        content = self._read(FILE)
        lab: Lab | None = None
        if content is not None:
            lab, problems = parse_lab(content)
            self._add(FILE, [*problems, *(self._volumes(lab) if lab else ())])
        if os.path.lexists(self._folder / SETUP):
            self._script(SETUP)
        tasks = None if lab is None else [task.name for task in lab.tasks]
        self._folder_of(CHECKS, ".sh", tasks, needed=True)
        solutions = self._folder_of(SOLUTIONS, ".sh", tasks, needed=True)
        self._folder_of(HINTS, ".md", tasks, needed=False)
        notebook = self._read(NOTEBOOK)
        if notebook is not None:
            kernel = kernel_name(self._folder.name)
            self._add(
                NOTEBOOK,
                notebook_problems(notebook, kernel=kernel, tasks=tasks, solutions=solutions),
            )
        return Findings(lab, tuple(self._problems))

    def _volumes(self, lab: Lab) -> Iterator[str]:
        """Look at the lab's folders that its containers see. A link may lead anywhere."""
        for volume in {item: None for container in lab.containers for item in container.volumes}:
            if not volume.startswith(".") or volume_fault(volume):
                continue
            source = self._folder / volume.partition(":")[0]
            real = Path(os.path.realpath(source))  # resolve() raises where links go in circles
            if not os.path.exists(source):  # noqa: PTH110 -- exists() of a Path raises
                yield f"volumes: there is no {source.relative_to(self._folder)} in the lab"
            elif not is_shown(real, self._folder):
                yield f"volumes: {volume!r} leads out of the lab, or to its checks"

    def _folder_of(
        self, name: str, suffix: str, tasks: list[str] | None, *, needed: bool
    ) -> dict[str, str]:
        """Look at the files of all tasks in a folder; return their texts by the tasks' names."""
        found: dict[str, str] = {}
        folder = self._folder / name
        files = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        named = {file.removesuffix(suffix): file for file in files if file.endswith(suffix)}
        for file in files:
            task = file.removesuffix(suffix)
            if file.startswith(".") or (tasks is None and task in named):
                continue
            if task not in named:
                self._add(f"{name}/{file}", [f"its name should be TASK{suffix}"])
            elif tasks is not None and task not in tasks:
                near = get_close_matches(task, tasks, 1)
                meant = f"; did you mean {near[0]}{suffix}?" if near else ""
                self._add(f"{name}/{file}", [f"{FILE} has no task {task!r}{meant}"])
        for task in tasks or ():
            path = f"{name}/{task}{suffix}"
            if task not in named:
                if needed:
                    self._add(path, [f"it is missing: the task {task!r} needs it"])
                continue
            text = self._script(path) if suffix == ".sh" else self._hint(path)
            if text is not None:
                found[task] = text
        return found

    def _script(self, path: str) -> str | None:
        text = self._text(path)
        if text is not None:
            self._add(path, script_problems(text))
        return text

    def _hint(self, path: str) -> str | None:
        text = self._text(path)
        if text is not None:
            self._add(path, hint_problems(text))
        return text

    def _text(self, path: str) -> str | None:
        content = self._read(path)
        if content is None:
            return None
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as error:
            self._add(path, [f"it is not UTF-8 text (byte {error.start})"])
            return None

    def _read(self, path: str) -> bytes | None:
        place = self._folder / path
        try:
            if place.exists() and not place.is_file():
                self._add(path, ["it is not a file"])
                return None
            if place.stat().st_size > _LARGEST:
                self._add(path, [f"it has more than {_LARGEST // 1024**2} MiB"])
                return None
            return place.read_bytes()
        except FileNotFoundError:
            self._add(path, ["it is missing"])
        except OSError as error:
            self._add(path, [f"it cannot be read: {error.strerror or error}"])
        return None

    def _add(self, file: str, texts: Iterable[str]) -> None:
        self._problems += [Problem(file, text) for text in texts]
