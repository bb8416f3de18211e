"""How often a server looks for what labs have left, by a clock that jumps."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager

import pytest

from dexec_kernel.errors import EngineUnavailable
from dexec_kernel.lab.sweep import Swept
from dexec_kernel.picker import labs
from dexec_kernel.policy.rules import Policy


class Machine:
    """A server and an engine: what there is, and how often the engine was asked."""

    def __init__(self) -> None:
        self.kernels: set[str] = set()
        self.specs = {"python3", "dexec"}
        self.left: list[str] = []
        self.is_up = True
        self.asked = 0

    async def from_environment(self, _environ, *, check):
        del check
        self.asked += 1
        if not self.is_up:
            raise EngineUnavailable("no")

        @asynccontextmanager
        async def engine():
            yield self

        return engine()

    async def sweep(self, _engine, *, server, kernels):
        del server, kernels
        return Swept(["old"], self.left)

    async def asks(self, minutes: int = 3) -> int:
        before = self.asked
        await asyncio.sleep(60 * minutes)
        return self.asked - before


@pytest.fixture
async def machine(monkeypatch):
    found = Machine()
    monkeypatch.setattr(labs.EngineClient, "from_environment", found.from_environment)
    monkeypatch.setattr(labs, "sweep", found.sweep)
    sweeping = asyncio.create_task(
        labs.sweep_labs(
            *({}, Policy()),
            kernels=lambda: found.kernels,
            specs=lambda: found.specs,
            log=logging.getLogger("the-server"),
        )
    )
    await asyncio.sleep(1)
    yield found
    sweeping.cancel()
    await asyncio.gather(sweeping, return_exceptions=True)


async def test_without_labs_the_engine_is_asked_when_kernels_come_and_go(machine, caplog):
    assert machine.asked == 1
    assert await machine.asks() == 0
    for kernels in ({"a"}, {"b"}, set()):
        machine.kernels = kernels
        assert await machine.asks() == 1
    machine.is_up, machine.kernels = False, {"c"}
    assert await machine.asks() == 1
    assert "the server" not in caplog.text


async def test_with_labs_it_is_asked_each_minute(machine):
    machine.specs = {"dexec-lab-one"}
    assert await machine.asks() == 3
    machine.is_up = False
    assert await machine.asks() == 3


async def test_a_container_that_is_left_is_looked_at_until_it_is_gone(machine):
    machine.left, machine.kernels = ["one"], {"a"}
    assert await machine.asks() == 3
    machine.is_up = False
    assert await machine.asks() == 3
    machine.is_up = True
    assert await machine.asks() == 3
    machine.left = []
    assert await machine.asks() == 1
