"""The client's verbs against an engine that answers as it likes."""

from __future__ import annotations

import asyncio
import json

import pytest

from dexec_kernel.backend.models import ConsoleSize, ExecConfig, ExecState
from dexec_kernel.engine import calls as calls_module
from dexec_kernel.errors import (
    CommandNotStarted,
    ConfigurationError,
    ContainerNotFound,
    ContainerNotRunning,
    ContainerPaused,
    EngineApiError,
    EngineUnavailable,
    ExecLost,
    ExecNotFound,
    ProtocolError,
)
from tests.unit.support.fake_engine import FakeEngine, answer, hang_up, stall
from tests.unit.support.wire import PLAIN, SWITCHED, out

CONFIG = ExecConfig(["true"])
EXEC = {"ID": "e1", "ContainerID": "c1", "Running": False, "ExitCode": 0, "Pid": 7}
RUNNING = {**EXEC, "Running": True, "ExitCode": None}


def container(**state: bool) -> bytes:
    body = {"Id": "c1", "Name": "/web", "Config": {"Image": "i"}, "State": state}
    return answer(200, body)


async def create(client):
    return await client.container_exec_create("web", CONFIG)


async def inspect(client):
    return await client.container_exec_inspect("e1")


async def attach(client):
    return await client.container_exec_attach("e1")


async def run(client):
    return await client.exec("web", CONFIG)


async def start(client):
    return await client.container_exec_start("e1")


async def look(client):
    return await client.container_inspect("web")


async def list_all(client):
    return await client.container_list()


JSON_CALLS = [create, inspect, look, list_all]
ALL_CALLS = [*JSON_CALLS, attach, start]


@pytest.mark.parametrize("call", ALL_CALLS)
@pytest.mark.parametrize(
    "reply", [hang_up(), hang_up(b"HTTP/1.1 20")], ids=["nothing", "half a head"]
)
async def test_engine_that_hangs_up_is_unavailable(engine, client, call, reply):
    await client.api_version()
    engine.on(r"\w+ /v", reply)
    with pytest.raises(EngineUnavailable):
        await call(client)


@pytest.mark.parametrize("call", JSON_CALLS)
@pytest.mark.parametrize("body", [b"not json", b"", b"3", b'"x"', b"{}", b"null", b"[3"])
async def test_answer_that_makes_no_sense(engine, client, call, body):
    engine.on(r"\w+ /v", answer(200, body))
    with pytest.raises(ProtocolError):
        await call(client)


@pytest.mark.parametrize("call", ALL_CALLS)
async def test_engine_that_does_not_answer_in_time(engine, monkeypatch, call):
    monkeypatch.setattr(calls_module, "READ_TIMEOUT", 0.1)
    async with engine.client(api_version="1.41") as client:
        engine.on(r"\w+ /v", stall)
        with pytest.raises(EngineUnavailable, match=r"did not answer within 0\.1 s"):
            await call(client)


@pytest.mark.parametrize("call", [create, look, run])
async def test_an_engine_that_is_stuck_on_a_container_is_told_with_its_name(
    engine, monkeypatch, call
):
    monkeypatch.setattr(calls_module, "READ_TIMEOUT", 0.1)
    async with engine.client(api_version="1.41") as client:
        engine.on(r"\w+ /v", stall)
        if call is run:  # Its create is answered, its start is not.
            engine.on("POST /v1.41/containers/web/exec", answer(201, {"Id": "e1"}))
        with pytest.raises(EngineUnavailable, match="the container 'web'") as caught:
            await call(client)
    assert "restart the container 'web'" in caught.value.advice


def test_calls_that_a_cell_waits_for_are_bounded():
    assert calls_module.READ_TIMEOUT == 10.0


@pytest.mark.parametrize("call", [*ALL_CALLS, run])
async def test_a_huge_error_page_is_neither_kept_nor_shown(engine, client, call):
    engine.on(
        r"\w+ /v",
        hang_up(answer(502, b"<HTML><title>\n Bad Gateway </title>" + b"x" * 5_000_000)),
    )
    with pytest.raises(EngineApiError, match="502: a web page, 'Bad Gateway'") as caught:
        await call(client)
    assert len(str(caught.value)) < 3_000


@pytest.mark.parametrize("call", JSON_CALLS)
async def test_an_answer_without_end_is_a_protocol_error(engine, client, monkeypatch, call):
    monkeypatch.setattr("dexec_kernel.engine.http.calls.MAX_BODY", 100_000)
    monkeypatch.setattr("dexec_kernel.engine.http.api.MAX_BODY", 100_000)
    engine.on(r"\w+ /v", hang_up(answer(200, b" " * 5_000_000)))
    with pytest.raises(ProtocolError, match="more than 100,000 bytes"):
        await call(client)


