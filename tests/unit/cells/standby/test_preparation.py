"""What is done between cells: when the next exec is started ahead."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace

import pytest

from dexec_kernel.cells.standby.pool import Standbys
from dexec_kernel.cells.standby.preparation import Preparation
from dexec_kernel.cells.workspace import Workspaces


class Target:
    """A container in which so many execs run."""

    def __init__(self, exec_count):
        self.exec_count = exec_count

    async def client(self):
        return None

    async def running(self):
        return self


@pytest.fixture
def prepared():
    """Prepare in a container with so many execs; returns after which times it did."""

    async def prepare(exec_count, *, is_busy=False):
        loop = asyncio.get_running_loop()
        begun = loop.time()
        done = []
        workspaces = Workspaces(standbys=Standbys(lambda: 1, lambda: False, lambda: 0.0))
        workspace = SimpleNamespace(prepare=lambda: done.append(loop.time() - begun))
        workspaces.of = lambda engine, container: workspace
        preparation = Preparation(
            workspaces,
            Target(exec_count),
            is_busy=lambda: is_busy and loop.time() > begun,
            log=logging.getLogger(),
        )
        await preparation._prepare()
        return done

    return prepare


@pytest.mark.parametrize("exec_count", [0, 1, 4])
async def test_who_is_alone_does_not_wait(prepared, exec_count):
    assert await prepared(exec_count) == [0.0]


async def test_in_a_class_each_waits_for_a_turn(prepared):
    waits = {(await prepared(40))[0] for _ in range(20)}
    assert min(waits) >= 1.999
    assert max(waits) <= 4.001
    assert len(waits) > 10


async def test_a_cell_that_has_begun_meanwhile_is_not_disturbed(prepared):
    assert await prepared(40, is_busy=True) == []
