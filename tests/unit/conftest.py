"""Fixtures of the unit tests: an engine with the test's answers, and a cell that has ended."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from dexec_kernel.cells.outcome import Snapshot, State
from dexec_kernel.engine.client import EngineClient
from tests.fuzzing import IS_FUZZING, examples
from tests.unit.support.clock import JumpingLoop, counting_threads
from tests.unit.support.fake_engine import FakeEngine

# No example fails by how long it takes; a failure says how to repeat it.
settings.register_profile(
    "dexec",
    deadline=None,
    # The same examples in each run, so that neither coverage nor failures change by chance.
    derandomize=not IS_FUZZING,
    max_examples=examples(100),
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("dexec")


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run the tests that are coroutines in a loop whose time jumps."""
    return {"jumping": JumpingLoop}


@pytest.fixture(autouse=True, scope="session")
def _threads_are_counted() -> Iterator[None]:
    with counting_threads():
        yield


@pytest.fixture(autouse=True, scope="session")
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep everything out of the developer's own folders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.delenv("XDG_CACHE_HOME", raising=False)
        yield


@pytest.fixture
def jumping_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have ``asyncio.run`` use a loop in which only the wait for somebody outside takes time."""

    def run(main: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            return runner.run(main)

    monkeypatch.setattr(asyncio, "run", run)


@pytest.fixture
async def real_time() -> None:
    """Let the time pass as it does, where the loop waits for processes that it did not start."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop)
    loop.has_children = True


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
    """Return a function that makes the snapshot of a successful cell, with the given changes."""

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
