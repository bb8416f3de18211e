"""A private folder, locked by its owner. Later owners remove folders of owners that are gone.

The lock shows whether the owner is alive, even if its PID has been reused: the operating system
releases it when the process ends.
"""

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

_LOCK = "lock"
#: In seconds: a folder without a lock is younger than this while its owner makes it.
_YOUNG = 60.0
_ATTEMPTS = 5


class OwnedFolder:
    """A folder in ``parent``, mode 0700, that is locked until :meth:`close` removes it.

    Its name begins with ``prefix``. ``path`` is where it is. May be used from any thread, by one at
    a time. Making it raises :class:`OSError`.
    """

    def __init__(self, parent: Path, prefix: str) -> None:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _attempt in range(_ATTEMPTS):
            self.path = Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-", dir=parent))
            self._lock = _take_lock(self.path)
            if self._lock is not None:
                return
        raise BlockingIOError("Another process took the folder for an abandoned one, repeatedly.")

    @property
    def is_open(self) -> bool:
        """Whether the folder is still there, as far as its owner is concerned."""
        return self._lock is not None

    def close(self) -> None:
        """Remove the folder. May be called twice."""
        if self._lock is not None:
            _remove(self.path)
            os.close(self._lock)
            self._lock = None


def remove_abandoned(parent: Path, prefix: str) -> None:
    """Remove the folders of that prefix in ``parent`` whose owners ended without doing so.

    Failures are logged: the folder stays, and the next owner tries again.
    """
    for path in sorted(parent.glob(f"{prefix}*")):
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
            continue  # Its owner lives.
        except OSError as error:
            _logger.warning("The folder %s cannot be locked: %s", path, error)
        finally:
            os.close(lock)


def _take_lock(path: Path) -> int | None:
    """Return the descriptor that holds the folder's lock; None if another removes the folder."""
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
        return  # Another process was quicker.
    except OSError as error:
        _logger.warning("The folder %s cannot be removed: %s", path, error)
