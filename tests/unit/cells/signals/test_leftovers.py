"""Processes that could not be ended are ended later, and no others."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from dexec_kernel.backend.models import ExecInspect, ExecState
from dexec_kernel.cells.signals import leftovers as module
from dexec_kernel.cells.signals.leftovers import Leftover, Leftovers
from dexec_kernel.errors import (
    ContainerNotFound,
    DexecError,
    EngineUnavailable,
    ExecNotFound,
    SignalError,
)
from dexec_kernel.shell.commands import Shell

LEFT = Leftover("c" * 64, "today", Shell.SH, "", inner_pid=17, pid=None)
#: An exec whose start was not heard of.
UNSEEN = replace(LEFT, inner_pid=None, exec_id="exec")
GONE = EngineUnavailable("gone")


def exec_that(state, pid=None):
    return ExecInspect("exec", LEFT.container_id, state, pid, None)


@dataclass
class World:
    """A container, the error of a look at it, and the signals that its process got."""

    running: bool = True
    paused: bool = False
    started_at: str = "today"
    fault: DexecError | None = None
    sent: list[str] = field(default_factory=list)
    by_host: list[str] = field(default_factory=list)
    #: The signal that ends the process, "" for none.
    ends_by: str = "KILL"
    leader: int = 17
    is_local: bool = False
    is_remote: bool = False
    looks: int = 0
    exec: ExecInspect | DexecError | None = None

    async def connect(self):
        if self.fault is not None:
            raise self.fault
        return self

    async def container_inspect(self, container):
        assert container == LEFT.container_id
        self.looks += 1
        return self

    async def container_exec_inspect(self, exec_id):
        assert exec_id == "exec"
        if isinstance(self.exec, DexecError):
            raise self.exec
        return self.exec

    async def send(self, name):
        if name != "0":
            self.sent.append(name)
        return set() if self.ends_by in self.sent else {17}


@pytest.fixture
async def world(monkeypatch):
    made = World()

    class Host:
        async def send(self, name):
            made.by_host.append(name)

    def find_signaller(*_values, pid, inner_pid, **_named):
        assert pid or inner_pid
        return made

    monkeypatch.setattr(module, "find_signaller", find_signaller)
    monkeypatch.setattr(module, "host_signaller", lambda *_: Host() if made.is_local else None)
    return made


async def until_none(left, seconds=60.0):
    async with asyncio.timeout(seconds):
        while left.count:  # noqa: ASYNC110 -- it tells nobody
            await asyncio.sleep(0.1)


async def test_what_can_be_ended_is_ended_at_once(world):
    left = Leftovers(world.connect)
    left.add(LEFT)
    await until_none(left)
    assert world.sent == ["KILL"]
    await left.aclose()


async def test_an_interrupted_cell_gets_the_signals_of_an_interrupt(world):
    world.ends_by = "TERM"
    left = Leftovers(world.connect)
    left.add(replace(LEFT, grace=2.0))
    await until_none(left)
    assert world.sent == ["INT", "TERM"]
    await left.aclose()


@pytest.mark.parametrize("state", [{"paused": True}, {"fault": GONE}])
async def test_it_waits_until_the_container_goes_on_and_the_engine_is_back(world, state):
    for name, value in state.items():
        setattr(world, name, value)
    left = Leftovers(world.connect)
    left.add(LEFT)
    await asyncio.sleep(100)
    assert (left.count, world.sent) == (1, [])
    world.paused, world.fault = False, None
    await until_none(left, 20.0)
    assert world.sent == ["KILL"]
    await left.aclose()


async def test_a_cell_that_runs_says_that_it_can_be_tried_again(world):
    world.paused = True
    left = Leftovers(world.connect)
    left.add(LEFT)
    await asyncio.sleep(100)
    world.paused = False
    left.hint()
    await until_none(left, 1.0)
    assert world.sent == ["KILL"]
    await left.aclose()


@pytest.mark.parametrize(
    "state",
    [{"running": False}, {"started_at": "later"}, {"fault": ContainerNotFound.of("web")}],
    ids=["stopped", "restarted", "removed"],
)
async def test_another_run_of_the_container_has_none_of_its_processes(world, state):
    for name, value in state.items():
        setattr(world, name, value)
    left = Leftovers(world.connect)
    left.add(LEFT)
    await until_none(left)
    assert world.sent == []
    await left.aclose()


async def test_an_exec_that_the_engine_starts_late_is_ended_when_it_has_started(world):
    world.exec = exec_that(ExecState.NOT_STARTED)
    left = Leftovers(world.connect)
    left.add(UNSEEN)
    await asyncio.sleep(100)
    assert (left.count, world.sent) == (1, [])
    world.exec = exec_that(ExecState.RUNNING, pid=99)
    await until_none(left, 20.0)
    assert world.sent == ["KILL"]
    await left.aclose()


@pytest.mark.parametrize("fate", ["ended", "unknown"])
async def test_an_exec_that_has_ended_is_forgotten(world, fate):
    unknown = ExecNotFound("unknown", status=404)
    world.exec = exec_that(ExecState.EXITED, pid=99) if fate == "ended" else unknown
    left = Leftovers(world.connect)
    left.add(UNSEEN)
    await until_none(left)
    left.add(UNSEEN, at_end=True)
    await left.aclose()
    assert world.sent == []


async def test_an_engine_that_says_nothing_of_an_exec_is_asked_again(world):
    world.exec = GONE
    left = Leftovers(world.connect)
    left.add(UNSEEN)
    await asyncio.sleep(100)
    assert (left.count, world.sent) == (1, [])
    world.exec = exec_that(ExecState.RUNNING, pid=99)
    await left.aclose()
    assert world.sent == ["KILL"]


async def test_what_resists_is_tried_for_an_hour(world):
    world.ends_by = ""
    left = Leftovers(world.connect)
    left.add(LEFT)
    await asyncio.sleep(3000)
    assert left.count == 1
    await asyncio.sleep(1000)
    assert left.count == 0
    await left.aclose()


async def test_the_end_of_the_kernel_needs_no_engine_on_this_machine(world):
    world.fault, world.is_local = GONE, True
    left = Leftovers(world.connect)
    left.add(LEFT)
    left.add(replace(LEFT, inner_pid=18), at_end=True)
    await asyncio.sleep(10)
    assert (world.by_host, left.count) == ([], 1)
    await left.aclose()
    assert world.by_host == ["KILL", "KILL"]
    assert left.count == 0


async def test_the_end_of_the_kernel_kills_nothing_here_for_an_engine_elsewhere(world):
    world.is_local = world.is_remote = True
    left = Leftovers(world.connect)
    left.add(LEFT, at_end=True)
    await left.aclose()
    assert (world.by_host, world.sent) == ([], ["KILL"])


async def test_the_end_of_the_kernel_elsewhere(world, caplog):
    left = Leftovers(world.connect)
    left.add(LEFT, at_end=True)
    await left.aclose()
    assert world.sent == ["KILL"]
    world.fault = SignalError("no way")
    left.add(LEFT, at_end=True)
    await left.aclose()
    assert "no way" in caplog.text


async def test_what_was_lost_is_bounded(world):
    left = Leftovers(world.connect)
    for number in range(250):
        left.add(replace(LEFT, inner_pid=number), at_end=True)
    await left.aclose()
    assert len(world.sent) == 100


async def test_a_container_that_is_gone_at_the_end_is_no_news(world, caplog):
    world.fault = ContainerNotFound.of("web")
    left = Leftovers(world.connect)
    left.add(LEFT, at_end=True)
    await left.aclose()
    assert caplog.text == ""


async def test_what_has_ended_or_was_never_known_is_not_looked_for(world):
    left = Leftovers(world.connect)
    left.add(LEFT, at_end=True)
    left.discard(LEFT)
    left.discard(None)
    left.add(replace(LEFT, inner_pid=None))
    await asyncio.sleep(1)
    await left.aclose()
    assert (world.sent, world.looks) == ([], 0)
