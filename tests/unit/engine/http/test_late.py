"""Calls through requests: made with the first of them, closed where there was one."""

from __future__ import annotations

import asyncio

from dexec_kernel.engine.http.late import LateApi
from tests.unit.support.fake_engine import FakeEngine, answer


async def test_the_first_call_makes_it_and_others_share_it(tmp_path):
    async with FakeEngine(tmp_path) as engine:
        engine.on("GET /_ping", answer(200, {"n": 1}))
        api = LateApi(engine.endpoint, connect_timeout=5, read_timeout=5)
        api.close()
        calls = (asyncio.to_thread(api.request, "GET", "/_ping") for _ in range(4))
        found = [item.json() for item in await asyncio.gather(*calls)]
        api.close()
    assert found == [{"n": 1}] * 4
