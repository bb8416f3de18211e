"""The folder of a kernel's logs, private to its user, bounded, and removed with the kernel."""

from __future__ import annotations

import errno
import logging
import os
import tempfile
import threading
from pathlib import Path

from dexec_kernel.folders import OwnedFolder, remove_abandoned
from dexec_kernel.served_logs import KEPT, TEMPORARY, log_name

_logger = logging.getLogger(__name__)

#: How many logs of the greatest length a kernel has at most, all of its logs together.
MAX_FULL_LOGS = 4
#: How many files a kernel has at most, however short they are.
MAX_FILES = 1000


class LogFolder:
    """Makes log files in a folder of its own in ``parent``. Nothing is made before it is needed.

    With ``keep`` the folder stays when the kernel ends. All files together have at most
    ``MAX_FULL_LOGS`` times the bytes that the latest may have: the oldest are removed for it.
    """

    def __init__(self, parent: Path, *, keep: bool = False) -> None:
        self._parent = parent
        self._keep = keep
        #: The files that there are, the oldest first: the bytes that one which is open may come to
        #: have, None for one that is closed. Writers close theirs in threads of their own.
        self._files: dict[Path, int | None] = {}
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._owned: OwnedFolder | None = None
        self._count = 0

    def new_file(self, size: int) -> tuple[Path, int]:
        """Make a new file, mode 0600; return its path and its descriptor, for writing.

        It has ``size`` bytes at most; older files are removed to make room. The caller tells
        :meth:`closed`. Raises :class:`OSError`, also where those that are open leave no room.
        """
        if self._path is None:
            self._path = self._make()
        with self._lock:
            self._make_room(size)
            self._count += 1
            path = self._path / log_name(self._count)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
            descriptor = os.open(path, flags, 0o600)
            self._files[path] = size
        return path, descriptor

    def closed(self, path: Path) -> None:
        """Take in that nothing more is written to a file. Called from any thread."""
        with self._lock:
            if path in self._files:
                self._files[path] = None

    def _make_room(self, size: int) -> None:
        """Remove the oldest files that are closed, until one of that size has room."""
        sizes = {path: _size(path) if n is None else n for path, n in self._files.items()}
        excess = sum(sizes.values()) + size - MAX_FULL_LOGS * size
        for path in [path for path, open_size in self._files.items() if open_size is None]:
            if excess > 0 or len(self._files) >= MAX_FILES:
                path.unlink(missing_ok=True)
                excess -= sizes[path]
                del self._files[path]
                _logger.info("The log %s is gone, for a later one.", path)
        if excess > 0:
            raise OSError(errno.EDQUOT, f"{MAX_FULL_LOGS} logs are being written already")

    def close(self) -> None:
        """Remove the folder, unless it is kept. May be called twice."""
        self._path = None
        if self._owned is not None:
            self._owned.close()
            self._owned = None

    def _make(self) -> Path:
        if not self._keep:
            self._owned = OwnedFolder(self._parent, TEMPORARY)
            return self._owned.path
        self._parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f"{KEPT}{os.getpid()}-", dir=self._parent))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def remove_stale_logs(parent: Path) -> None:
    """Remove the folders of kernels that ended without doing so themselves."""
    remove_abandoned(parent, TEMPORARY)
