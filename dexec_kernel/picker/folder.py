"""A folder of kernelspecs that is kept up to date while Jupyter reads it.

A kernelspec appears as a whole: it is written in another folder and then renamed.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable
from pathlib import Path

from dexec_kernel.folders import OwnedFolder, remove_abandoned
from dexec_kernel.picker.kernelspecs import BoundSpec

_OWNED = "server-"


def write_spec(kernels: Path, aside: Path, spec: BoundSpec) -> bool:
    """Write a kernelspec into the folder ``kernels``; return False when it is there already.

    ``aside`` is an empty folder on the same file system, and is empty again afterwards. Raises
    :class:`OSError`.
    """
    target = kernels / spec.name
    if spec.is_written_in(target):
        return False
    fresh = aside / spec.name
    fresh.mkdir(mode=0o755)
    for name, data in spec.files().items():
        (fresh / name).write_bytes(data)
    if target.is_dir():
        for path in fresh.iterdir():
            path.replace(target / path.name)
        fresh.rmdir()
        return True
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

    Each has a folder of its own for Jupyter to search: what is in one folder is found in any order,
    and Notebook 7's menu is in the order in which kernelspecs are found.

    It may be used from any thread. :func:`remove_stale_specs` removes a killed server's folder.
    """

    def __init__(self, parent: Path) -> None:
        """Make it in ``parent``. Raises :class:`OSError`."""
        self._folder = OwnedFolder(parent, _OWNED)
        self._path = self._folder.path
        try:
            for name in ("kernels", "aside"):
                (self._path / name).mkdir()
        except BaseException:
            self._folder.close()
            raise
        self._busy = threading.Lock()

    def owns(self, folder: str) -> bool:
        """Return whether a folder that Jupyter searches is, or was, one of these."""
        return Path(folder).parent == self.kernels

    @property
    def kernels(self) -> Path:
        """The folder with those for Jupyter to search."""
        return self._path / "kernels"

    def update(self, specs: Iterable[BoundSpec]) -> list[str]:
        """Write these kernelspecs and remove all others.

        Returns the folders for Jupyter to search, in the order of ``specs``; none once it is
        closed. Raises :class:`OSError`.
        """
        aside = self._path / "aside"
        wanted = {spec.name: spec for spec in specs}
        with self._busy:
            if not self._folder.is_open:
                return []
            for name in sorted({path.name for path in self.kernels.iterdir()} - set(wanted)):
                remove_spec(self.kernels, aside, name)
            for spec in wanted.values():
                folder = self.kernels / spec.name
                folder.mkdir(exist_ok=True)
                write_spec(folder, aside, spec)
            return [str(self.kernels / name) for name in wanted]

    def close(self) -> None:
        """Remove the folder. May be called twice."""
        with self._busy:
            self._folder.close()


def remove_stale_specs(parent: Path) -> None:
    """Remove the folders of servers that were killed."""
    remove_abandoned(parent, _OWNED)
