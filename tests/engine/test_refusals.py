"""Docker and Podman refuse calls in words and codes of their own; here they are the same errors."""

from __future__ import annotations

import asyncio

import pytest

from devtools import containers
from dexec_kernel.backend.models import ConsoleSize, ExecConfig
from dexec_kernel.errors import (
    ContainerNotFound,
    ContainerNotRunning,
    ContainerPaused,
    EngineApiError,
    ExecLost,
    ExecNotFound,
)
from tests.engine.execs import collect
from tests.gate import Gate
from tests.waiting import GUARD, waiting

TRUE = ExecConfig(["true"])
NOBODY = "0" * 64


@pytest.mark.parametrize("name", ["exec-nothing", "nobody", "a/../b", "..", "%2e", "UPPER", "é"])
async def test_no_such_container(place, name):
    with pytest.raises(ContainerNotFound) as caught:
        await place.client.container_exec_create(name, TRUE)
    assert repr(name) in caught.value.message
    with pytest.raises(ContainerNotFound):
        await place.client.container_inspect(name)


@pytest.mark.parametrize("verb", ["inspect", "attach", "start", "resize", "wait"])
async def test_no_such_exec(place, verb):
    client = place.client
    call = {
        "inspect": lambda: client.container_exec_inspect(NOBODY),
        "attach": lambda: client.container_exec_attach(NOBODY),
        "start": lambda: client.container_exec_start(NOBODY),
        "resize": lambda: client.container_exec_resize(NOBODY, ConsoleSize(1, 1)),
        "wait": lambda: client.container_exec_wait(NOBODY),
    }[verb]
    with pytest.raises(ExecLost if verb == "wait" else ExecNotFound):
        await call()


async def test_stopped_container(place):
    name = place.run()
    exec_id = await place.client.container_exec_create(name, TRUE)
    containers.stop(place.host, name)
    assert not (await place.client.container_inspect(name)).running
    with pytest.raises(ContainerNotRunning) as caught:
        await place.client.container_exec_create(name, TRUE)
    assert f"docker start {name}" in caught.value.advice
    # Created before: Docker has forgotten it, Podman says why it does not start.
    with pytest.raises((ExecNotFound, ContainerNotRunning)):
        await place.client.container_exec_attach(exec_id)
    containers.start(place.host, name)
    assert await place.client.container_exec_create(name, TRUE)


async def test_paused_container(place):
    name = place.run()
    exec_id = await place.client.container_exec_create(name, TRUE)
    containers.pause(place.host, name)
    assert (await place.client.container_inspect(name)).paused
    with pytest.raises(ContainerPaused) as caught:
        await place.client.container_exec_create(name, TRUE)
    assert f"docker unpause {name}" in caught.value.advice
    with pytest.raises(ContainerPaused):
        await place.client.container_exec_attach(exec_id)
    containers.unpause(place.host, name)
    async with await place.client.container_exec_attach(exec_id) as connection:
        assert await collect(connection) == (b"", b"")
    assert (await place.client.container_exec_wait(exec_id)).exit_code == 0


async def test_removed_container(place):
    name = place.run()
    exec_id = await place.client.container_exec_create(name, TRUE)
    containers.remove_container(place.host, name)
    with pytest.raises(ContainerNotFound):
        await place.client.container_exec_create(name, TRUE)
    with pytest.raises(ExecNotFound):
        await place.client.container_exec_attach(exec_id)


async def test_exec_runs_once(place):
    config = ExecConfig(["sh", "-c", "echo ran"])
    exec_id = await place.client.container_exec_create(place.container, config)
    async with await place.client.container_exec_attach(exec_id) as connection:
        assert await collect(connection) == (b"ran\n", b"")
    with pytest.raises(EngineApiError):
        await place.client.container_exec_start(exec_id)
    if place.is_podman:
        with pytest.raises(EngineApiError, match="500"):
            await place.client.container_exec_attach(exec_id)
    else:
        async with await place.client.container_exec_attach(exec_id) as connection:
            out, _ = await collect(connection)
        assert b"has already run" in out
    assert (await place.client.container_exec_wait(exec_id)).exit_code == 0


# Docker 20.10 ponders for ten seconds before it refuses.
@pytest.mark.parametrize("place", ["podman"], indirect=True)
async def test_resize_before_the_start(place):
    config = ExecConfig(["true"], tty=True)
    exec_id = await place.client.container_exec_create(place.container, config)
    with pytest.raises(EngineApiError, match="not running"):
        await place.client.container_exec_resize(exec_id, ConsoleSize(1, 1))


async def test_resize_after_the_exit(place):
    exec_id = await place.client.container_exec_create(place.container, TRUE)
    async with await place.client.container_exec_attach(exec_id) as connection:
        await collect(connection)
    await place.client.container_exec_wait(exec_id)
    with pytest.raises(EngineApiError):
        await place.client.container_exec_resize(exec_id, ConsoleSize(1, 1))


async def test_pause_in_the_middle_is_silence(place):
    name = place.run()
    gate = Gate(place.host, name)
    script = f"echo 1; {gate.wait}; echo 2; sleep 0.1; echo 3"
    exec_id = await place.client.container_exec_create(name, ExecConfig(["sh", "-c", script]))
    async with await place.client.container_exec_attach(exec_id) as connection:
        first = await connection.read()
        await asyncio.to_thread(containers.pause, place.host, name)
        reading = await waiting(asyncio.create_task(collect(connection)))
        assert (await place.client.container_inspect(name)).paused
        assert not reading.done()
        await asyncio.to_thread(containers.unpause, place.host, name)
        await asyncio.to_thread(gate.open)
        out, _ = await asyncio.wait_for(reading, GUARD)
    assert b"".join(frame.data for frame in first) + out == b"1\n2\n3\n"


async def test_container_killed_in_the_middle(place):
    name = place.run()
    exec_id = await place.client.container_exec_create(name, ExecConfig(["sleep", "60000"]))
    async with await place.client.container_exec_attach(exec_id) as connection:
        async with asyncio.timeout(GUARD):
            while (await place.client.container_exec_inspect(exec_id)).pid is None:
                pass
        await asyncio.to_thread(containers.kill, place.host, name)
        assert await asyncio.wait_for(collect(connection), GUARD) == (b"", b"")
    try:
        found = await place.client.container_exec_wait(exec_id)
    except ExecLost:
        assert place.is_podman
    else:
        assert found.exit_code == 137
