"""Faults that no engine produces on demand, and interrupts at awkward moments."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from dexec_kernel.cells import execution as execution_module
from dexec_kernel.cells.outcome import Exited, Interrupted, State
from dexec_kernel.cells.source.options import CellOptions
from dexec_kernel.cells.workspace import Workspaces
from dexec_kernel.errors import (
    CellNotRun,
    CommandNotStarted,
    ContainerNotFound,
    ContainerNotRunning,
    ContainerPaused,
    EngineApiError,
    EngineUnavailable,
    ExecLost,
    ExecNotFound,
    StreamCutOff,
    StreamFault,
)
from dexec_kernel.shell.commands import Shell
from tests.unit.support.fake_backend import (
    CONTAINER,
    FOREVER,
    RUNNING,
    Cell,
    FakeBackend,
    Script,
    Until,
    err,
    exited,
    greeting,
    known,
    missing,
    out,
    waits,
)

GONE = ExecNotFound("unknown", status=404)
UNREACHABLE = EngineUnavailable("nobody answers")


@pytest.mark.parametrize(
    "fault", [StreamCutOff("3 bytes short"), StreamFault("reported"), UNREACHABLE]
)
@pytest.mark.parametrize("driver", [True, False])
async def test_stream_that_breaks_loses_nothing_of_what_came(fault, driver):
    workspaces = Workspaces()
    if not driver:
        workspaces.of(FakeBackend(), CONTAINER).shell = Shell.NONE
    steps = [*([greeting] if driver else []), out("some"), err("thing"), fault]
    cell = Cell(FakeBackend(Script(steps, look=UNREACHABLE)), workspaces=workspaces)
    outcome = await cell.outcome()
    assert isinstance(outcome.error, ExecLost)
    assert outcome.error.__cause__ is fault
    assert "may still be running: PID 17 in the container" in outcome.error.message or not driver
    assert (cell.stdout, cell.stderr) == ("some", "thing")
    snapshot = cell.run.snapshot()
    assert (snapshot.state, snapshot.exit_code) == (State.LOST, None)


async def test_no_byte_is_lost_where_stdout_overtakes_the_word_that_announces_the_cell():
    pieces = [f"{number}\n" * 4096 for number in range(100)]
    steps = [waits, *map(out, pieces), lambda mark: err(f"{mark}cell /work{mark}"), out("end")]
    cell = Cell(FakeBackend(Script(steps)))
    await cell.outcome()
    assert cell.stdout == "".join(pieces) + "end"
    assert cell.stderr == ""


async def test_where_a_connection_cannot_end_stdin_the_cell_says_that_it_ends():
    backend = FakeBackend(Script([Until.SENT, greeting, out("x")], half_closes=False))
    cell = Cell(backend, "cat")
    await cell.outcome()
    [attached] = backend.attached
    assert attached.sent.endswith(b"ends\n")
    assert not attached.ended


async def test_a_body_goes_in_the_cell_where_a_connection_cannot_end_stdin():
    backend = FakeBackend(Script([Until.SENT, greeting, out("x")], half_closes=False))
    await Cell(backend, "it's\n", options=CellOptions(command=("cat", "-n"))).outcome()
    sent = backend.attached[0].sent.decode()
    mark, begin, body, end, last, _ = sent.split("\n")
    assert begin.startswith("exec cat -n <<'dexec:")
    assert (body, begin.split("'")[1], last) == ("it's", end, f"{mark}ends")


async def test_a_command_without_a_shell_is_given_no_input_that_cannot_end():
    backend = FakeBackend(Script([Until.SENT, out("x")], half_closes=False, tells_pid=False))
    options = CellOptions(command=("cat",))
    outcome = await Cell(backend, "body", known(Shell.NONE), options).outcome()
    assert isinstance(outcome.error, CommandNotStarted)
    assert "cannot end it" in outcome.error.message


async def test_where_no_pid_is_told_a_command_runs_as_soon_as_the_engine_says_so():
    running = dataclasses.replace(RUNNING, pid=None)
    script = Script([out("early"), FOREVER], look=running, tells_pid=False)
    backend = FakeBackend(script)
    cell = Cell(backend, "cat", known(Shell.NONE))
    task = asyncio.create_task(cell.run.run())
    async with asyncio.timeout(5):
        while cell.stdout != "early":  # noqa: ASYNC110 -- no event tells
            await asyncio.sleep(0.01)
    assert cell.run.snapshot().pid is None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_beginning_of_a_mark_is_printed_when_nothing_follows():
    cell = Cell(FakeBackend(Script([lambda mark: err("x" + mark[:9])], exited(1))))
    await cell.outcome()
    assert cell.stderr == "xdexec:" + cell.stderr[-3:]
    assert len(cell.stderr) == 10


@pytest.mark.parametrize("fault", [ExecLost("lost"), UNREACHABLE])
async def test_exit_code_that_cannot_be_known_is_none(fault):
    cell = Cell(FakeBackend(Script([greeting, out("x")], fault)))
    outcome = await cell.outcome()
    assert isinstance(outcome.error, ExecLost)
    assert fault.message in outcome.error.message
    assert cell.run.snapshot().exit_code is None
    assert cell.stdout == "x"


async def test_exit_code_null_of_an_exited_exec_is_not_zero():
    outcome = await Cell(FakeBackend(Script(end=exited(None)))).outcome()
    assert isinstance(outcome.error, ExecLost)


# --- the truth at the end of a stream -------------------------------------------------------------


@pytest.mark.parametrize(
    ("container", "said"),
    [
        (CONTAINER, "may still be running: PID 99 on the engine's host, PID 17 in the container"),
        (UNREACHABLE, "may still be running"),
        (dataclasses.replace(CONTAINER, running=False), "container stopped while the command"),
        (ContainerNotFound("c", status=404), "container was removed while the command"),
    ],
)
async def test_stream_that_is_cut_between_two_frames_is_no_end(container, said):
    """Inspect says that the exec runs on: nothing of the rest will come."""
    backend = FakeBackend(Script([greeting, out("x")], exited(0), runs_on=RUNNING))
    backend.container = container
    cell = Cell(backend)
    outcome = await cell.outcome()
    assert isinstance(outcome.error, ExecLost)
    assert said in outcome.error.message
    assert cell.stdout == "x"
    assert cell.run.snapshot().state is State.LOST
    assert len(backend.configs) == 1


async def test_shell_that_has_handed_over_has_ended_whatever_the_engine_calls_it():
    steps = [greeting, lambda mark: err(f"{mark}folder /{mark}")]
    cell = Cell(FakeBackend(Script(steps, exited(3), runs_on=RUNNING)))
    assert await cell.outcome() == Exited(3, "")


async def test_126_without_a_hand_over_may_be_the_engines_for_a_broken_stream():
    cell = Cell(FakeBackend(Script([greeting, out("x")], exited(126))))
    outcome = await cell.outcome()
    assert isinstance(outcome.error, ExecLost)


@pytest.mark.parametrize("code", [0, 3])
async def test_shell_that_does_not_say_that_it_runs_has_not_run_the_cell(code):
    """An image with SHELLOPTS=noexec, which reads everything and runs nothing."""
    backend = FakeBackend(Script([err("warning\n")], exited(code)))
    cell = Cell(backend)
    outcome = await cell.outcome()
    assert isinstance(outcome.error, CellNotRun)
    assert f"exit code {code}" in outcome.error.message
    assert cell.stderr == "warning\n"
    assert cell.run.snapshot().exit_code == code
    assert len(backend.configs) == 1


async def test_words_of_a_driver_that_make_no_sense_are_dropped():
    steps = [
        lambda mark: err(f"{mark}background 0 1{mark}"),
        lambda mark: err(f"{mark}start {'9' * 5000} /{mark}"),
        lambda mark: err(f"{mark}start 17 /again{mark}"),
        lambda mark: err(f"{mark}background x{mark}"),
        lambda mark: err(f"{mark}cell /{mark}"),
        lambda mark: err(f"{mark}go{mark}"),
        out("x"),
    ]
    cell = Cell(FakeBackend(Script(steps)))
    assert await cell.outcome() == Exited(0, "")
    assert cell.stdout == "x"


@pytest.mark.parametrize("fault", [GONE, UNREACHABLE, EngineApiError("no", status=403)])
async def test_inspect_that_fails_while_the_cell_runs_ends_nothing(fault):
    cell = Cell(FakeBackend(Script([greeting, 0.06, out("late")], look=fault)))
    assert await cell.outcome() == Exited(0, "")
    assert cell.stdout == "late"
    assert cell.changes == 0


async def test_pid_is_asked_again_when_the_engine_comes_back(monkeypatch):
    monkeypatch.setattr(execution_module, "_PID_DELAY", 0)
    script = Script([greeting, 0.1], look=UNREACHABLE)
    cell = Cell(FakeBackend(script))
    running = asyncio.create_task(cell.outcome())
    await asyncio.sleep(0.01)
    script.look = RUNNING
    await asyncio.sleep(0.05)
    assert cell.run.snapshot().pid == 99
    await running


@pytest.mark.parametrize(
    ("where", "fault", "container", "error"),
    [
        ("create", ContainerNotRunning("id", status=409), CONTAINER, ContainerNotRunning),
        ("create", ContainerNotFound("id", status=404), CONTAINER, ContainerNotFound),
        ("attach", ContainerPaused("", status=409), CONTAINER, ContainerPaused),
        ("attach", GONE, dataclasses.replace(CONTAINER, running=False), ContainerNotRunning),
        ("attach", GONE, ContainerNotFound("id", status=404), ContainerNotFound),
        ("attach", GONE, CONTAINER, ExecLost),
        ("attach", GONE, UNREACHABLE, EngineUnavailable),
        ("attach", UNREACHABLE, CONTAINER, EngineUnavailable),
    ],
)
async def test_exec_that_is_refused(where, fault, container, error):
    backend = FakeBackend(Script(**{where: fault}))
    backend.container = container
    cell = Cell(backend)
    outcome = await cell.outcome()
    assert type(outcome.error) is error
    if error in {ContainerNotRunning, ContainerNotFound, ContainerPaused}:
        assert "'web'" in outcome.error.message
        assert cell.run.snapshot().state is State.NOT_STARTED or error is ContainerNotFound


# --- cancelled and interrupted --------------------------------------------------------------------


async def test_cancelled_cell_closes_its_connection_and_keeps_its_output():
    backend = FakeBackend(Script([greeting, out("x"), FOREVER]))
    cell = Cell(backend)
    task = asyncio.create_task(cell.run.run())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert backend.attached[0].closed
    assert cell.stdout == "x"


async def test_interrupt_before_anything_was_created():
    backend = FakeBackend(Script())
    cell = Cell(backend)
    cell.run.interrupt()
    assert await cell.outcome() == Interrupted("", "before it was started")
    assert backend.attached == []


async def test_interrupt_while_the_shell_is_looked_for_starts_no_other():
    late = dataclasses.replace(missing("bash"))
    late.steps = [0.05, *late.steps]
    backend = FakeBackend(late, Script([greeting, FOREVER]))
    cell = Cell(backend)
    running = asyncio.create_task(cell.outcome())
    await asyncio.sleep(0.02)
    cell.run.interrupt()
    assert isinstance(await running, Interrupted)
    assert len(backend.configs) == 1


async def test_interrupt_of_a_cell_that_begins_in_its_second_shell():
    listing = Script([out("17\n.\n")])
    nobody = Script([out(".\n")])
    backend = FakeBackend(missing("bash"), Script([0.05, greeting, FOREVER]), listing, nobody)
    cell = Cell(backend)
    running = asyncio.create_task(cell.outcome())
    async with asyncio.timeout(60):
        await backend.until_attached(2)
    cell.run.interrupt()
    assert await running == Interrupted("SIGINT", "")
    assert backend.configs[2].cmd[-2:] == ["INT", "17"]


async def test_engine_that_goes_away_after_the_processes_have_ended_does_not_make_them_survive():
    cell_script = Script([greeting, FOREVER], look=UNREACHABLE)
    backend = FakeBackend(cell_script, Script([out("17\n.\n")]), Script([out(".\n")]))
    workspaces = known(Shell.SH)
    cell = Cell(backend, workspaces=workspaces)
    running = asyncio.create_task(cell.outcome())
    await asyncio.sleep(0.02)
    cell.run.interrupt()
    assert await running == Interrupted("SIGINT", "")
    assert cell.run.snapshot().exit_code is None


async def test_interrupt_that_cannot_be_delivered_says_so():
    refused = Script(create=ContainerPaused("paused", status=409))
    cell = Cell(FakeBackend(Script([greeting, FOREVER]), refused))
    running = asyncio.create_task(cell.outcome())
    await asyncio.sleep(0.02)
    cell.run.interrupt()
    assert await running == Interrupted("", "the processes go on until they can be ended: paused")


async def test_interrupt_that_cannot_be_delivered_names_the_container_as_people_do():
    refused = Script(create=ContainerPaused.of(CONTAINER.id))
    cell = Cell(FakeBackend(Script([greeting, FOREVER]), refused))
    running = asyncio.create_task(cell.outcome())
    await asyncio.sleep(0.02)
    cell.run.interrupt()
    assert (await running).note.endswith(": The container 'web' is paused.")
