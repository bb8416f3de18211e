"""The folder of a kernel's logs, private to its user, and removed with the kernel."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

_logger = logging.getLogger(__name__)

_TEMPORARY, _KEPT = "kernel-", "kept-"
_LOCK = "lock"
#: In seconds: a folder without a lock is younger than this while its kernel makes it.
_YOUNG = 60.0
_ATTEMPTS = 5


class LogFolder:
    """Makes log files in a folder of its own in ``parent``. Nothing is made before it is needed.

    The kernel holds a lock in the folder as long as it lives: whoever can take the lock knows that
    the kernel is gone (:func:`remove_stale`), whatever its PID is used for now. With ``keep`` the
    folder stays.
    """

    def __init__(self, parent: Path, *, keep: bool = False) -> None:
        self._parent = parent
        self._keep = keep
        self._path: Path | None = None
        self._lock: int | None = None
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
        path, self._path = self._path, None
        if path is not None and not self._keep:
            _remove(path)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _make(self) -> Path:
        self._parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        prefix = f"{_KEPT if self._keep else _TEMPORARY}{os.getpid()}-"
        for _attempt in range(_ATTEMPTS):
            path = Path(tempfile.mkdtemp(prefix=prefix, dir=self._parent))
            if self._keep:
                return path
            self._lock = _take_lock(path)
            if self._lock is not None:
                return path
        raise BlockingIOError("Another kernel took the folder for a stale one, again and again.")


def remove_stale(parent: Path) -> None:
    """Remove the folders of kernels that are gone without having done so themselves."""
    for path in sorted(parent.glob(f"{_TEMPORARY}*")):
        try:
            is_young = time.time() - path.stat().st_mtime < _YOUNG
            lock = os.open(path / _LOCK, os.O_RDWR)
        except FileNotFoundError:
            if path.is_dir() and not is_young:
                _remove(path)
            continue
        except OSError as error:
            _logger.warning("The folder %s cannot be looked at: %s", path, error)
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(path)
        except BlockingIOError:
            continue  # Its kernel lives.
        except OSError as error:
            _logger.warning("The folder %s cannot be locked: %s", path, error)
        finally:
            os.close(lock)


def _take_lock(path: Path) -> int | None:
    """Return the descriptor that holds the folder's lock; None when someone removes the folder."""
    try:
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with suppress(FileNotFoundError):
            if os.path.samestat((path / _LOCK).stat(), os.fstat(lock)):
                return lock
    except BlockingIOError:
        pass  # It is being removed.
    except OSError:
        os.close(lock)
        raise
    os.close(lock)
    return None


def _remove(path: Path) -> None:
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return  # Someone else was quicker.
    except OSError as error:
        _logger.warning("The folder %s cannot be removed: %s", path, error)
