"""The folder of a kernel's logs, private to its user, and removed with the kernel."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from dexec_kernel.folders import OwnedFolder, remove_abandoned

_TEMPORARY, _KEPT = "kernel-", "kept-"


class LogFolder:
    """Makes log files in a folder of its own in ``parent``. Nothing is made before it is needed.

    With ``keep`` the folder stays when the kernel ends.
    """

    def __init__(self, parent: Path, *, keep: bool = False) -> None:
        self._parent = parent
        self._keep = keep
        self._path: Path | None = None
        self._owned: OwnedFolder | None = None
        self._count = 0

    def new_file(self) -> tuple[Path, int]:
        """Make a new file, mode 0600; return its path and its descriptor, for writing.

        Raises :class:`OSError`.
        """
        if self._path is None:
            self._path = self._make()
        self._count += 1
        path = self._path / f"cell-{self._count:04d}.log"
        return path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)

    def close(self) -> None:
        """Remove the folder, unless it is kept. May be called twice."""
        self._path = None
        if self._owned is not None:
            self._owned.close()
            self._owned = None

    def _make(self) -> Path:
        if not self._keep:
            self._owned = OwnedFolder(self._parent, _TEMPORARY)
            return self._owned.path
        self._parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f"{_KEPT}{os.getpid()}-", dir=self._parent))


def remove_stale_logs(parent: Path) -> None:
    """Remove the folders of kernels that ended without doing so themselves."""
    remove_abandoned(parent, _TEMPORARY)