@pytest.mark.parametrize("call", ALL_CALLS)
async def test_nobody_listens(tmp_path, call):
    async with FakeEngine(tmp_path).client(api_version="1.41") as client:
        with pytest.raises(EngineUnavailable, match=r"(?i)no such file") as caught:
            await call(client)
    assert "engine.sock" in caught.value.message
    assert "the test" in caught.value.advice


@pytest.mark.parametrize("call", ALL_CALLS)
async def test_closed_client_says_so(engine, call):
    client = engine.client()
    await client.api_version()
    await client.aclose()
    engine.on(r"\w+ /v", hang_up())
    with pytest.raises(EngineUnavailable):
        await call(client)


async def test_calls_that_wait_when_the_client_is_closed_fail(engine, monkeypatch):
    monkeypatch.setattr(calls_module, "_THREADS", 1)
    monkeypatch.setattr(calls_module, "READ_TIMEOUT", 0.3)
    engine.on(r"\w+ /v", stall)
    client = engine.client(api_version="1.41")
    calls = [asyncio.create_task(look(client)) for _ in range(3)]
    await engine.asked.wait()
    await client.aclose()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == 3 * [EngineUnavailable]


async def test_connections_are_used_again(engine, client):
    engine.on("GET /v1.41/exec", answer(200, EXEC))
    for number in range(5):
        await client.container_exec_inspect(f"e{number}")
    # The ping's.
    assert engine.connections == 1


@pytest.mark.parametrize(
    ("reply", "state", "error"),
    [
        ((404, "No such container: web"), {}, ContainerNotFound),
        ((404, "no container with name or ID exec-web found"), {}, ContainerNotFound),
        ((301, ""), {}, ContainerNotFound),
        ((409, "Container 0f is not running"), {"Running": False}, ContainerNotRunning),
        ((409, "Container 0f is paused"), {}, ContainerPaused),
        ((409, "container state improper"), {"Running": True, "Paused": True}, ContainerPaused),
        ((409, "container state improper"), {"Running": False}, ContainerNotRunning),
        ((500, "can only exec in ..."), {"Running": False}, ContainerNotRunning),
        ((500, "out of disk"), {"Running": True}, EngineApiError),
        ((400, "invalid detach keys"), {"Running": False}, EngineApiError),
        ((403, "forbidden"), {"Running": True}, EngineApiError),
    ],
)
async def test_refused_create(engine, client, reply, state, error):
    status, message = reply
    engine.on("POST /v1.41/containers/web/exec", answer(status, {"message": message}))
    engine.on("GET /v1.41/containers/web/json", container(**state))
    with pytest.raises(error) as caught:
        await create(client)
    assert type(caught.value) is error
    assert "'web'" in str(caught.value) or error is EngineApiError
    if error is EngineApiError:
        assert (caught.value.status, message in caught.value.message) == (status, True)


async def test_refused_create_stays_what_it_is_when_the_container_cannot_be_asked(engine, client):
    engine.on("POST /v1.41/containers/web/exec", answer(500, {"message": "broken"}))
    engine.on("GET /v1.41/containers/web/json", hang_up())
    with pytest.raises(EngineApiError, match="broken"):
        await create(client)


async def test_a_paused_container_is_not_asked_for_its_state(engine, client):
    """Docker 20.10 may have deadlocked it, and never answers."""
    engine.on("POST /v1.41/containers/web/exec", answer(409, {"message": "Container 0f is paused"}))
    with pytest.raises(ContainerPaused):
        await create(client)
    assert not any(request.path.endswith("/json") for request in engine.requests)


async def test_forbidding_proxy_is_named(engine, client):
    engine.on("POST", answer(403, b"<html>no</html>"))
    with pytest.raises(EngineApiError) as caught:
        await create(client)
    assert "proxy" in caught.value.advice


async def test_names_are_one_segment_of_the_path(engine, client):
    for name in ("a/b", "é x", "a?b#c"):
        with pytest.raises(ContainerNotFound):
            await client.container_inspect(name)
    assert [call.split("/")[3] for call in engine.calls[1:]] == [
        *("a%2Fb", "%C3%A9%20x", "a%3Fb%23c")
    ]
    with pytest.raises(ConfigurationError):
        await client.container_inspect("")


