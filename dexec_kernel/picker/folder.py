"""A folder of kernelspecs that is kept up to date while Jupyter reads it.

A kernelspec appears whole or not at all: it is written aside, and renamed.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from dexec_kernel.picker.kernelspecs import BoundSpec

_logger = logging.getLogger(__name__)

_OWNED, _UNFINISHED = "server-", ".new-"
_LOCK = "lock"
#: In seconds: an unfinished folder that is older has nobody who finishes it.
_OLD = 60.0


def write_spec(kernels: Path, aside: Path, spec: BoundSpec, logos: Iterable[Path]) -> bool:
    """Write a kernelspec into the folder ``kernels``; return False when it is there already.

    ``aside`` is an empty folder on the same file system, and is empty again afterwards. Raises
    :class:`OSError`.
    """
    target = kernels / spec.name
    if spec.is_written_in(target):
        return False
    fresh = aside / spec.name
    fresh.mkdir(mode=0o755)
    (fresh / "kernel.json").write_text(spec.to_text(), encoding="utf-8")
    if target.is_dir():
        (fresh / "kernel.json").replace(target / "kernel.json")
        fresh.rmdir()
        return True
    for logo in logos:
        _link(logo, fresh / logo.name)
    fresh.rename(target)
    return True


def remove_spec(kernels: Path, aside: Path, name: str) -> None:
    """Take a kernelspec away, all at once; ``aside`` as in :func:`write_spec`.

    Raises :class:`OSError`.
    """
    (kernels / name).rename(aside / name)
    shutil.rmtree(aside / name)


class SpecFolder:
    """The kernelspecs of one Jupyter server, in a folder that only its user may enter.

    The server holds a lock in it as long as it lives: whoever can take the lock knows that the
    server is gone, and removes the folder (:func:`remove_stale`). May be called from any thread.
    """

    def __init__(self, parent: Path, logos: Sequence[Path]) -> None:
        """Make it in ``parent``, with copies of ``logos``. Raises :class:`OSError`."""
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=parent))
        self._lock = os.open(new / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for name in ("kernels", "aside", "logos"):
                (new / name).mkdir()
            # The package may be updated, and its files removed, while the server runs.
            for logo in logos:
                shutil.copyfile(logo, new / "logos" / logo.name)
            suffix = new.name.removeprefix(_UNFINISHED)
            self._path = new.rename(parent / f"{_OWNED}{os.getpid()}-{suffix}")
        except BaseException:
            os.close(self._lock)
            shutil.rmtree(new, ignore_errors=True)
            raise
        self._logos = sorted((self._path / "logos").iterdir())
        self._busy = threading.Lock()

    @property
    def kernels(self) -> Path:
        """Where Jupyter is to look."""
        return self._path / "kernels"

    def update(self, specs: Iterable[BoundSpec]) -> None:
        """Make the folder have these kernelspecs and no others; do nothing once it is closed.

        Raises :class:`OSError`.
        """
        aside = self._path / "aside"
        wanted = {spec.name: spec for spec in specs}
        with self._busy:
            if self._lock < 0:
                return
            for name in sorted({path.name for path in self.kernels.iterdir()} - set(wanted)):
                remove_spec(self.kernels, aside, name)
            for spec in wanted.values():
                write_spec(self.kernels, aside, spec, self._logos)

    def close(self) -> None:
        """Remove the folder. May be called twice."""
        with self._busy:
            if self._lock >= 0:
                _remove(self._path)
                os.close(self._lock)
                self._lock = -1


def remove_stale(parent: Path) -> None:
    """Remove the folders of servers that are gone without having done so themselves."""
    for path in parent.glob(f"{_UNFINISHED}*"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _OLD:
                _remove(path)
    for path in parent.glob(f"{_OWNED}*"):
        try:
            lock = os.open(path / _LOCK, os.O_RDWR)
        except FileNotFoundError:
            _remove(path)  # Half removed already.
            continue
        except OSError as error:
            _logger.warning("The folder %s cannot be looked at: %s", path, error)
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(path)
        except BlockingIOError:
            continue  # Its server lives.
        finally:
            os.close(lock)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # Another file system, or one without links.
        shutil.copyfile(source, target)


def _remove(path: Path) -> None:
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return
    except OSError as error:
        _logger.warning("The folder %s cannot be removed: %s", path, error)
