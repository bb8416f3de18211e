"""A cell from its text to its outcome, with faults that no engine produces on demand."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable
from typing import Any

import pytest

from dexec_kernel.backend.models import USER_LABEL, WORKDIR_LABEL
from dexec_kernel.cells import attempt as attempt_module
from dexec_kernel.cells import start as start_module
from dexec_kernel.cells.attempt import NO_SHELL_NOTE
from dexec_kernel.cells.outcome import Backgrounded, Exited, Failed, Interrupted, State
from dexec_kernel.cells.signals.ladder import Ended
from dexec_kernel.cells.signals.leftovers import Leftovers
from dexec_kernel.cells.source.options import CellOptions
from dexec_kernel.cells.workspace import Workspaces
from dexec_kernel.errors import (
    CellSyntaxError,
    CommandNotStarted,
    ConfigurationError,
    DexecError,
    EngineUnavailable,
    ExecNotFound,
    FolderGone,
    InternalError,
)
from dexec_kernel.shell.commands import Shell
from tests.unit.support.fake_backend import (
    CONTAINER,
    FOREVER,
    NOT_FOUND_127,
    Cell,
    FakeBackend,
    Script,
    err,
    exited,
    greeting,
    known,
    missing,
    out,
)

GONE = ExecNotFound("unknown", status=404)
UNREACHABLE = EngineUnavailable("nobody answers")


async def test_cell_goes_over_on_stdin_and_ends():
    backend = FakeBackend(Script([greeting, out("hi\n"), err("oh\n")], exited(3)))
    cell = Cell(backend, "echo hi")
    assert await cell.outcome() == Exited(3, "")
    assert (cell.stdout, cell.stderr) == ("hi\n", "oh\n")
    (connection,) = backend.attached
    mark, *cell_lines = connection.sent.decode().splitlines()
    assert cell_lines == ["echo hi", mark]
    assert mark not in str(backend.configs[0].env)
    assert connection.ended
    assert connection.closed


async def test_snapshot_tells_what_is_known():
    backend = FakeBackend(Script([greeting, out("x"), 0.05], exited(137)))
    backend.oom = True
    cell = Cell(backend)
    before = cell.run.snapshot()
    assert (before.state, before.pid, before.exit_code) == (State.RUNNING, None, None)
    await cell.outcome()
    after = cell.run.snapshot()
    assert (after.state, after.pid, after.exit_code) == (State.EXITED, 99, 137)
    assert (after.cwd, after.user, after.output_bytes) == ("/work", "root", 1)
    assert (after.exec_id, after.exit_reason) == ("exec-1", "SIGKILL, out of memory")
    assert cell.changes == 1


@pytest.mark.parametrize(
    ("container", "oom", "reason"),
    [
        (CONTAINER, False, "SIGKILL"),
        (CONTAINER, True, "SIGKILL, out of memory"),
        (dataclasses.replace(CONTAINER, running=False), False, "SIGKILL, the container stopped"),
        (UNREACHABLE, False, "SIGKILL"),
        (CONTAINER, UNREACHABLE, "SIGKILL"),
    ],
)
async def test_reason_of_a_kill_never_hides_the_exit_code(container, oom, reason):
    backend = FakeBackend(Script(end=exited(137)))
    backend.container, backend.oom = container, oom
    assert await Cell(backend).outcome() == Exited(137, reason)


@pytest.mark.parametrize(
    ("end", "oom", "suspicion", "outcome"),
    [
        (exited(137), True, "", Exited(137, "SIGKILL, out of memory")),
        (exited(143), False, "the guardian", Exited(143, "SIGTERM, the guardian")),
        (exited(0), False, "the guardian", Exited(0, "")),
    ],
)
async def test_background_processes_that_were_killed_say_why(end, oom, suspicion, outcome):
    steps = [greeting, lambda mark: err(f"{mark}background 0 1{mark}"), 0.05]
    backend = FakeBackend(Script(steps, end))
    backend.oom = oom
    cell = Cell(backend)
    assert await cell.outcome() == Backgrounded(0)
    cell.run._attempt.execution.suspicion = suspicion
    assert await cell.run.wait_for_background() == outcome


# --- shells ---------------------------------------------------------------------------------------


async def test_shell_is_found_out_once():
    workspaces = Workspaces()
    backend = FakeBackend(missing("bash"), Script(), Script())
    await Cell(backend, workspaces=workspaces).outcome()
    cell = Cell(backend, workspaces=workspaces)
    await cell.outcome()
    assert [config.cmd[0] for config in backend.configs] == ["bash", "sh", "sh"]
    assert cell.stdout == ""


async def test_image_without_a_shell_runs_a_command_line():
    workspaces = Workspaces()
    backend = FakeBackend(missing("bash"), missing("sh"), Script([out("hi\n"), 0.05]), Script([]))
    cell = Cell(backend, "echo 'h i'", workspaces)
    assert await cell.outcome() == Exited(0, "")
    assert backend.configs[-1].cmd == ["echo", "h i"]
    assert not backend.configs[-1].attach_stdin
    assert cell.stdout == "hi\n"
    assert cell.run.snapshot().note == NO_SHELL_NOTE
    await Cell(backend, "true", workspaces).outcome()
    assert len(backend.configs) == 4


async def test_missing_command_without_a_shell_is_not_started():
    backend = FakeBackend(missing("bash"), missing("sh"), missing("nope"))
    cell = Cell(backend, "nope")
    outcome = await cell.outcome()
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, CommandNotStarted)
    assert "'nope'" in outcome.error.message
    assert "OCI runtime exec failed" in outcome.error.engine_text
    assert cell.pieces == []
    assert cell.run.snapshot().state is State.NOT_STARTED
    assert cell.workspaces.of(FakeBackend(), CONTAINER).shell is Shell.NONE


async def test_failure_that_says_nothing_of_the_shell_is_not_remembered_as_one():
    text = 'OCI runtime exec failed: chdir to cwd ("/gone"): no such file or directory\r\n'
    workspaces = Workspaces()
    backend = FakeBackend(
        Script([out(text)], NOT_FOUND_127, NOT_FOUND_127), missing("bash"), Script()
    )
    outcome = await Cell(backend, workspaces=workspaces).outcome()
    assert isinstance(outcome.error, FolderGone)
    assert isinstance(outcome.error.__cause__, CommandNotStarted)
    assert await Cell(backend, workspaces=workspaces).outcome() == Exited(0, "")
    assert workspaces.of(FakeBackend(), CONTAINER).shell is Shell.SH


async def test_where_the_containers_folder_is_gone_a_cell_that_goes_elsewhere_runs():
    text = 'OCI runtime exec failed: chdir to cwd ("/gone"): no such file or directory\r\n'
    gone = Script([out(text)], NOT_FOUND_127, NOT_FOUND_127)
    backend = FakeBackend(gone, Script())
    cell = Cell(backend, "# There.\ncd /tmp", known(Shell.BASH))
    assert await cell.outcome() == Exited(0, "")
    assert [config.in_root for config in backend.configs] == [False, True]


@pytest.mark.parametrize("source", ["", "# nothing\n", "a\nb", "echo 'x"])
async def test_command_line_that_is_none_creates_nothing(source):
    workspaces = known(Shell.NONE)
    backend = FakeBackend()
    cell = Cell(backend, source, workspaces)
    outcome = await cell.outcome()
    if source.strip() and not source.startswith("#"):
        assert isinstance(outcome.error, CellSyntaxError)
        assert cell.run.snapshot().state is State.NOT_STARTED
    else:
        assert outcome == Exited(0, "")


@pytest.mark.parametrize("report", ["", "env: can't execute 'nope': No such file\n"])
async def test_commands_own_127_without_a_pid_stays_its_own(report):
    """Podman tells no PID of an exec that has ended."""
    workspaces = known(Shell.NONE)
    cell = Cell(
        FakeBackend(Script([err(report)], NOT_FOUND_127, NOT_FOUND_127)), "env x", workspaces
    )
    assert await cell.outcome() == Exited(127, "command not found")
    assert cell.stderr == report


# --- no upgrade -----------------------------------------------------------------------------------


async def test_answer_200_runs_the_cell_again_by_arguments_and_only_once():
    backend = FakeBackend(Script(upgraded=False), Script([greeting, out("1")], upgraded=False))
    cell = Cell(backend, "echo é" * 30_000)
    assert await cell.outcome() == Exited(0, "")
    first, second = backend.configs
    assert first.attach_stdin
    assert not second.attach_stdin
    assert "".join(second.cmd[4:]) == "echo é" * 30_000
    assert [connection.sent for connection in backend.attached] == [b"", b""]
    assert backend.attached[0].closed
    assert cell.stdout == "1"


async def test_a_terminal_behind_such_a_proxy_is_refused_and_not_tried_for_ever():
    backend = FakeBackend(*(Script(upgraded=False) for _ in range(5)))
    outcome = await Cell(backend, options=CellOptions(tty=True)).outcome()
    assert isinstance(outcome, Failed)
    assert "no stdin" in outcome.error.message
    assert len(backend.configs) == 2


async def test_answer_200_is_remembered():
    workspaces = Workspaces()
    backend = FakeBackend(*(Script(upgraded=False) for _ in range(3)))
    await Cell(backend, workspaces=workspaces).outcome()
    await Cell(backend, workspaces=workspaces).outcome()
    assert [config.attach_stdin for config in backend.configs] == [True, False, False]


async def test_cell_that_is_too_long_for_arguments():
    backend = FakeBackend(Script(upgraded=False))
    outcome = await Cell(backend, "x" * 1_600_000).outcome()
    assert isinstance(outcome.error, ConfigurationError)
    assert len(backend.configs) == 1


# --- labels -------------------------------------------------------------------------------------


async def test_what_the_labels_say_holds_where_the_cell_says_nothing():
    labels = {USER_LABEL: "1000", WORKDIR_LABEL: "/srv"}
    labelled = dataclasses.replace(CONTAINER, labels=labels).with_label_defaults()
    backend = FakeBackend(Script(), Script())
    await Cell(backend, container=labelled).outcome()
    await Cell(backend, container=labelled, options=CellOptions(user="0")).outcome()
    asked = [(config.user, config.working_dir) for config in backend.configs]
    assert asked == [("1000", "/srv"), ("0", "/srv")]


# --- defects -------------------------------------------------------------------------------------
# A cell always gets its reply: something is raised at each point where a cell may meet it.

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
    monkeypatch.setattr(cell.workspaces.guardians, "run_guarded", raising)


def break_command(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_module, "build_command", raising)


def break_cause(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt_module, "cause_of", raising)


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


@pytest.mark.parametrize(
    ("container", "reason"),
    [
        (CONTAINER, ""),
        (dataclasses.replace(CONTAINER, paused=True), ": The container 'web' is paused."),
        (UNREACHABLE, ": nobody answers"),
        (FOREVER, ": The engine does not answer."),
    ],
)
async def test_processes_that_survive_an_interrupt_are_ended_later(monkeypatch, container, reason):

    async def connect() -> FakeBackend:
        raise UNREACHABLE

    leftovers = Leftovers(connect)
    backend = FakeBackend(Script([greeting, FOREVER]))
    cell = Cell(backend, workspaces=Workspaces(leftovers=leftovers))
    backend.container = container

    async def hang(_: str) -> None:
        await asyncio.Event().wait()

    if container is FOREVER:
        monkeypatch.setattr(backend, "container_inspect", hang)

    async def climb(*_: object) -> Ended:
        return Ended("KILL", frozenset({12, 3}))

    monkeypatch.setattr(cell.run._ladder, "climb", climb)
    running = asyncio.create_task(cell.outcome())
    await asyncio.wait_for(cell.run._running.wait(), 60)
    cell.run.interrupt()
    note = f"the processes 3, 12 go on until they can be ended{reason}"
    assert await running == Interrupted("SIGKILL", note)
    (left,) = leftovers._since
    assert left.grace is None
    await leftovers.aclose()


async def test_a_cell_that_starts_after_its_interrupt_is_ended_then():
    """The engine takes longer than the interrupt waits: the exec's id is all that is known."""

    async def connect() -> FakeBackend:
        raise UNREACHABLE

    leftovers = Leftovers(connect)
    backend = FakeBackend(Script([FOREVER]))
    cell = Cell(backend, workspaces=Workspaces(leftovers=leftovers))
    running = asyncio.create_task(cell.run.run())
    await backend.until_attached(1)
    cell.run.interrupt()
    outcome = await running
    assert isinstance(outcome, Interrupted)
    assert "may still do so" in outcome.note
    (left,) = leftovers._since
    assert (left.exec_id, left.has_pid, left.grace) == ("exec-1", False, 0.05)
    await leftovers.aclose()


@pytest.mark.parametrize("script", [Script(attach=UNREACHABLE), Script(upgraded=False)])
async def test_the_shell_of_a_terminal_whose_start_has_failed_is_ended(script):
    """It does not see the end of its connection, and would wait for its cell for ever."""

    async def connect() -> FakeBackend:
        raise UNREACHABLE

    for options, count in ((CellOptions(tty=True), 1), (CellOptions(), 0)):
        leftovers = Leftovers(connect)
        backend = FakeBackend(script, Script([greeting]))
        workspaces = Workspaces(leftovers=leftovers)
        cell = Cell(backend, workspaces=workspaces, options=options)
        cell.workspace.stdin_passes = script.upgraded
        await cell.outcome()
        assert [left.exec_id for left in leftovers._since] == ["exec-1"] * count
        await leftovers.aclose()


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
