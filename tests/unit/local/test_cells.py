"""Whole cells on a backend without an engine: session, interrupt, background, standby."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace

import pytest

from dexec_kernel.cells.limits import CellLimits
from dexec_kernel.cells.outcome import (
    Backgrounded,
    Exited,
    Failed,
    Interrupted,
    Outcome,
    State,
    Stopped,
)
from dexec_kernel.cells.output.text import Piece
from dexec_kernel.cells.run import CellRun
from dexec_kernel.cells.source.cell import Cell
from dexec_kernel.cells.source.options import CellOptions
from dexec_kernel.cells.standby.pool import Standbys
from dexec_kernel.cells.workspace import Workspaces
from dexec_kernel.errors import ContainerNotRunning
from dexec_kernel.local.backend import LocalBackend

GUARD = 120.0


@pytest.fixture
async def backend(real_time, tmp_path):
    async with LocalBackend(folder=str(tmp_path)) as ours:
        yield ours


@pytest.fixture
async def cells(backend):
    return Cells(backend)


class Running:
    """A cell that runs, with its output so far."""

    def __init__(
        self, backend: LocalBackend, workspaces: Workspaces, source: str, options: CellOptions
    ) -> None:
        self.pieces: list[Piece] = []
        self._printed = asyncio.Event()
        self.run = CellRun(
            workspaces.of(backend, backend.container),
            Cell(body=source, options=options),
            CellLimits(interrupt_grace=30.0),
            self,
        )
        self._task = asyncio.create_task(self.run.run())

    def printed(self, pieces: list[Piece]) -> None:
        self.pieces += pieces
        self._printed.set()

    def changed(self) -> None:
        """Nothing is shown."""

    def text(self, stream: str = "stdout") -> str:
        return "".join(piece.text for piece in self.pieces if piece.stream == stream)

    async def until(self, is_enough: Callable[[str], bool]) -> None:
        async with asyncio.timeout(GUARD):
            while not is_enough(self.text()):
                await self._printed.wait()
                self._printed.clear()

    async def outcome(self) -> Outcome:
        async with asyncio.timeout(GUARD):
            return await self._task


class Cells:
    """The cells of one session."""

    def __init__(self, backend: LocalBackend, workspaces: Workspaces | None = None) -> None:
        self._backend = backend
        self.workspaces = workspaces or Workspaces()

    def begin(self, source: str, **options: object) -> Running:
        return Running(self._backend, self.workspaces, source, CellOptions(**options))

    async def __call__(self, source: str, **options: object) -> tuple[Outcome, str]:
        cell = self.begin(source, **options)
        outcome = await cell.outcome()
        assert cell.text("stderr") == ""
        return outcome, cell.text()


async def test_state_carries_over_and_the_exit_code_is_the_cell_s(cells, tmp_path):
    (tmp_path / "sub").mkdir()
    first, _ = await cells("cd sub; A=1; export B='two words'; f() { echo f$1; }; exit 3")
    assert isinstance(first, Exited)
    assert first.exit_code == 3
    outcome, text = await cells('echo "$A $B"; f x; pwd')
    assert outcome == Exited(0, "")
    assert text == f"1 two words\nfx\n{tmp_path / 'sub'}\n"


async def test_options_hold_for_one_cell(cells):
    outcome, text = await cells("echo $PWD $C", workdir="/", env={"C": "c"})
    assert (outcome, text) == (Exited(0, ""), "/ c\n")
    assert (await cells('echo "${C-unset}"'))[1] == "unset\n"


async def test_an_interrupt_ends_the_cell_and_its_children_and_keeps_the_state(cells):
    await cells("A=kept")
    cell = cells.begin("sh -c 'echo $$; sleep 600'; sleep 600")
    await cell.until(lambda text: text.endswith("\n"))
    cell.run.interrupt()
    outcome = await cell.outcome()
    assert isinstance(outcome, Interrupted)
    assert outcome.signal == "SIGINT"
    child = int(cell.text())
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert (await cells("echo $A"))[1] == "kept\n"


async def test_a_background_process_leaves_the_cell_and_prints_on(cells):
    await cells("mkfifo fifo; A=1")
    cell = cells.begin("echo begun; { read x <fifo; echo $x; } & A=2")
    assert await cell.outcome() == Backgrounded(0)
    assert cell.text() == "begun\n"
    assert await cells("echo later >fifo; echo $A") == (Exited(0, ""), "2\n")
    async with asyncio.timeout(GUARD):
        assert await cell.run.wait_for_background() == Exited(0, "")
    assert cell.text() == "begun\nlater\n"


async def test_stop_of_background_processes_leaves_the_exit_code(cells):
    cell = cells.begin("sleep 600 & exit 3")
    assert await cell.outcome() == Backgrounded(3)
    stopping = asyncio.create_task(cell.run.stop_background())
    async with asyncio.timeout(GUARD):
        assert await cell.run.wait_for_background() == Stopped(3)
    # Not "SIGTERM in 2 s", though the signaller may still look for processes.
    snapshot = cell.run.snapshot()
    assert (snapshot.state, snapshot.exit_code) == (State.STOPPED, 3)
    assert snapshot.note == ""
    await stopping


async def test_a_command_that_is_not_there_says_so(cells):
    cell = cells.begin("", command=("no-such-program",))
    outcome = await cell.outcome()
    assert isinstance(outcome, Exited)
    assert outcome.exit_code == 127
    assert "no-such-program" in cell.text("stderr")


async def test_a_stopped_container_fails_the_cell(backend, cells):
    backend.container = replace(backend.container, running=False)
    outcome, _ = await cells("echo")
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, ContainerNotRunning)


async def test_a_standby_runs_the_next_cell(backend):
    standbys = Standbys(lambda: 1, lambda: False, lambda: 0.0)
    cells = Cells(backend, Workspaces(standbys=standbys))
    try:
        await cells("A=1")
        cells.workspaces.of(backend, backend.container).prepare()
        assert standbys.count == 1
        outcome, text = await cells("echo $A $$")
        assert outcome == Exited(0, "")
        assert text.startswith("1 ")
        assert standbys.count == 0
    finally:
        await standbys.aclose()
