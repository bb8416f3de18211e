"""Live bars on disk: how each is shown where its kernel is gone, or shows it no more.

A notebook that is saved while a cell runs has the live bar's widget in it. A front end that opens
it later asks the notebook's kernel for the widget, which may be a new kernel, and the server for
the notebook. Both answer from here. A file has no text of a cell, and no output.
"""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_logger = logging.getLogger(__name__)

#: Where the bars are, in Jupyter's data folder.
FOLDER = ("dexec-kernel", "bars")
#: How many bars are kept on disk, and how many of a notebook a front end is told of.
MAX_STORED, MAX_OF_NOTEBOOK = 400, 60

_bar_id = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class StoredBar:
    """A bar that was shown live.

    ``bar_id`` is the id of its widget's model, ``notebook`` the path of its notebook as the kernel
    knows it, ``kernel_id`` the server's name for the kernel, ``host`` and ``pid`` are the kernel's
    process. ``models`` has the state of each model of a bar without buttons, by id, as a front end
    asks for it. ``data`` is the mime bundle of the static bar. Until the cell ``has_ended`` they
    show a cell whose kernel is gone.
    """

    bar_id: str
    notebook: str
    kernel_id: str
    host: str
    pid: int
    has_ended: bool
    models: Mapping[str, Any]
    data: Mapping[str, Any]


def is_gone(bar: StoredBar) -> bool | None:
    """Return whether the process of a bar's kernel has ended; None on another machine.

    A PID that another process has by now passes for the kernel's.
    """
    if bar.host != socket.gethostname():
        return None
    try:
        os.kill(bar.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


class BarFolder:
    """A folder of stored bars. May be used from any thread. Faults are logged: bars get lost."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, bar: StoredBar) -> None:
        """Store a bar, in the place of an older state of it."""
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", encoding="utf-8", dir=self._path, prefix=".", delete=False
            ) as file:
                json.dump(asdict(bar), file)
            # A reader finds the old state or the new one, never half of it.
            os.replace(file.name, self._file(bar.bar_id))  # noqa: PTH105 -- a name, not a path
        except OSError as error:
            _logger.warning("A bar cannot be stored in %s: %s", self._path, error)

    def read(self, bar_id: str) -> StoredBar | None:
        """Return a bar, None where there is none, or no id."""
        return _read(self._file(bar_id)) if _bar_id.fullmatch(bar_id) else None

    def of_notebook(self, notebook: str) -> list[StoredBar]:
        """Return the last bars of a notebook, the newest first."""
        found: list[StoredBar] = []
        for file in self._newest_first():
            bar = _read(file)
            if bar is not None and bar.notebook == notebook:
                found.append(bar)
                if len(found) == MAX_OF_NOTEBOOK:
                    break
        return found

    def prune(self) -> None:
        """Remove all but the newest ``MAX_STORED``."""
        for file in self._newest_first()[MAX_STORED:]:
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                _logger.warning("A stored bar cannot be removed: %s", error)

    def _file(self, bar_id: str) -> Path:
        return self._path / f"{bar_id}.json"

    def _newest_first(self) -> list[Path]:
        dated: list[tuple[float, Path]] = []
        try:
            for file in self._path.glob("*.json"):
                with suppress(FileNotFoundError):  # Another kernel is pruning.
                    dated.append((file.stat().st_mtime, file))
        except OSError as error:
            _logger.warning("The stored bars in %s cannot be listed: %s", self._path, error)
        return [file for _, file in sorted(dated, reverse=True)]


def _read(file: Path) -> StoredBar | None:
    try:
        return StoredBar(**json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        _logger.warning("The stored bar %s cannot be read: %s", file, error)
        return None
