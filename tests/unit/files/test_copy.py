"""What a copy needs of its target in a container."""

from __future__ import annotations

import pytest

from dexec_kernel.errors import PathNotFound
from dexec_kernel.files.copy import require_folder


class Missing:
    """An engine without the path, and with an advice of its own about it, or with none."""

    def __init__(self, advice):
        self._advice = advice

    async def container_stat_path(self, container, path):
        raise PathNotFound.of(f"no {path} in {container}", advice=self._advice)


async def test_a_missing_folder_is_to_be_made():
    with pytest.raises(PathNotFound, match=r"no folder /srv in .* 'web'") as caught:
        await require_folder(Missing(""), "web", "/srv")
    assert caught.value.advice == "Make it: mkdir -p /srv"


async def test_a_folder_that_the_engine_does_not_reach_is_not_to_be_made():
    with pytest.raises(PathNotFound, match="no /dev/shm") as caught:
        await require_folder(Missing("use a cell"), "web", "/dev/shm")
    assert caught.value.advice == "use a cell"
