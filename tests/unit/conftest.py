"""What the unit tests share: an engine that answers as it is told to, and a cell that has ended."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from dexec_kernel.cells.outcome import Snapshot, State
from dexec_kernel.engine.client import EngineClient
from tests.unit.support.fake_engine import FakeEngine


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    # Not tmp_path, which is too long for a socket.
    with tempfile.TemporaryDirectory(prefix="dexec-") as directory:
        async with FakeEngine(Path(directory)) as fake:
            yield fake


@pytest.fixture
async def client(engine) -> AsyncIterator[EngineClient]:
    async with engine.client() as ours:
        yield ours


@pytest.fixture
def snapshot() -> Callable[..., Snapshot]:
    """Return what makes the snapshot of a cell that ended well, but for what it is given."""

    def make(**changes: Any) -> Snapshot:
        values: dict[str, Any] = {
            "state": State.EXITED,
            "container": "web",
            "container_id": "0123456789abcdef" * 4,
            "image": "dexec-demo/busybox:1",
            "exec_id": "e" * 64,
            "pid": 4711,
            "exit_code": 0,
            "exit_reason": "",
            "started": 1_700_000_000.25,
            "duration": 0.084,
            "user": "root",
            "cwd": "/",
            "output_bytes": 10,
            "note": "",
        }
        return Snapshot(**(values | changes))

    return make
