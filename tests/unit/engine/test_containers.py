"""The verbs for a container's log and its processes, against an engine that answers as it likes."""

from __future__ import annotations

import asyncio

import pytest

from dexec_kernel.backend.models import ContainerTop, Frame, Stream
from dexec_kernel.engine import calls as calls_module
from dexec_kernel.errors import (
    ContainerNotFound,
    ContainerNotRunning,
    EngineApiError,
    EngineUnavailable,
    ProtocolError,
    StreamCutOff,
)
from tests.unit.support.fake_engine import answer, hang_up, pong, stall
from tests.unit.support.wire import CHUNKED, PLAIN, SWITCHED, chunk, err, out

TOP = {"Titles": ["PID", "CMD"], "Processes": [["1", "sleep 5"], ["2", "ls"]]}
LOGS = "GET /v1.41/containers/web/logs"


async def read(client, **options) -> list[Frame]:
    async with await client.container_logs("web", **options) as connection:
        return [frame async for frame in connection]


async def test_frames_in_chunks_of_http(engine, client):
    body = chunk(out(b"a")[:5]) + chunk(out(b"a")[5:] + err(b"b")) + chunk(b"")
    engine.on(LOGS, CHUNKED + body)
    assert await read(client) == [Frame(Stream.STDOUT, b"a"), Frame(Stream.STDERR, b"b")]
    assert engine.calls[-1].endswith("/logs?stdout=1&stderr=1&follow=0&tail=all&since=0")
    assert engine.requests[-1].headers == {"host": "docker"}


async def test_a_tty_has_no_frames(engine, client):
    engine.on(LOGS, hang_up(PLAIN + b"\x01\x00text"))
    found = await read(client, tty=True, follow=True, tail=3, since=1700000000)
    assert b"".join(frame.data for frame in found) == b"\x01\x00text"
    assert engine.calls[-1].endswith("follow=1&tail=3&since=1700000000")


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (answer(404, {"message": "No such container: web"}), ContainerNotFound),
        (answer(501, {"message": "configured logging driver does not support"}), EngineApiError),
        (hang_up(), EngineUnavailable),
        (SWITCHED, ProtocolError),
        (hang_up(CHUNKED + b"5\r\nab"), StreamCutOff),
        (hang_up(b"junk\r\n\r\n"), ProtocolError),
    ],
)
async def test_a_log_that_does_not_come(engine, client, reply, error):
    engine.on(LOGS, reply)
    with pytest.raises(error) as caught:
        await read(client)
    assert type(caught.value) is error


async def test_a_log_that_is_not_answered_in_time(engine, client, monkeypatch):
    monkeypatch.setattr(calls_module, "READ_TIMEOUT", 0.1)
    await client.api_version()
    engine.on(LOGS, stall)
    with pytest.raises(EngineUnavailable, match=r"within 0\.1 s \(container logs\)"):
        await read(client)


async def test_a_log_that_is_followed_may_be_silent_before_its_answer(engine, client, monkeypatch):
    monkeypatch.setattr(calls_module, "READ_TIMEOUT", 0.1)
    await client.api_version()

    async def slow(request, reader, writer):
        await asyncio.sleep(0.3)
        await hang_up(PLAIN + out(b"late"))(request, reader, writer)

    engine.on(LOGS, slow)
    assert [frame.data for frame in await read(client, follow=True)] == [b"late"]


async def test_a_silent_log_waits_and_ends_when_it_is_closed(engine, client):
    async def silent(request, reader, writer):
        writer.write(CHUNKED)
        await reader.read()

    engine.on(LOGS, silent)
    connection = await client.container_logs("web", follow=True)
    reading = asyncio.create_task(connection.read())
    await asyncio.sleep(0.05)
    assert not reading.done()
    connection.close()
    async with asyncio.timeout(1):
        assert await reading == []


async def test_processes(engine, client):
    engine.on("GET /v1.41/containers/web/top", answer(200, TOP))
    assert await client.container_top("web") == ContainerTop(
        ("PID", "CMD"), (("1", "sleep 5"), ("2", "ls"))
    )
    engine.on("GET /v1.41/containers/web/top", answer(200, {**TOP, "Processes": None}))
    assert (await client.container_top("web")).processes == ()


async def test_names_of_processes(engine, client):
    top = {"Titles": ["PID", "COMMAND"], "Processes": [["12", "tmux: server"], ["13", "sh"]]}
    engine.on("GET /v1.41/containers/web/top", answer(200, top))
    assert await client.container_process_names("web") == {"12": "tmux: server", "13": "sh"}
    assert "ps_args=-eo+pid%2Ccomm" in engine.calls[-1]


@pytest.mark.parametrize("body", [[], "x", {}, {"Titles": ["A"], "Processes": [["1", "2"]]}, 3])
async def test_processes_that_make_no_sense(engine, client, body):
    engine.on("GET /v1.41/containers/web/top", answer(200, body))
    with pytest.raises(ProtocolError, match="list of processes"):
        await client.container_top("web")


@pytest.mark.parametrize(
    ("reply", "error", "said"),
    [
        ((500, 'exec: "ps": executable file not found in $PATH'), EngineApiError, "procps"),
        ((500, "ps: exit status 1"), EngineApiError, "exit status 1"),
        ((409, "container 0f is not running"), ContainerNotRunning, "docker start web"),
        ((404, "No such container: web"), ContainerNotFound, "web"),
    ],
)
async def test_processes_that_are_refused(engine, client, reply, error, said):
    status, message = reply
    engine.on("GET /v1.41/containers/web/top", answer(status, {"message": message}))
    with pytest.raises(error) as caught:
        await client.container_top("web")
    assert said in str(caught.value)


async def test_processes_of_a_stopped_container_in_podman(engine, client):
    engine.on("GET /_ping", pong(Libpod_Api_Version="4.3.1"))
    engine.on("GET /v1.41/containers/web/top", answer(200, b""))
    with pytest.raises(ContainerNotRunning, match="'web'"):
        await client.container_top("web")
    assert "ps_args=user%2Chpid" in engine.calls[-1]