async def test_attach_asks_for_an_upgrade_and_keeps_what_came_with_the_head(engine, client):
    engine.on("POST /v1.41/exec/e1/start", hang_up(SWITCHED + out(b"early")))
    async with await client.container_exec_attach("e1", tty=False) as connection:
        assert [item.data async for item in connection] == [b"early"]
        assert connection.upgraded
    assert engine.requests[-1].json == {"Detach": False, "Tty": False}
    assert engine.requests[-1].headers["upgrade"] == "tcp"


async def test_attach_without_an_upgrade(engine, client):
    engine.on("POST /v1.41/exec/e1/start", hang_up(PLAIN + out(b"text")))
    async with await client.container_exec_attach("e1") as connection:
        assert [item.data async for item in connection] == [b"text"]
        assert not connection.upgraded


async def test_detached_start_and_resize(engine, client):
    engine.on("POST /v1.41/exec/e1/", answer(200, b""))
    await client.container_exec_start("e1", tty=True)
    assert engine.requests[-1].json == {"Detach": True, "Tty": True}
    await client.container_exec_resize("e1", ConsoleSize(rows=24, columns=80))
    assert engine.calls[-1] == "POST /v1.41/exec/e1/resize?h=24&w=80"


async def test_filters_of_a_list_are_sent_as_the_engine_has_them(engine, client):
    engine.on("GET /v1.41/containers/json", answer(200, []))
    await client.container_list(all=True, filters={"label": ["a=b"]})
    assert "all=1" in engine.calls[-1]
    assert "%7B%22label%22" in engine.calls[-1]


async def test_events_tell_whether_memory_ran_out(engine, client):
    engine.on("GET /v1.41/events", answer(200, b""))
    assert not await client.container_oom_since("c", 1.5)
    engine.on("GET /v1.41/events", answer(200, json.dumps({"status": "oom"}).encode()))
    assert await client.container_oom_since("c", 1.5)
    assert "since=0.500000000&until=" in engine.calls[-1]


# --- waiting for the exit code ------------------------------------------------------------------


async def test_wait_goes_on_until_the_exec_has_exited(engine, client):
    replies = [RUNNING, RUNNING, {**EXEC, "ExitCode": 5}]

    async def reply(request, reader, writer):
        writer.write(answer(200, replies.pop(0)))

    engine.on("GET /v1.41/exec/e1/json", reply)
    found = await client.container_exec_wait("e1")
    assert (found.state, found.exit_code) == (ExecState.EXITED, 5)


@pytest.mark.parametrize("body", [RUNNING, {**EXEC, "ExitCode": None, "Pid": 0}])
async def test_wait_is_bounded(engine, client, body):
    engine.on("GET /v1.41/exec/e1/json", answer(200, body))
    begun = asyncio.get_running_loop().time()
    with pytest.raises(ExecLost, match=r"0\.1 s later"):
        await client.container_exec_wait("e1", timeout=0.1)
    assert asyncio.get_running_loop().time() - begun < 1


async def test_exec_that_is_not_known_any_more_is_lost(engine, client):
    engine.on("GET /v1.41/exec/e1/json", answer(404, {"message": "No such exec instance: e1"}))
    with pytest.raises(ExecLost) as caught:
        await client.container_exec_wait("e1")
    assert isinstance(caught.value.__cause__, ExecNotFound)


async def test_user_that_podman_looks_up_at_the_start(engine, client):
    engine.on("POST /v1.41/containers/web/exec", answer(201, {"Id": "e1"}))
    fault = {"message": "unable to find user nope: no matching entries in passwd file"}
    engine.on("POST /v1.41/exec/e1/start", answer(500, fault))
    with pytest.raises(CommandNotStarted, match="no such user"):
        await client.exec("web", CONFIG)


async def test_a_failed_start_that_is_reported_in_the_stream(engine, client):
    engine.on("POST /v1.41/containers/web/exec", answer(201, {"Id": "e1"}))
    report = b"OCI runtime exec failed: exec: permission denied: unknown\r\n"
    engine.on("POST /v1.41/exec/e1/start", hang_up(SWITCHED + out(report)))
    ended = {"ID": "e1", "ContainerID": "c", "Running": False, "ExitCode": 126, "Pid": 0}
    engine.on("GET /v1.41/exec/e1/json", answer(200, ended))
    attached = await client.exec("web", CONFIG)
    frames = [frame async for frame in attached]
    assert (await attached.wait()).exit_code == 126
    error = attached.why_not_started(
        await attached.inspect(), b"".join(frame.data for frame in frames)
    )
    assert error is not None
    assert "may not be executed" in error.message
    attached.close()
