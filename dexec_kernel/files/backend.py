"""What copying needs of an engine: ``engine.archive.ArchiveApi`` has it; another may too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from dexec_kernel.engine.files import ArchiveStream, PathStat


class ContainerFiles(Protocol):
    """Stat, and tar archives out and in: see ``engine.archive.ArchiveApi``."""

    async def container_stat_path(self, container: str, path: str) -> PathStat:
        """Look at a path."""
        ...

    async def copy_from_container(self, container: str, path: str) -> ArchiveStream:
        """Begin to read a tar archive."""
        ...

    async def copy_to_container(
        self,
        container: str,
        path: str,
        content: AsyncIterator[bytes],
        *,
        allow_overwrite_dir_with_file: bool = False,
        copy_uid_gid: bool = False,
    ) -> None:
        """Extract a tar archive into an existing folder."""
        ...
