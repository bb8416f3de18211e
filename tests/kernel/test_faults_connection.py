"""Replies of a kernel whose connection is faulty; ``tests/engine`` has every fault."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import faults
from tests.faulty_proxy import FaultyProxy, Kind
from tests.waiting import GUARD


@pytest.fixture
def proxy(host) -> Iterator[FaultyProxy]:
    """A proxy in a thread of its own."""
    loop, begun = asyncio.new_event_loop(), threading.Event()

    async def serve() -> None:
        nonlocal end
        end = asyncio.Event()
        async with made:
            begun.set()
            await end.wait()

    end: asyncio.Event
    with tempfile.TemporaryDirectory(prefix="dexec-") as folder:
        made = FaultyProxy(host.removeprefix("unix://"), Path(folder))
        thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
        thread.start()
        assert begun.wait(GUARD)
        try:
            yield made
        finally:
            loop.call_soon_threadsafe(end.set)
            thread.join()
            loop.close()


def test_replies(proxy, start_kernel, debian):
    kernel = start_kernel(engine=proxy.host, DEXEC_CONTAINER=debian)
    file = "/tmp/replies"
    assert kernel.run(f"rm -f {file}; A=kept").reply["status"] == "ok"

    proxy.spoil(Kind.LOOK, faults.ANSWERS["page of 5 MB"], times=4)
    reply = kernel.run("echo looked").reply
    proxy.heal()
    assert reply["ename"] == "EngineApiError"
    assert len(reply["evalue"]) < 4_000

    proxy.spoil_stream(faults.cut_before, at=b"middle")
    lost = kernel.run(f"echo run >>{file}; echo first; sleep 1; echo middle; sleep 1; echo last")
    proxy.heal()
    assert lost.reply["ename"] == "ExecLost"
    assert "Output may be missing" in lost.reply["evalue"]
    assert lost.text() == "first\n"

    told = kernel.run(f"echo $A $(grep -c run {file})")
    assert told.reply["status"] == "ok"
    assert told.text() == "kept 1\n"
    [bar] = [o["data"] for o in told.outputs if "text/html" in o.get("data", {})]
    assert "the lost cell with exec" in bar["text/html"]
