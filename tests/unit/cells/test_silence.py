"""Streams that stay open, and through which nothing comes any more."""

from __future__ import annotations

import asyncio

import pytest

from dexec_kernel.cells.outcome import Exited
from dexec_kernel.cells.silence import STALLED_NOTE
from dexec_kernel.cells.source.options import CellOptions
from dexec_kernel.errors import CellNotRun, EngineUnavailable, ExecLost
from tests.unit.support.fake_backend import (
    FOREVER,
    Cell,
    FakeBackend,
    Script,
    err,
    exited,
    greeting,
    out,
    waits,
)


async def end_of(cell: Cell) -> object:
    return await asyncio.wait_for(cell.run.run(), 100_000)


@pytest.mark.parametrize("options", [CellOptions(), CellOptions(command=("x",))])
async def test_exec_that_has_exited_prints_no_more(options):
    script = Script([greeting, out("x"), FOREVER], exited(3), look=exited(3))
    cell = Cell(FakeBackend(script), options=options)
    assert await end_of(cell) == Exited(3, "")
    assert STALLED_NOTE in cell.run.snapshot().note
    assert cell.stdout == "x"


async def test_output_that_comes_late_is_waited_for():
    script = Script([greeting, out("x"), 15.0, out("y"), 8.0, out("z")], look=exited(0))
    cell = Cell(FakeBackend(script))
    assert await end_of(cell) == Exited(0, "")
    assert cell.stdout == "xyz"
    assert STALLED_NOTE not in cell.run.snapshot().note


async def test_last_word_is_enough():
    last = [lambda mark: err(f"{mark}folder /{mark}"), FOREVER]
    cell = Cell(FakeBackend(Script([greeting, *last], look=exited(0))))
    assert await end_of(cell) == Exited(0, "")
    assert "missing" not in cell.run.snapshot().note


async def test_cell_that_prints_nothing_is_waited_for():
    cell = Cell(FakeBackend(Script([greeting, 50_000.0, out("x")])))
    assert await end_of(cell) == Exited(0, "")
    assert cell.stdout == "x"


@pytest.mark.parametrize("steps", [[], [waits]])
async def test_shell_that_says_nothing_is_not_waited_for(steps):
    backend = FakeBackend(Script([*steps, FOREVER]))
    cell = Cell(backend)
    outcome = await end_of(cell)
    assert isinstance(outcome.error, ExecLost)
    assert "said nothing for 60 s" in outcome.error.message
    assert "may still be running" in outcome.error.message
    assert sum("DEXEC_DRIVER" in config.env for config in backend.configs) == 1


async def test_shell_that_has_ended_unheard():
    outcome = await end_of(Cell(FakeBackend(Script([FOREVER], exited(1), look=exited(1)))))
    assert isinstance(outcome.error, ExecLost | CellNotRun)


async def test_engine_that_is_gone_meanwhile_ends_nothing():
    script = Script([greeting, 500.0, out("x")], look=EngineUnavailable("gone"))
    cell = Cell(FakeBackend(script))
    assert await end_of(cell) == Exited(0, "")
    assert cell.stdout == "x"
