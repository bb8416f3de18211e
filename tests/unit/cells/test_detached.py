"""Cells that are started detached: the requests to the engine, and its answers."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

import pytest

from dexec_kernel.backend.models import USER_LABEL, WORKDIR_LABEL, ExecInspect, ExecState
from dexec_kernel.cells.attempt import NO_SHELL_NOTE
from dexec_kernel.cells.outcome import Detached, Exited, Failed, Interrupted, State
from dexec_kernel.cells.source.options import CellOptions
from dexec_kernel.cells.workspace import Workspaces
from dexec_kernel.display.bar import bar_text
from dexec_kernel.display.fault import fault_of
from dexec_kernel.display.record import record_of
from dexec_kernel.errors import (
    CommandNotStarted,
    ConfigurationError,
    EngineUnavailable,
    ExecLost,
    FolderGone,
)
from dexec_kernel.local.backend import LocalBackend
from dexec_kernel.shell.commands import Shell
from dexec_kernel.shell.state import ShellState
from tests.unit.support.fake_backend import CONTAINER, Cell, FakeBackend, Script, exited, known

DETACHED = CellOptions(detach=True)
STATE = ShellState(folder="/srv", exported={"A": "1", "HOME": "/root", "PWD": "/srv"})


def not_started(**what: bool) -> CommandNotStarted:
    return CommandNotStarted("not started", exit_code=None, engine_text="", **what)


def in_session(state: ShellState = STATE, shell: Shell | None = Shell.SH) -> Workspaces:
    workspaces = known(shell) if shell else Workspaces()
    workspaces.of(FakeBackend(), CONTAINER).session.state = state
    return workspaces


async def start(
    source: str, options: CellOptions, workspaces: Workspaces | None = None, *scripts: Script
) -> tuple[Cell, FakeBackend]:
    backend = FakeBackend(*(scripts or [Script()]))
    cell = Cell(backend, source, workspaces, replace(options, detach=True))
    assert await cell.outcome() == Detached()
    return cell, backend


async def test_a_shell_s_cell_is_handed_over_in_arguments_and_ends_at_once():
    cell, backend = await start("sleep 600", DETACHED, known(Shell.SH))
    [config] = backend.configs
    assert config.cmd[0] == "sh"
    assert config.cmd[-1] == "sleep 600"
    assert config == config.detached()
    snapshot = cell.run.snapshot()
    assert (snapshot.state, snapshot.exit_code) == (State.DETACHED, None)
    assert (snapshot.exec_id, snapshot.pid) == ("exec-1", 99)
    assert record_of(snapshot)["state"] == "detached"
    assert "its output is discarded" in bar_text(snapshot)
    assert fault_of(Detached()) is None


async def test_without_bash_the_next_shell_is_tried_and_known_from_then_on():
    missing = Script(attach=not_started(missing_command=True))
    cell, backend = await start("true", DETACHED, None, missing, Script())
    assert [config.cmd[0] for config in backend.configs] == ["bash", "sh"]
    assert cell.workspace.shell == Shell.SH


async def test_without_any_shell_a_cell_is_a_command_line():
    cell, backend = await start("/worker --fast", DETACHED, known(Shell.NONE))
    assert backend.configs[0].cmd == ["/worker", "--fast"]
    assert NO_SHELL_NOTE in cell.run.snapshot().note


async def test_a_command_is_started_by_the_engine_in_the_session_s_folder_with_its_variables():
    options = CellOptions(command=("worker", "a b"), env={"B": "2"})
    cell, backend = await start("", options, in_session(shell=None))
    [config] = backend.configs
    assert config.cmd == ["worker", "a b"]
    assert config.env == {"A": "1", "HOME": "/root", "PWD": "/srv", "B": "2"}
    assert config.working_dir == "/srv"
    assert cell.workspace.shell is None
    assert cell.workspace.state == STATE


async def test_another_user_and_another_folder_have_their_own():
    options = CellOptions(command=("worker",), user="u", workdir="/w", privileged=True)
    _, backend = await start("", options, in_session())
    [config] = backend.configs
    assert config.env == {"A": "1"}
    assert (config.user, config.working_dir, config.privileged) == ("u", "/w", True)


@pytest.mark.parametrize(
    ("source", "options", "folder"),
    [
        ("true", {}, "/srv"),
        ("true", {"workdir": "/w"}, "/w"),
        ("cd /elsewhere; true", {}, ""),
        ("cd /elsewhere; true", {"workdir": "/w"}, "/w"),
    ],
)
async def test_the_engine_enters_the_folder_of_a_shell_s_cell(source, options, folder):
    _, backend = await start(source, CellOptions(**options), in_session())
    assert backend.configs[0].working_dir == folder


async def test_labels_name_user_and_folder():
    labels = {USER_LABEL: "student", WORKDIR_LABEL: "/home/student"}
    backend = FakeBackend(Script())
    cell = Cell(backend, "true", None, DETACHED, replace(CONTAINER, labels=labels))
    await cell.outcome()
    [config] = backend.configs
    assert (config.user, config.working_dir) == ("student", "/home/student")
    assert cell.run.snapshot().cwd == "/home/student"


async def test_a_command_that_is_missing_is_not_tried_again_and_tells_nothing_of_the_shell():
    error = not_started(missing_command=True)
    backend = FakeBackend(Script(attach=error))
    cell = Cell(backend, "", None, replace(DETACHED, command=("nope",)))
    assert await cell.outcome() == Failed(error)
    assert len(backend.configs) == 1
    assert cell.workspace.shell is None
    assert cell.run.snapshot().state is State.NOT_STARTED


@pytest.mark.parametrize(
    ("options", "kind"), [({}, FolderGone), ({"workdir": "/w"}, CommandNotStarted)]
)
async def test_a_folder_of_the_session_that_is_gone_has_its_own_error(options, kind):
    backend = FakeBackend(Script(attach=not_started(bad_folder=True)))
    cell = Cell(backend, "true", in_session(), replace(DETACHED, **options))
    outcome = await cell.outcome()
    assert isinstance(outcome, Failed)
    assert type(outcome.error) is kind
    assert cell.run.snapshot().state is State.NOT_STARTED


async def test_a_start_without_an_answer_may_have_been_one():
    backend = FakeBackend(Script(attach=EngineUnavailable("nobody answers")))
    cell = Cell(backend, "true", known(Shell.SH), DETACHED)
    outcome = await cell.outcome()
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, ExecLost)
    assert "it may run (nobody answers)" in outcome.error.message
    assert cell.run.snapshot().state is State.LOST


async def test_an_engine_that_is_gone_before_has_started_nothing():
    error = EngineUnavailable("nobody answers")
    backend = FakeBackend(Script(create=error))
    assert await Cell(backend, "true", known(Shell.SH), DETACHED).outcome() == Failed(error)


async def test_a_command_that_has_ended_already_says_so_in_a_note_alone():
    backend = FakeBackend(Script(look=exited(3)))
    cell = Cell(backend, "exit 3", known(Shell.SH), DETACHED)
    assert await cell.outcome() == Detached(3)
    snapshot = cell.run.snapshot()
    assert snapshot.exit_code is None
    assert snapshot.note.endswith("it has ended already, exit code 3")
    assert "exit code" not in bar_text(replace(snapshot, note=""))


async def test_an_engine_that_tells_no_pid_leaves_it_unknown():
    look = ExecInspect("e", CONTAINER.id, ExecState.RUNNING, None, None)
    cell = Cell(FakeBackend(Script(look=look)), "true", known(Shell.SH), DETACHED)
    assert await cell.outcome() == Detached()
    assert "PID unknown" in bar_text(cell.run.snapshot())


async def test_a_cell_that_is_too_long_says_that_it_has_no_stdin():
    cell = Cell(FakeBackend(Script()), "#" * 900_001, known(Shell.SH), DETACHED)
    outcome = await cell.outcome()
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, ConfigurationError)
    assert "A detached one has no stdin" in outcome.error.message


async def test_an_interrupt_of_a_start_that_hangs_says_that_it_may_run():
    class Hanging(FakeBackend):
        async def exec_detached(self, container, config, *, created=lambda _: None):
            created("exec-1")
            started.set()
            await asyncio.Event().wait()

    started = asyncio.Event()
    cell = Cell(Hanging(), "true", known(Shell.SH), DETACHED)
    running = asyncio.create_task(cell.run.run())
    await started.wait()
    cell.run.interrupt()
    outcome = await running
    assert isinstance(outcome, Interrupted)
    assert outcome.signal == ""
    assert "may still do so" in outcome.note


async def test_an_interrupt_of_a_start_that_works_changes_nothing():
    class Slow(FakeBackend):
        async def exec_detached(self, container, config, *, created=lambda _: None):
            created("exec-1")
            cell.run.interrupt()
            await asyncio.sleep(1)
            return await super().exec_detached(container, config, created=created)

    cell = Cell(Slow(Script()), "true", known(Shell.SH), DETACHED)
    assert await cell.outcome() == Detached()


WRITE = 'echo "$A $PWD" >$TO.new; mv $TO.new $TO; exec sleep 600'


@pytest.mark.parametrize("command", [(), ("sh", "-c", WRITE)], ids=["shell", "command"])
async def test_folder_and_variables_of_a_real_session(real_time, tmp_path, command):
    """The process lives on after its cell, and ends with the backend, which is its container."""
    (tmp_path / "sub").mkdir()
    found = tmp_path / "found"
    async with LocalBackend(folder=str(tmp_path)) as backend:
        workspaces, container = Workspaces(), backend.container
        first = Cell(backend, "cd sub; export A='é 1'", workspaces, None, container)
        assert await first.outcome() == Exited(0, "")
        options = replace(DETACHED, command=command, env={"TO": str(found)})
        cell = Cell(backend, "" if command else WRITE, workspaces, options, container)
        assert isinstance(await cell.outcome(), Detached)
        while not found.exists():  # noqa: ASYNC110 -- no event tells
            await asyncio.sleep(0.01)
        assert found.read_text() == f"é 1 {tmp_path / 'sub'}\n"
        pid = cell.run.snapshot().pid
        assert pid is not None
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
