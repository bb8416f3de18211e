"""Standbys: the cells that get one, and the end of those that are of no use."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from dexec_kernel.cells.outcome import Exited
from dexec_kernel.cells.source.options import CellOptions
from dexec_kernel.cells.standby.pool import Standbys
from dexec_kernel.cells.workspace import Workspaces
from dexec_kernel.errors import CellNotRun, EngineUnavailable, ExecLost, StreamCutOff
from dexec_kernel.shell.state import ShellState
from tests.unit.support.fake_backend import (
    CONTAINER,
    FOREVER,
    Cell,
    FakeBackend,
    Script,
    Until,
    err,
    exited,
    greeting,
    missing,
    out,
    waits,
)

OLD = ShellState({"variable A": b"A=1"}, folder="/")
NEW = ShellState({"variable A": b"A=2"}, folder="/srv")


def has_cell(mark):
    return err(f"{mark}cell /work{mark}")


def serves(text="hi\n"):
    """An exec that waits for its cell, and runs it."""
    return Script([waits, Until.SENT, has_cell, out(text)])


class Pool:
    """Workspaces with standbys, and the settings of these."""

    def __init__(self, size=1, timeout=0.0):
        self.size = size
        self.queued = False
        self.standbys = Standbys(lambda: self.size, lambda: self.queued, lambda: timeout)
        self.workspaces = Workspaces(standbys=self.standbys)

    async def prepare(self, backend, container=CONTAINER):
        self.workspaces.of(backend, container).prepare()
        await asyncio.sleep(0.01)

    def set_state(self, state):
        self.workspaces.of(FakeBackend(), CONTAINER).session.state = state

    def cell(self, backend, source="true", options=None):
        return Cell(backend, source, self.workspaces, options)


@pytest.fixture
async def pool():
    pool = Pool()
    yield pool
    await pool.standbys.aclose()


async def test_a_cell_runs_in_the_exec_that_waits_for_it(pool):
    backend = FakeBackend(serves())
    await pool.prepare(backend)
    assert pool.standbys.count == 1
    cell = pool.cell(backend, "echo hi")
    assert await cell.outcome() == Exited(0, "")
    assert cell.stdout == "hi\n"
    assert len(backend.configs) == 1
    [connection] = backend.attached
    assert connection.sent.splitlines()[1:2] == [b"echo hi"]
    assert connection.closed
    snapshot = cell.run.snapshot()
    assert (snapshot.exec_id, snapshot.pid, snapshot.cwd) == ("exec-1", 99, "/work")
    assert pool.standbys.count == 0


async def test_it_is_started_with_the_state_of_the_session(pool):
    pool.set_state(OLD)
    backend = FakeBackend(serves())
    await pool.prepare(backend)
    env = backend.configs[0].env
    assert env["DEXEC_STATE_0"] == "A=1"
    assert "__dexec_folder=/;" in env["DEXEC_SETTINGS"]
    assert "__dexec_standby=1;" in env["DEXEC_SETTINGS"]
    await pool.cell(backend, "echo hi").outcome()
    assert b"\necho hi\n" in backend.attached[0].sent
    assert b"state\n" not in backend.attached[0].sent


async def test_one_whose_session_has_gone_on_is_replaced(pool):
    pool.set_state(OLD)
    backend = FakeBackend(serves(), serves())
    await pool.prepare(backend)
    pool.set_state(NEW)
    await pool.prepare(backend)
    assert backend.attached[0].closed
    assert backend.configs[1].env["DEXEC_STATE_0"] == "A=2"
    assert pool.standbys.count == 1


async def test_while_cells_are_queued_the_state_comes_with_the_cell(pool):
    pool.set_state(OLD)
    pool.queued = True
    backend = FakeBackend(*(serves() for _ in range(4)))
    await pool.prepare(backend)
    assert pool.standbys.count == 3
    pool.set_state(NEW)
    await pool.prepare(backend)
    assert not backend.attached[0].closed
    cell = pool.cell(backend, "echo hi")
    assert await cell.outcome() == Exited(0, "")
    sent = backend.attached[0].sent
    assert b"\nA=2\n__dexec_late=''\n__dexec_folder='/srv'\n" in sent
    assert sent.index(b"state\n") < sent.index(b"echo hi")
    # Another was begun when this one was taken.
    assert len(backend.configs) == 4


async def test_when_the_queue_has_ended_one_is_enough(pool):
    pool.queued = True
    backend = FakeBackend(*(serves() for _ in range(3)))
    await pool.prepare(backend)
    pool.queued = False
    await pool.prepare(backend)
    assert pool.standbys.count == 1
    assert [connection.closed for connection in backend.attached] == [False, True, True]


async def test_a_state_that_has_lost_something_goes_to_a_new_exec(pool):
    pool.set_state(dataclasses.replace(OLD, pieces={**OLD.pieces, "variable GONE": b"GONE=1"}))
    pool.queued = True
    backend = FakeBackend(*(serves() for _ in range(3)), Script([greeting, out("cold\n")]))
    await pool.prepare(backend)
    pool.set_state(NEW)
    pool.size = 0
    cell = pool.cell(backend)
    assert await cell.outcome() == Exited(0, "")
    assert cell.stdout == "cold\n"
    assert [connection.sent for connection in backend.attached[:3]] == [b"", b"", b""]


@pytest.mark.parametrize(
    "options",
    [
        CellOptions(user="student"),
        CellOptions(workdir="/srv"),
        CellOptions(privileged=True),
    ],
)
async def test_a_cell_with_such_options_gets_an_exec_of_its_own(pool, options):
    backend = FakeBackend(serves(), Script([greeting, out("own\n")]))
    await pool.prepare(backend)
    cell = pool.cell(backend, options=options)
    await cell.outcome()
    assert cell.stdout == "own\n"
    assert pool.standbys.count == 1


async def test_variables_and_commands_are_no_reason_for_another_exec(pool):
    backend = FakeBackend(serves())
    await pool.prepare(backend)
    options = CellOptions(env={"A": "x y"}, command=("cat", "-n"))
    await pool.cell(backend, "the body\n", options).outcome()
    [connection] = backend.attached
    assert b"export A='" in connection.sent
    assert b"\nexec cat -n\n" in connection.sent
    assert connection.sent.endswith(b"\nthe body\n")
    assert connection.ended


@pytest.mark.parametrize("end", [[], [StreamCutOff("cut")], [EngineUnavailable("gone")]])
async def test_one_that_has_ended_is_sent_nothing(pool, end):
    backend = FakeBackend(Script([waits, *end]), Script([greeting, out("cold\n")]))
    await pool.prepare(backend)
    assert pool.standbys.count == 0
    cell = pool.cell(backend)
    assert await cell.outcome() == Exited(0, "")
    assert cell.stdout == "cold\n"
    assert backend.attached[0].sent == b""


async def test_one_that_ends_before_it_has_the_cell_leaves_it_to_another(pool):
    dying = Script([waits, Until.SENT, err("Killed\n")], exited(137))
    backend = FakeBackend(dying, Script([greeting, out("cold\n")]))
    await pool.prepare(backend)
    cell = pool.cell(backend, "echo once")
    assert await cell.outcome() == Exited(0, "")
    assert (cell.stdout, cell.stderr) == ("cold\n", "")
    assert cell.run.snapshot().exec_id == "exec-2"


async def test_one_that_ends_after_it_has_the_cell_has_run_it(pool):
    dying = Script([waits, Until.SENT, has_cell, out("half\n")], exited(137))
    backend = FakeBackend(dying)
    await pool.prepare(backend)
    cell = pool.cell(backend)
    assert await cell.outcome() == Exited(137, "SIGKILL")
    assert cell.stdout == "half\n"


async def test_where_the_connection_is_lost_the_cell_is_not_run_again(pool):
    fault = EngineUnavailable("gone")
    backend = FakeBackend(Script([waits, Until.SENT, fault]))
    await pool.prepare(backend)
    outcome = await pool.cell(backend).outcome()
    assert isinstance(outcome.error, ExecLost)
    assert outcome.error.__cause__ is fault
    assert len(backend.configs) == 1


@pytest.mark.parametrize("code", [0, 1])
async def test_where_it_may_have_run_the_cell_it_is_not_run_again(pool, code):
    backend = FakeBackend(Script([waits, Until.SENT], exited(code)))
    await pool.prepare(backend)
    outcome = await pool.cell(backend).outcome()
    assert isinstance(outcome.error, CellNotRun)
    assert len(backend.configs) == 1


async def test_a_cell_that_could_not_be_sent_is_run_by_another(pool):
    broken = Script([waits, Until.SENT, EngineUnavailable("gone")], write=EngineUnavailable("x"))
    backend = FakeBackend(broken, Script([greeting, out("cold\n")]))
    await pool.prepare(backend)
    cell = pool.cell(backend)
    assert await cell.outcome() == Exited(0, "")
    assert cell.stdout == "cold\n"


@pytest.mark.parametrize("change", [{"started_at": "later"}, {"id": "d" * 64}])
async def test_a_container_that_was_restarted_or_replaced_has_none(pool, change):
    backend = FakeBackend(serves(), serves())
    await pool.prepare(backend)
    other = dataclasses.replace(CONTAINER, **change)
    assert await pool.standbys.take(other, None) is None
    await pool.prepare(backend, other)
    assert backend.attached[0].closed
    assert pool.standbys.count == 1


async def test_a_cell_waits_for_one_that_is_being_started(pool):
    backend = FakeBackend(Script([0.1, waits, Until.SENT, has_cell, out("hi\n")]))
    await pool.prepare(backend)
    cell = pool.cell(backend)
    assert await cell.outcome() == Exited(0, "")
    assert len(backend.configs) == 1


async def test_a_cell_does_not_wait_for_ever(pool, monkeypatch):
    monkeypatch.setattr("dexec_kernel.cells.standby.pool._PATIENCE", 0.05)
    backend = FakeBackend(Script([FOREVER]), Script([greeting, out("cold\n")]))
    await pool.prepare(backend)
    cell = pool.cell(backend)
    assert await cell.outcome() == Exited(0, "")
    assert cell.stdout == "cold\n"


async def test_an_interrupt_while_it_waits_runs_nothing(pool):
    backend = FakeBackend(Script([FOREVER]))
    await pool.prepare(backend)
    cell = pool.cell(backend)
    cell.run.interrupt()
    assert type(await cell.outcome()).__name__ == "Interrupted"
    assert backend.attached[0].sent == b""
    assert pool.standbys.count == 1


async def test_the_shells_are_tried_in_turn(pool):
    backend = FakeBackend(missing("bash"), serves())
    await pool.prepare(backend)
    assert [config.cmd[0] for config in backend.configs] == ["bash", "sh"]
    assert pool.standbys.count == 1


async def test_an_image_without_a_shell_has_none(pool):
    backend = FakeBackend(missing("bash"), missing("sh"))
    await pool.prepare(backend)
    assert pool.standbys.count == 0


async def test_where_stdin_does_not_pass_there_is_none(pool):
    backend = FakeBackend(Script([greeting, FOREVER], upgraded=False))
    await pool.prepare(backend)
    assert pool.standbys.count == 0
    assert backend.attached[0].closed


async def test_none_is_started_where_none_is_wanted(pool):
    pool.size = 0
    pool.queued = True
    backend = FakeBackend()
    await pool.prepare(backend)
    assert pool.standbys.count == 0


async def test_they_are_let_go_after_a_while():
    pool = Pool(timeout=0.05)
    backend = FakeBackend(serves())
    await pool.prepare(backend)
    assert pool.standbys.count == 1
    await asyncio.sleep(0.1)
    assert pool.standbys.count == 0
    assert backend.attached[0].closed


async def test_closing_ends_those_that_wait_and_those_that_start():
    pool = Pool(size=2)
    backend = FakeBackend(serves(), Script([FOREVER]))
    await pool.prepare(backend)
    await pool.standbys.aclose()
    assert [connection.closed for connection in backend.attached] == [True, True]


async def test_shell_that_floods_before_its_first_word_is_no_standby():
    """It would be kept for the cell, and took hundreds of MB."""
    flood = [out("x" * 100_000)] * 10_000
    pool = Pool()
    backend = FakeBackend(Script(flood), Script([greeting, out("x")]))
    await pool.prepare(backend)
    await asyncio.sleep(10)
    assert not pool.standbys.count
    assert backend.attached[0].closed
    assert len(backend.attached[0]._steps) > 9_900
    assert await pool.cell(backend).outcome() == Exited(0, "")


async def test_what_a_shell_floods_before_its_first_word_is_bounded_as_all_output():
    flood = [out("x" * 100_000)] * 1_000
    cell = Cell(FakeBackend(Script([*flood, greeting, out("y")])))
    assert await cell.outcome() == Exited(0, "")
    assert cell.stdout.endswith("y")
    assert len(cell.stdout) < 3 * 1024 * 1024
    assert "bytes, 0 lines left out" in cell.stderr
    assert "left out" in cell.stderr
