"""A short exec: read up to where its answer is complete, and no further."""

from __future__ import annotations

import pytest

from dexec_kernel.backend import collect as module
from dexec_kernel.backend.collect import collect
from dexec_kernel.backend.models import ExecConfig
from dexec_kernel.errors import EngineUnavailable
from tests.unit.support.fake_backend import FOREVER, FakeBackend, Script, err, out

CONFIG = ExecConfig(["true"])


async def run(backend: FakeBackend, timeout: float = 60.0) -> bytes:  # noqa: ASYNC109 -- passed on
    return await collect(
        backend, "web", CONFIG, is_complete=lambda printed: b"." in printed, timeout=timeout
    )


async def test_it_returns_stdout_as_soon_as_it_is_complete():
    backend = FakeBackend(Script([out("a"), err("noise."), out("b."), FOREVER]))
    assert await run(backend) == b"ab."
    assert backend.attached[0].closed


async def test_an_answer_that_ends_early_is_what_there_is():
    assert await run(FakeBackend(Script([out("half")]))) == b"half"


async def test_an_endless_answer_has_a_bound(monkeypatch):
    monkeypatch.setattr(module, "MAX_SIZE", 10)
    assert len(await run(FakeBackend(Script([out("1234")] * 99)))) == 12


async def test_no_answer_in_time_is_a_timeout_and_the_exec_is_closed():
    backend = FakeBackend(Script([out("half"), FOREVER]))
    with pytest.raises(TimeoutError):
        await run(backend, timeout=0.01)
    assert backend.attached[0].closed


async def test_what_reading_raises_comes_through():
    backend = FakeBackend(Script([EngineUnavailable("gone")]))
    with pytest.raises(EngineUnavailable):
        await run(backend)
    assert backend.attached[0].closed
