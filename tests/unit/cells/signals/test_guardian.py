"""The guardian's answers about the cells that it guards."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from dexec_kernel.backend.models import Frame, Stream
from dexec_kernel.cells.signals.guardian import GuardedPlace, Guardians
from dexec_kernel.cells.signals.leftovers import Leftovers
from dexec_kernel.errors import EngineUnavailable
from dexec_kernel.shell.commands import Shell

PLACE = GuardedPlace("c" * 64, "today", Shell.SH, "")


class Guardian:
    """An engine's only exec: it says its PID, and a number for each question, unless paused."""

    def __init__(self):
        self.pid, self.lines, self.answers, self.starts = 99, [], 0, 0
        #: The PIDs, in the container and on the engine's host, of those that were left to others.
        self.left = []
        self.running = asyncio.Event()
        self.running.set()
        self.said = asyncio.Queue()
        self.error = None
        #: What its first starts meet.
        self.refusals = []

    async def exec(self, container, config):
        if self.refusals:
            raise self.refusals.pop()
        self.starts += 1
        self.said = asyncio.Queue()
        self.said.put_nowait(b"7\n")
        return self

    async def inspect(self):
        return None

    async def write(self, data):
        if self.error:
            raise self.error
        self.lines.append(data.decode().split())
        verb, *words = self.lines[-1]
        if verb == "waiting":
            self.answers += 1
            answer = f"{words[1]}{self.answers}{words[1]}".encode()
            # It may arrive in pieces.
            for piece in (answer[:10], answer[10:]):
                self.said.put_nowait(piece)
        elif verb == "end":
            self.said.put_nowait(b"")

    async def read(self):
        await self.running.wait()
        data = await self.said.get()
        if isinstance(data, EngineUnavailable):
            raise data
        return [Frame(Stream.STDOUT, data)] if data else []

    def close(self):
        self.said.put_nowait(b"")


class Execution:
    """A cell whose PID in its container is 12."""

    def __init__(self):
        self.inner_pid, self.left = 12, asyncio.get_running_loop().create_future()
        self.suspicion = ""


@asynccontextmanager
async def beside_a_cell(guardian, execution):
    """Guardians beside a cell that runs."""
    leftovers = Leftovers()
    leftovers.add = lambda left, **_: guardian.left.append((left.inner_pid, left.pid))
    guardians = Guardians(lambda: False, leftovers)
    task = asyncio.create_task(
        guardians.run_guarded(asyncio.Event().wait(), guardian, PLACE, execution)
    )
    yield guardians
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def is_told(guardian):
    """Wait until the guardian knows of the cell."""
    async with asyncio.timeout(1_000):
        while ["add", "12"] not in guardian.lines:  # noqa: ASYNC110 -- the fake has no event
            await asyncio.sleep(0.1)


@pytest.fixture
async def guarded():
    """Guardians, and the guardian of a cell that runs."""
    guardian = Guardian()
    async with beside_a_cell(guardian, Execution()) as guardians:
        await is_told(guardian)
        yield guardians, guardian


async def test_a_cell_whose_pid_comes_late_is_guarded(caplog):
    guardian, execution = Guardian(), Execution()
    execution.inner_pid = None
    async with beside_a_cell(guardian, execution):
        await asyncio.sleep(20)
        assert guardian.lines == []
        execution.inner_pid = 12
        await is_told(guardian)
    assert not caplog.records


async def test_an_engine_that_starts_no_guardian_is_asked_again(caplog):
    guardian = Guardian()
    guardian.refusals = [EngineUnavailable("it is busy"), TimeoutError(), TimeoutError()]
    async with beside_a_cell(guardian, Execution()):
        await is_told(guardian)
    assert guardian.refusals == []
    warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    [warning] = warnings
    assert warning.endswith("the engine takes too long to start its guardian")


async def test_it_answers_for_its_cells_alone(guarded):
    guardians, guardian = guarded
    assert await guardians.look(PLACE.container_id, 12) == "1"
    assert await guardians.look(PLACE.container_id, 12) == "2"
    assert await guardians.look(PLACE.container_id, 13) is None
    assert await guardians.look("d" * 64, 12) is None
    assert guardian.answers == 2


async def test_a_late_answer_is_not_taken_for_the_next(guarded):
    """A paused container answers nothing; it is asked once, whatever time that takes."""
    guardians, guardian = guarded
    guardian.running.clear()
    assert [await guardians.look(PLACE.container_id, 12) for _ in range(3)] == ["", "", ""]
    assert guardian.answers == 1
    guardian.running.set()
    assert await guardians.look(PLACE.container_id, 12) == "2"


@pytest.mark.parametrize("fault", ["ended", "lost", "endless"])
async def test_where_it_cannot_answer_somebody_else_is_asked(guarded, fault):
    guardians, guardian = guarded
    if fault == "ended":
        guardian.close()
    elif fault == "lost":
        guardian.error = EngineUnavailable("gone")
    else:
        for _ in range(3):
            guardian.said.put_nowait(b"x" * 9_000)
    assert await guardians.look(PLACE.container_id, 12) is None


async def test_one_whose_connection_breaks_is_ended_and_another_takes_its_place(caplog):
    """It would end the cell: it takes the end of its stdin for the kernel's."""
    guardian, execution = Guardian(), Execution()
    async with beside_a_cell(guardian, execution) as guardians:
        await is_told(guardian)
        guardian.said.put_nowait(EngineUnavailable("the proxy was restarted"))
        guardian.lines.clear()
        await is_told(guardian)
        assert execution.suspicion
        assert guardian.left == [(7, 99)]
        # The next one has to live for longer before it is replaced at once.
        guardian.lines.clear()
        guardian.said.put_nowait(b"")
        await asyncio.sleep(1)
        assert (guardian.lines, guardian.left) == ([], 2 * [(7, 99)])
        await is_told(guardian)
        assert await guardians.look(PLACE.container_id, 12) == "1"
    assert guardian.lines[-1] == ["end"]
    assert guardian.left == 2 * [(7, 99)]
    assert [record.levelname for record in caplog.records].count("WARNING") == 2


async def test_the_cells_of_a_broken_one_share_the_next(guarded):
    guardians, guardian = guarded
    second = Execution()
    second.inner_pid = 13
    task = asyncio.create_task(
        guardians.run_guarded(asyncio.Event().wait(), guardian, PLACE, second)
    )
    await asyncio.sleep(20)
    guardian.lines.clear()
    guardian.said.put_nowait(b"")
    await asyncio.sleep(20)
    assert guardian.starts == 2
    assert sorted(guardian.lines) == [["add", "12"], ["add", "13"]]
    assert guardian.left == [(7, 99)]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert guardian.lines[-1] == ["del", "13"]
