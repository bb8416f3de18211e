"""Interrupts end every process of a cell, and nothing remains."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from dexec_kernel.cells import execution as execution_module
from dexec_kernel.cells.outcome import Exited, Interrupted, State
from dexec_kernel.cells.workspace import Workspaces
from dexec_kernel.errors import SignalError
from tests.engine.execs import PATIENT, Cell, gone
from tests.gate import Gate

PYTHON = """
exec python3 -c '
import subprocess, time
children = [subprocess.Popen(["sleep", "97000"]) for _ in range(3)]
print("begun", flush=True)
time.sleep(96000)
'
"""
SOURCES = {
    "loop": "echo begun; while :; do :; done",
    "loop of commands": "echo begun; while :; do ls / >/dev/null; done",
    "sleep": "echo begun; sleep 100000",
    "pipe": "echo begun; sleep 95000 | cat",
    "subshell": "echo begun; (sleep 94000; echo no); echo no",
    "background": "sleep 100000 & echo begun; sleep 99000",
    "exec": "echo begun; exec sleep 98000",
    "many": "for i in 1 2 3 4 5 6 7 8; do sleep 9${i}000 & done; echo begun; wait",
}
#: A shell whose command has ended by itself in the moment of the SIGINT goes on.
MAY_GO_ON = "loop of commands"
#: Nor does a process heed it that was started with & in a shell.
MAY_TAKE_MORE = {MAY_GO_ON, "background", "many"}
#: In seconds: for cells that need the next signal.
HASTY = 0.3


async def interrupted(cell: Cell, task: asyncio.Task[object]) -> str:
    """Interrupt a cell; return the last signal that was sent."""
    cell.run.interrupt()
    outcome = await task
    assert isinstance(outcome, Interrupted)
    assert outcome.note == ""
    assert cell.run.snapshot().state is State.INTERRUPTED
    return outcome.signal


@pytest.mark.parametrize("image", ["busybox", "debian"])
@pytest.mark.parametrize("name", SOURCES)
async def test_everything_ends(client, host, request, image, name):
    container = request.getfixturevalue(image)
    workspaces = Workspaces()
    grace = HASTY if name == MAY_GO_ON else PATIENT
    cell = Cell(client, container, SOURCES[name], workspaces=workspaces, grace=grace)
    task = await cell.started()
    await interrupted(cell, task)
    assert name in MAY_TAKE_MORE or cell.run.snapshot().exit_code == 130
    assert cell.stdout == "begun\n"
    await gone(host, container)
    assert await Cell(client, container, "true", workspaces=workspaces).outcome() == Exited(0, "")


async def test_python_with_children(client, host, debian):
    cell = Cell(client, debian, PYTHON)
    task = await cell.started()
    await interrupted(cell, task)
    assert "KeyboardInterrupt" in cell.stderr
    assert cell.run.snapshot().exit_code == 130
    await gone(host, debian)


async def test_who_ignores_a_signal_gets_the_next(client, host, busybox):
    source = "trap '' INT; echo begun; sleep 93000; sleep 92000"
    cell = Cell(client, busybox, source, grace=HASTY)
    task = await cell.started()
    # A machine that is slower than the grace goes on to the last.
    assert await interrupted(cell, task) in {"SIGTERM", "SIGKILL"}
    await gone(host, busybox)


async def test_who_ignores_all_is_killed(client, host, busybox):
    source = "trap '' INT TERM; echo begun; sleep 93000; sleep 92000"
    cell = Cell(client, busybox, source, grace=HASTY)
    task = await cell.started()
    assert await interrupted(cell, task) == "SIGKILL"
    await gone(host, busybox)


async def test_interrupts_do_not_wait_for_the_grace(client, host, debian):
    traps = "trap 'echo INT' INT; trap 'echo TERM' TERM"
    cell = Cell(client, debian, f"{traps}; echo begun; while :; do sleep 0.1; done")
    task = await cell.started()
    for word in ("INT", "TERM"):
        cell.run.interrupt()
        await cell.until(lambda: word in cell.stdout)  # noqa: B023 -- called at once
    assert await interrupted(cell, task) == "SIGKILL"
    assert cell.stdout == "begun\nINT\nTERM\n"
    await gone(host, debian)


async def test_kernel_that_goes_away_is_quicker_still(client, host, busybox):
    cell = Cell(client, busybox, "trap '' INT TERM; echo begun; sleep 90000")
    task = await cell.started()
    cell.run.interrupt(urgent=True)
    assert (await task).signal == "SIGKILL"
    await gone(host, busybox)


async def test_cell_may_clean_up_after_itself(client, debian):
    source = "trap 'echo bye; exit 9' INT; echo begun; sleep 89000"
    cell = Cell(client, debian, source)
    task = await cell.started()
    await interrupted(cell, task)
    assert cell.stdout == "begun\nbye\n"
    assert cell.run.snapshot().exit_code == 9


async def test_session_left_for_another_group(client, host, debian):
    cell = Cell(client, debian, "set -m; sleep 88000 & sleep 87000 & echo begun; wait")
    task = await cell.started()
    await interrupted(cell, task)
    await gone(host, debian)


@pytest.mark.parametrize("known", [True, False], ids=["shell known", "shell unknown"])
async def test_interrupt_at_any_moment_of_the_start(client, host, busybox, known):
    workspaces = Workspaces()
    if known:
        await Cell(client, busybox, "true", workspaces=workspaces).outcome()
    for delay in range(0, 120, 15):
        cell = Cell(client, busybox, "sleep 86000", workspaces=workspaces if known else None)
        task = await cell.begin()
        await asyncio.sleep(delay / 1000)  # Some moment or other; each must do.
        cell.run.interrupt()
        assert isinstance(await task, Interrupted)
    await gone(host, busybox)


async def test_interrupt_of_one_cell_leaves_the_other_alone(client, host, debian):
    gate = Gate(host, debian)
    source = f"echo begun; {gate.wait}; echo done"
    one, other = (Cell(client, debian, source) for _ in range(2))
    tasks = [await one.started(), await other.started()]
    await interrupted(one, tasks[0])
    await asyncio.to_thread(gate.open)
    assert await tasks[1] == Exited(0, "")
    assert (one.stdout, other.stdout) == ("begun\n", "begun\ndone\n")
    await gone(host, debian)


async def test_interrupt_of_a_cell_that_has_just_ended(client, busybox):
    cell = Cell(client, busybox, "true")
    await cell.outcome()
    cell.run.interrupt()
    assert cell.run.snapshot().state is State.EXITED


async def test_without_a_shell_signals_come_from_this_machine(client, host, noshell):
    workspaces = Workspaces()
    await Cell(client, noshell, "true", workspaces=workspaces).outcome()
    cell = Cell(client, noshell, "sleep 85000", workspaces=workspaces)
    task = await cell.begin()
    await cell.known()
    await interrupted(cell, task)
    assert cell.run.snapshot().exit_code == 130
    await gone(host, noshell)


async def test_without_a_shell_and_from_another_machine_the_note_says_so(
    client, noshell, monkeypatch
):
    def unreachable(*args: object, **kwargs: object) -> None:
        raise SignalError("from elsewhere")

    workspaces = Workspaces()
    await Cell(client, noshell, "true", workspaces=workspaces).outcome()
    cell = Cell(client, noshell, "sleep 84000", workspaces=workspaces)
    task = await cell.begin()
    pid = (await cell.known()).pid
    monkeypatch.setattr(execution_module, "find_signaller", unreachable)
    cell.run.interrupt()
    assert await task == Interrupted("", "the processes may go on: from elsewhere")
    os.kill(pid, signal.SIGKILL)
