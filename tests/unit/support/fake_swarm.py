"""The engines of a swarm's nodes, which answer as they are told to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from tests.unit.support.fake_engine import FakeEngine

#: How two of the engines are reached.
HOSTS = "node2=tcp://far:1 node3=tcp://third:1"


@asynccontextmanager
async def three_engines(folder: Path) -> AsyncIterator[list[FakeEngine]]:
    """Yield a manager's engine, and those of two other nodes."""
    async with AsyncExitStack() as stack:
        fakes = []
        for name in ("home", "far", "third"):
            (folder / name).mkdir()
            fakes.append(await stack.enter_async_context(FakeEngine(folder / name)))
        yield fakes


def node(number: int) -> dict[str, Any]:
    """Return a line of a swarm's nodes."""
    status = {"State": "ready", "Addr": f"10.0.0.{number}"}
    return {"ID": f"n{number}", "Description": {"Hostname": f"node{number}"}, "Status": status}
