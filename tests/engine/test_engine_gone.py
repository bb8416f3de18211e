"""An engine that stops, crashes and comes back while execs run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from devtools import containers, images
from devtools.engine import LeanEngine
from dexec_kernel.backend.models import ExecConfig
from dexec_kernel.cells.outcome import Exited, Failed, State
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.endpoint import parse_host
from dexec_kernel.errors import EngineUnavailable, ExecLost, ExecNotFound
from tests.engine.execs import Cell, execute
from tests.waiting import GUARD, waiting

NAME = "to-be-lost"


@pytest.fixture
def engine() -> Iterator[LeanEngine]:
    """An engine of this test's own."""
    with LeanEngine() as own:
        images.ensure_image(own.host, images.BUSYBOX)
        containers.run_container(own.host, images.BUSYBOX, NAME)
        yield own


def crash(engine: LeanEngine) -> None:
    """Kill the daemon, and make sure that its containerd is not taken for alive."""
    engine.kill_daemon()
    # It dies with the daemon, and stays a zombie where nobody reaps it.
    (engine.directory / "exec/containerd/containerd.pid").unlink(missing_ok=True)


@pytest.fixture
async def own_client(engine) -> AsyncIterator[EngineClient]:
    async with EngineClient(parse_host(engine.host, source="the test")) as ours:
        yield ours


async def test_engine_that_crashes_under_a_cell_and_comes_back(engine, own_client):
    cell = Cell(own_client, NAME, "echo begun; sleep 60000")
    task = await cell.started()
    exec_id = cell.run.snapshot().exec_id
    await asyncio.to_thread(crash, engine)
    outcome = await task
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, ExecLost)
    assert "may still be running" in outcome.error.message
    assert cell.stdout == "begun\n"
    snapshot = cell.run.snapshot()
    assert (snapshot.state, snapshot.exit_code) == (State.LOST, None)
    for call in (own_client.ping, own_client.container_list):
        with pytest.raises(EngineUnavailable, match=r"(?i)refused|no such file"):
            await call()

    await asyncio.to_thread(engine.start_daemon)
    with pytest.raises(ExecNotFound):
        await own_client.container_exec_inspect(exec_id)
    with pytest.raises(ExecLost, match="no longer knows"):
        await own_client.container_exec_wait(exec_id)
    if not (await own_client.container_inspect(NAME)).running:
        await asyncio.to_thread(containers.start, engine.host, NAME)
    assert await Cell(own_client, NAME, "true", workspaces=cell.workspaces).outcome() == Exited(
        0, ""
    )


async def test_engine_that_is_stopped_under_an_exec(engine, own_client):
    exec_id = await own_client.container_exec_create(NAME, ExecConfig(["sleep", "60000"]))
    async with await own_client.container_exec_attach(exec_id) as connection:
        reading = await waiting(asyncio.create_task(connection.read()))
        await asyncio.to_thread(engine.stop_daemon)
        assert await asyncio.wait_for(reading, GUARD) == []
    with pytest.raises(EngineUnavailable):
        await own_client.container_exec_wait(exec_id)
    with pytest.raises(EngineUnavailable):
        await own_client.container_exec_attach(exec_id)
    with pytest.raises(EngineUnavailable):
        await own_client.container_exec_create(NAME, ExecConfig(["true"]))

    await asyncio.to_thread(engine.start_daemon)
    await asyncio.to_thread(containers.start, engine.host, NAME)
    found, _, _ = await execute(own_client, NAME, "true")
    assert found.exit_code == 0


async def test_exec_created_before_a_restart_is_unknown_after_it(engine, own_client):
    exec_id = await own_client.container_exec_create(NAME, ExecConfig(["true"]))
    await asyncio.to_thread(crash, engine)
    await asyncio.to_thread(engine.start_daemon)
    with pytest.raises(ExecNotFound):
        await own_client.container_exec_attach(exec_id)
