"""A symbolic link in a container, followed."""

from __future__ import annotations

from dataclasses import dataclass

from dexec_kernel.backend.models import PathStat
from dexec_kernel.backend.protocol import Files
from dexec_kernel.errors import PathNotFound
from dexec_kernel.files.paths import normal_path


@dataclass(frozen=True, slots=True)
class Followed:
    """The path that another leads to, and its stat, or the error that says that it is missing."""

    path: str
    found: PathStat | PathNotFound

    def require(self) -> PathStat:
        """Return the stat. Raises :class:`PathNotFound`."""
        if isinstance(self.found, PathNotFound):
            raise self.found
        return self.found


async def follow(files: Files, container: str, path: str) -> Followed:
    """Look at a path; a symbolic link means its target.

    The engine resolves a link completely, so that one step is enough. Raises the engine's errors,
    except the one for a path that does not exist.
    """
    path = normal_path(path)
    try:
        found = await files.container_stat_path(container, path)
        if found.is_symlink:
            path = found.link_target
            found = await files.container_stat_path(container, path)
    except PathNotFound as error:
        return Followed(path, error)
    return Followed(path, found)
