"""Cells whose end nobody saw are asked after again with the next cells."""

from __future__ import annotations

import asyncio

import pytest

from dexec_kernel.backend.models import ExecInspect, ExecState
from dexec_kernel.cells.lost import MAX_LOST, LostExecs
from dexec_kernel.cells.outcome import Exited
from dexec_kernel.errors import EngineUnavailable, ExecLost, ExecNotFound, StreamCutOff
from tests.unit.support.fake_backend import (
    CONTAINER,
    RUNNING,
    Cell,
    FakeBackend,
    Script,
    err,
    exited,
    greeting,
)

LAST = [greeting, lambda mark: err(f"{mark}folder /{mark}")]
GONE = ExecNotFound("x", status=404)
#: Where nothing tells how it ended, as in a pod.
GONE_BY = ExecInspect("e", CONTAINER.id, ExecState.EXITED, None, None)
NEW = ExecInspect("e", CONTAINER.id, ExecState.NOT_STARTED, None, None)


@pytest.mark.parametrize(
    ("found", "said", "is_asked_again"),
    [
        (exited(3), "has ended since, exit code 3", False),
        (exited(126), "or the engine lost it", False),
        (RUNNING, "still runs, PID 99", True),
        (GONE, "not known to the engine any more", False),
        (NEW, "was not started", False),
        (GONE_BY, "has ended since", False),
        (EngineUnavailable("no"), "", True),
    ],
)
async def test_next_cell_tells(found, said, is_asked_again):
    backend = FakeBackend(Script([greeting, StreamCutOff("cut")]), *[Script(LAST)] * 2)
    lost = Cell(backend)
    assert isinstance((await lost.outcome()).error, ExecLost)
    assert "lost cell" not in lost.run.snapshot().note
    backend.inspects["exec-1"] = found
    following = Cell(backend, workspaces=lost.workspaces)
    assert await following.outcome() == Exited(0, "")
    assert said in following.run.snapshot().note
    assert ("exec-1" in following.run.snapshot().note) == bool(said)
    backend.inspects["exec-1"] = exited(5)
    third = Cell(backend, workspaces=lost.workspaces)
    await third.outcome()
    assert ("exit code 5" in third.run.snapshot().note) is is_asked_again


async def test_answer_that_does_not_come_is_not_waited_for():
    class Hanging(FakeBackend):
        async def container_exec_inspect(self, exec_id):
            await asyncio.Event().wait()

    lost, notes = LostExecs(), []
    lost.add("a")
    lost.add(None)
    async with lost.told(Hanging(), notes):
        pass
    assert notes == []


async def test_the_latest_are_remembered():
    lost, notes, backend = LostExecs(), [], FakeBackend()
    for number in range(100):
        lost.add(f"e{number}")
        backend.inspects[f"e{number}"] = exited(0)
    async with lost.told(backend, notes):
        pass
    assert len(notes) == MAX_LOST
    assert "exec e99 " in notes[-1]
