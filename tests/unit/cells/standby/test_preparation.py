"""The work between cells: when the next exec is started ahead."""

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

    async def lately_running(self):
        return self


def make(done, exec_count, *, is_busy=lambda: False):
    """Return a preparation that appends the time of each standby in a container."""
    loop = asyncio.get_running_loop()
    workspaces = Workspaces(standbys=Standbys(lambda: 1, lambda: False, lambda: 0.0))
    workspace = SimpleNamespace(prepare=lambda: done.append(loop.time()))
    workspaces.of = lambda engine, container: workspace
    return Preparation(workspaces, Target(exec_count), is_busy=is_busy, log=logging.getLogger())


@pytest.fixture
def prepared():
    """Prepare in a container with so many execs; returns after which times it did."""

    async def prepare(exec_count, *, is_busy=False):
        loop = asyncio.get_running_loop()
        begun = loop.time()
        done = []
        busy = lambda: is_busy and loop.time() > begun  # noqa: E731 -- it is this short
        await make(done, exec_count, is_busy=busy)._prepare()
        return [time - begun for time in done]

    return prepare


async def test_no_exec_is_started_in_the_moment_after_a_cell():
    """A script may pause the container then, which deadlocks one whose exec is starting."""
    done, begun = [], asyncio.get_running_loop().time()
    preparation = make(done, 0)
    preparation.after_cell()
    await asyncio.sleep(0.2)
    assert done == []
    preparation.after_cell()  # Another cell has ended.
    await asyncio.sleep(0.2)
    assert done == []
    await asyncio.sleep(0.2)
    assert done == [pytest.approx(begun + 0.45)]
    await preparation.aclose()


async def test_the_first_cell_is_prepared_for_at_once():
    done = []
    preparation = make(done, 0)
    preparation.at_start()
    await asyncio.sleep(0.01)
    assert len(done) == 1
    await preparation.aclose()


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
