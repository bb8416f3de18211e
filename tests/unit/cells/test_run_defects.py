"""A cell always gets its reply: something is raised at each point where a cell may meet it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from dexec_kernel.cells import run as run_module
from dexec_kernel.cells import start as start_module
from dexec_kernel.cells.outcome import Exited, Failed
from dexec_kernel.errors import DexecError, InternalError
from tests.unit.support.fake_backend import (
    FOREVER,
    Cell,
    FakeBackend,
    Script,
    exited,
    greeting,
    out,
)

DEFECT = ZeroDivisionError("a defect")


def raising(*_args: Any, **_named: Any) -> None:
    raise DEFECT


#: Where an exec raises. Where the cell does not need to know, it ends as if nothing had happened.
IN_THE_EXEC = {
    "create": Script(create=DEFECT),
    "attach": Script(attach=DEFECT),
    "write": Script([greeting, FOREVER], write=DEFECT),
    "close_write": Script([greeting, FOREVER], close_write=DEFECT),
    "read first": Script([DEFECT]),
    "read later": Script([greeting, out("x"), DEFECT]),
    "inspect": Script([greeting, 0.1], look=DEFECT),
    "inspect at the end": Script([greeting], runs_on=DEFECT),
    "wait": Script([greeting], DEFECT),
}


@pytest.mark.parametrize("script", IN_THE_EXEC.values(), ids=IN_THE_EXEC)
async def test_a_defect_at_the_engine(script, caplog):
    cell = Cell(FakeBackend(script, Script([greeting])))
    outcome = await cell.outcome()
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, InternalError)
    assert outcome.error.__cause__ is DEFECT
    assert "ZeroDivisionError: a defect" in outcome.error.message
    record = next(r for r in caplog.records if r.levelno == logging.ERROR)
    assert record.exc_info is not None
    again = Cell(FakeBackend(Script([greeting])), workspaces=cell.workspaces)
    assert await again.outcome() == Exited(0, "")


def break_output(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    cell.listener.printed = raising


def break_changed(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    cell.listener.changed = raising


def break_standbys(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cell.workspaces.standbys, "take", raising)


def break_guardians(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cell.workspaces.guardians, "beside", raising)


def break_command(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_module, "build_command", raising)


def break_cause(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "cause_of", raising)


def break_session(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cell.workspace, "take_over", raising)


@pytest.mark.parametrize(
    "broken",
    [
        break_output,
        break_changed,
        break_standbys,
        break_guardians,
        break_command,
        break_cause,
        break_session,
    ],
)
async def test_a_defect_in_the_kernel(
    broken: Callable[[Cell, pytest.MonkeyPatch], None], monkeypatch
):
    steps = [greeting, out("x" * 100), 0.05]
    if broken is break_changed:
        steps.append(lambda mark: out(f"{mark}background 0 1{mark}"))
    cell = Cell(FakeBackend(Script(steps, exited(3))))
    broken(cell, monkeypatch)
    outcome = await cell.outcome()
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, InternalError)


async def test_a_defect_while_a_cell_is_interrupted(monkeypatch):
    cell = Cell(FakeBackend(Script([greeting, FOREVER])))
    monkeypatch.setattr(cell.run._ladder, "climb", raising)
    running = asyncio.create_task(cell.outcome())
    await asyncio.wait_for(cell.run._running.wait(), 60)
    cell.run.interrupt()
    outcome = await running
    assert isinstance(outcome.error, InternalError)


async def test_an_error_with_a_name_keeps_it():
    fault = DexecError("known")
    cell = Cell(FakeBackend(Script(create=fault)))
    assert await cell.outcome() == Failed(fault)
