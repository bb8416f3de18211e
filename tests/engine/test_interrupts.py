"""Interrupts end whatever a cell has started, and leave nothing behind."""

from __future__ import annotations

import asyncio
import time

import pytest

from dexec_kernel.cells import execution as execution_module
from dexec_kernel.cells.outcome import Exited, Interrupted, State
from dexec_kernel.cells.workspace import Memory
from dexec_kernel.errors import SignalError
from tests.engine.execs import Cell, processes

PYTHON = """
echo begun
exec python3 -c '
import subprocess, time
children = [subprocess.Popen(["sleep", "97"]) for _ in range(3)]
time.sleep(96)
'
"""
SOURCES = {
    "loop": "echo begun; while :; do :; done",
    "loop of commands": "echo begun; while :; do ls / >/dev/null; done",
    "sleep": "echo begun; sleep 100",
    "pipe": "echo begun; sleep 95 | cat",
    "subshell": "echo begun; (sleep 94; echo no); echo no",
    "background": "sleep 100 & echo begun; sleep 99",
    "exec": "echo begun; exec sleep 98",
    "many": "for i in 1 2 3 4 5 6 7 8; do sleep 9$i & done; echo begun; wait",
}


async def interrupted(cell: Cell, task: asyncio.Task[object]) -> float:
    """Interrupt a cell; return how long it took."""
    begun = time.monotonic()
    cell.run.interrupt()
    outcome = await task
    assert isinstance(outcome, Interrupted)
    assert outcome.note == ""
    assert cell.run.snapshot().state is State.INTERRUPTED
    return time.monotonic() - begun


async def assert_nothing_is_left(host: str, container: str) -> None:
    # The kernel reaps on its own time; our own last look may still be on its way out.
    async with asyncio.timeout(3):
        while await asyncio.to_thread(processes, host, container):
            pass


@pytest.mark.parametrize("image", ["busybox", "debian"])
@pytest.mark.parametrize("name", SOURCES)
async def test_everything_ends_within_a_second(client, host, request, image, name):
    container = request.getfixturevalue(image)
    memory = Memory()
    cell = Cell(client, container, SOURCES[name], memory=memory)
    task = await cell.started()
    assert await interrupted(cell, task) < 1
    assert cell.stdout == "begun\n"
    await assert_nothing_is_left(host, container)
    assert await Cell(client, container, "true", memory=memory).outcome() == Exited(0, "")


async def test_python_with_children(client, host, debian):
    cell = Cell(client, debian, PYTHON)
    task = await cell.started()
    await asyncio.sleep(0.3)
    assert await interrupted(cell, task) < 1
    assert "KeyboardInterrupt" in cell.stderr
    assert cell.run.snapshot().exit_code == 130
    await assert_nothing_is_left(host, debian)


@pytest.mark.parametrize(
    ("trap", "signal"), [("trap '' INT", "SIGTERM"), ("trap '' INT TERM", "SIGKILL")]
)
async def test_who_ignores_a_signal_gets_the_next(client, host, busybox, trap, signal):
    cell = Cell(client, busybox, f"{trap}; echo begun; sleep 93; sleep 92", grace=0.2)
    task = await cell.started()
    assert await interrupted(cell, task) < 1.5
    assert (await task).signal == signal
    await assert_nothing_is_left(host, busybox)


async def test_second_interrupt_does_not_wait_for_the_grace(client, host, debian):
    cell = Cell(client, debian, "trap '' INT TERM; echo begun; sleep 91", grace=20)
    task = await cell.started()
    begun = time.monotonic()
    for _ in range(3):
        cell.run.interrupt()
        await asyncio.wait({task}, timeout=0.4)
    assert (await task).signal == "SIGKILL"
    assert time.monotonic() - begun < 2
    await assert_nothing_is_left(host, debian)


async def test_kernel_that_goes_away_is_quicker_still(client, host, busybox):
    cell = Cell(client, busybox, "trap '' INT TERM; echo begun; sleep 90", grace=20)
    task = await cell.started()
    cell.run.interrupt(urgent=True)
    assert (await asyncio.wait_for(task, 2)).signal == "SIGKILL"
    await assert_nothing_is_left(host, busybox)


async def test_cell_may_clean_up_after_itself(client, debian):
    source = "trap 'echo bye; exit 9' INT; echo begun; sleep 89"
    cell = Cell(client, debian, source)
    task = await cell.started()
    assert await interrupted(cell, task) < 1
    assert cell.stdout == "begun\nbye\n"
    assert cell.run.snapshot().exit_code == 9


async def test_session_left_for_another_group(client, host, debian):
    cell = Cell(client, debian, "set -m; sleep 88 & sleep 87 & echo begun; wait")
    task = await cell.started()
    assert await interrupted(cell, task) < 1
    await assert_nothing_is_left(host, debian)


@pytest.mark.parametrize("known", [True, False], ids=["shell known", "shell unknown"])
async def test_interrupt_at_any_moment_of_the_start(client, host, busybox, known):
    memory = Memory()
    if known:
        await Cell(client, busybox, "true", memory=memory).outcome()
    for delay in range(0, 120, 15):
        cell = Cell(client, busybox, "sleep 86", memory=memory if known else None)
        task = await cell.begin()
        await asyncio.sleep(delay / 1000)
        begun = time.monotonic()
        cell.run.interrupt()
        assert isinstance(await task, Interrupted)
        assert time.monotonic() - begun < 1
    await assert_nothing_is_left(host, busybox)


async def test_interrupt_of_one_cell_leaves_the_other_alone(client, host, debian):
    one, other = (Cell(client, debian, "echo begun; sleep 0.7; echo done") for _ in range(2))
    tasks = [await one.started(), await other.started()]
    await interrupted(one, tasks[0])
    assert await tasks[1] == Exited(0, "")
    assert (one.stdout, other.stdout) == ("begun\n", "begun\ndone\n")
    await assert_nothing_is_left(host, debian)


async def test_interrupt_of_a_cell_that_has_just_ended(client, busybox):
    cell = Cell(client, busybox, "true")
    await cell.outcome()
    cell.run.interrupt()
    assert cell.run.snapshot().state is State.EXITED


async def test_without_a_shell_signals_come_from_this_machine(client, host, noshell):
    memory = Memory()
    await Cell(client, noshell, "true", memory=memory).outcome()
    cell = Cell(client, noshell, "sleep 85", memory=memory)
    task = await cell.begin()
    await cell.known()
    assert await interrupted(cell, task) < 1
    assert cell.run.snapshot().exit_code == 130
    await assert_nothing_is_left(host, noshell)


async def test_without_a_shell_and_from_another_machine_the_note_says_so(
    client, noshell, monkeypatch
):
    def unreachable(*args: object, **kwargs: object) -> None:
        raise SignalError("from elsewhere")

    memory = Memory()
    await Cell(client, noshell, "true", memory=memory).outcome()
    cell = Cell(client, noshell, "sleep 0.5", memory=memory)
    task = await cell.begin()
    await cell.known()
    monkeypatch.setattr(execution_module, "find_signaller", unreachable)
    cell.run.interrupt()
    assert await task == Interrupted("", "the processes may go on: from elsewhere")
