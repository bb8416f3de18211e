"""Cells that cannot run, and containers that go away below them."""

from __future__ import annotations

import asyncio

import pytest

from devtools import containers
from dexec_kernel.cells.outcome import Exited, Failed, State
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.errors import (
    CellSyntaxError,
    CommandNotStarted,
    ContainerNotRunning,
    ContainerPaused,
    ExecLost,
    FolderGone,
)
from tests.engine.execs import Cell, gone

# --- commands that are not started ----------------------------------------------------------------


async def refused(
    client: EngineClient, container: str, source: str = "true"
) -> CommandNotStarted | FolderGone:
    cell = Cell(client, container, source)
    outcome = await cell.outcome()
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, CommandNotStarted | FolderGone)
    assert cell.pieces == []
    assert cell.run.snapshot().state is State.NOT_STARTED
    assert cell.run.snapshot().pid is None
    return outcome.error


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("nope --x", "no command 'nope'"),
        ("/bin/nope", "no command '/bin/nope'"),
        ("/etc/passwd", "may not be executed"),
        ("/etc", "may not be executed"),
    ],
)
async def test_command_that_an_image_without_shell_cannot_start(client, noshell, source, reason):
    error = await refused(client, noshell, source)
    assert reason in error.message
    assert error.engine_text.startswith("OCI runtime exec failed")
    assert error.exit_code == 126


async def test_working_directory_that_is_gone(client, run_container):
    name = run_container(working_dir="/gone")
    await asyncio.to_thread(containers.run, client.endpoint.url, name, ["rmdir", "/gone"])
    error = await refused(client, name)
    assert isinstance(error, FolderGone)
    assert "working directory /gone" in error.message


async def test_user_that_is_gone(client, run_container):
    name = run_container(user="student")
    forget = ["sed", "-i", "/student/d", "/etc/passwd"]
    await asyncio.to_thread(containers.run, client.endpoint.url, name, forget, user="0")
    error = await refused(client, name)
    assert "no such user" in error.message


async def test_several_lines_without_a_shell(client, noshell):
    outcome = await Cell(client, noshell, "echo a\necho b").outcome()
    assert isinstance(outcome.error, CellSyntaxError)


async def test_exit_codes_without_a_shell(client, noshell):
    assert await Cell(client, noshell, "false").outcome() == Exited(1, "")
    cell = Cell(client, noshell, "env nope")
    assert await cell.outcome() == Exited(127, "command not found")
    assert "nope" in cell.stderr


# --- containers that go away ----------------------------------------------------------------------


async def test_memory_that_runs_out(client, run_container):
    name = run_container(memory=32 * 1024 * 1024)
    cell = Cell(client, name, "tail /dev/zero")
    assert await cell.outcome() == Exited(137, "SIGKILL, out of memory")
    assert (await Cell(client, name, "kill -9 $$").outcome()).exit_code == 137


async def test_container_that_is_killed(client, run_container):
    name = run_container()
    cell = Cell(client, name, "echo begun; sleep 60000")
    task = await cell.started()
    await asyncio.to_thread(containers.kill, client.endpoint.url, name)
    assert await task == Exited(137, "SIGKILL, the container stopped")
    assert cell.stdout == "begun\n"
    again = Cell(client, name, "true", workspaces=cell.workspaces)
    outcome = await again.outcome()
    assert isinstance(outcome.error, ContainerNotRunning)
    assert f"'{name}'" in outcome.error.message
    await asyncio.to_thread(containers.start, client.endpoint.url, name)
    assert await Cell(client, name, "true", workspaces=cell.workspaces).outcome() == Exited(0, "")


async def test_container_that_is_removed(client, run_container):
    name = run_container()
    cell = Cell(client, name, "echo begun; sleep 60000")
    task = await cell.started()
    await asyncio.to_thread(containers.remove_container, client.endpoint.url, name)
    outcome = await task
    if isinstance(outcome, Exited):  # The exec was asked after before the container was gone.
        assert outcome.exit_code == 137
    else:
        assert isinstance(outcome.error, ExecLost)
        assert cell.run.snapshot().state is State.LOST
    assert cell.stdout == "begun\n"


async def test_container_that_is_paused(client, run_container):
    name = run_container()
    await asyncio.to_thread(containers.pause, client.endpoint.url, name)
    cell = Cell(client, name, "true")
    outcome = await cell.outcome()
    assert isinstance(outcome.error, ContainerPaused)
    assert f"docker unpause {name}" in outcome.error.advice
    assert cell.run.snapshot().state is State.NOT_STARTED
    await asyncio.to_thread(containers.unpause, client.endpoint.url, name)
    await gone(client.endpoint.url, name)
