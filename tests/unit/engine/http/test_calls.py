"""The JSON calls that a cell waits for: kept connections, also broken ones."""

from __future__ import annotations

import asyncio

import pytest

from dexec_kernel.engine.http.calls import KeptCalls
from dexec_kernel.errors import EngineUnavailable, StreamCutOff
from tests.unit.support.fake_engine import FakeEngine, answer, hang_up, stall

LOOK = ("GET", "/v1.41/exec/e/json")


@pytest.fixture
async def engine(tmp_path):
    async with FakeEngine(tmp_path) as engine:
        engine.on("GET /v1.41/exec", answer(200, {"n": 1}))
        yield engine


@pytest.fixture
def calls(engine):
    calls = KeptCalls(engine.endpoint, connect_timeout=5, read_timeout=5)
    yield calls
    calls.close()


@pytest.mark.parametrize("text", ["ü", "half a pair: \ud83d"], ids=ascii)
async def test_the_body_goes_over_as_json(engine, calls, text):
    engine.on("POST /v1.41/containers", answer(201, {"Id": "e"}))
    found = await calls.request("POST", "/v1.41/containers/web/exec", body={"A": text})
    assert (found.status, found.json()) == (201, {"Id": "e"})
    assert engine.requests[0].json == {"A": text}


async def test_calls_one_after_the_other_share_a_connection(engine, calls):
    for _ in range(5):
        assert (await calls.request(*LOOK)).json() == {"n": 1}
    assert engine.connections == 1


async def test_calls_at_the_same_time_do_not_wait_for_each_other(engine, calls):
    answers = await asyncio.gather(*(calls.request(*LOOK) for _ in range(8)))
    assert [found.json() for found in answers] == [{"n": 1}] * 8
    assert engine.connections == 8


async def test_a_body_in_chunks(engine, calls):
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (b'{"n":', b" 2}"))
    engine.on(
        "GET /v1.41/exec",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n",
    )
    for _ in range(2):
        assert (await calls.request(*LOOK)).json() == {"n": 2}
    assert engine.connections == 1


async def test_a_connection_that_the_engine_closes_is_not_kept(engine, calls):
    engine.on("GET /v1.41/exec", answer(200, {"n": 3}, {"Connection": "close"}))
    for _ in range(2):
        assert (await calls.request(*LOOK)).json() == {"n": 3}
    assert engine.connections == 2


async def test_an_engine_that_was_restarted_is_asked_again(engine, calls):
    await asyncio.gather(calls.request(*LOOK), calls.request(*LOOK))
    engine.hang_up_all()
    assert (await calls.request(*LOOK)).json() == {"n": 1}
    assert engine.connections == 3


async def test_a_new_connection_that_breaks_is_an_error(engine, calls):
    engine.on("GET /v1.41/exec", hang_up())
    with pytest.raises(EngineUnavailable):
        await calls.request(*LOOK)
    engine.on("GET /v1.41/exec", hang_up(answer(200, {"n": 1})[:-3]))
    with pytest.raises(StreamCutOff):
        await calls.request(*LOOK)
    assert engine.connections == 2


async def test_a_call_that_is_cancelled_takes_its_connection_along(engine, calls):
    engine.on("GET /v1.41/exec", stall)
    call = asyncio.create_task(calls.request(*LOOK))
    await engine.asked.wait()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    engine.on("GET /v1.41/exec", answer(200, {"n": 4}))
    assert (await calls.request(*LOOK)).json() == {"n": 4}
    assert engine.connections == 2


async def test_an_engine_that_hangs_is_not_waited_for_for_ever(engine):
    calls = KeptCalls(engine.endpoint, connect_timeout=5, read_timeout=0.1)
    engine.on("GET /v1.41/exec", stall)
    with pytest.raises(EngineUnavailable, match=r"0\.1 s"):
        await calls.request(*LOOK)
    calls.close()


async def test_closing_ends_calls_that_wait(engine, calls):
    engine.on("GET /v1.41/exec", stall)
    call = asyncio.create_task(calls.request(*LOOK))
    await engine.asked.wait()
    calls.close()
    with pytest.raises(EngineUnavailable):
        await call
