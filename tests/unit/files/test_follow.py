"""A symbolic link in a container, followed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dexec_kernel.engine.files import PathStat
from dexec_kernel.errors import PathNotFound
from dexec_kernel.files.follow import follow

_SYMLINK = 1 << 27


class Files:
    """Paths with the links among them."""

    def __init__(self, paths: dict[str, str]) -> None:
        self._paths = paths

    async def container_stat_path(self, container: str, path: str) -> PathStat:
        if path not in self._paths:
            raise PathNotFound(f"There is no {path} in {container}.", status=404)
        target = self._paths[path]
        mode = _SYMLINK if target else 0o644
        return PathStat(path, 3, mode, datetime.now(UTC), target)


async def test_a_file_is_itself():
    followed = await follow(Files({"/a/b": ""}), "web", "/a/./b")
    assert followed.path == "/a/b"
    assert followed.require().name == "/a/b"


async def test_a_link_is_what_it_leads_to():
    followed = await follow(Files({"/link": "/file", "/file": ""}), "web", "/link")
    assert followed.path == "/file"
    assert followed.require().name == "/file"


async def test_a_link_to_nothing_has_the_path_that_it_leads_to():
    followed = await follow(Files({"/link": "/gone"}), "web", "/link")
    assert followed.path == "/gone"
    with pytest.raises(PathNotFound, match="no /gone in web"):
        followed.require()


async def test_nothing_is_told_when_it_is_needed():
    followed = await follow(Files({}), "web", "/gone")
    assert (followed.path, type(followed.found)) == ("/gone", PathNotFound)
