from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dexec_kernel.cells.signals import ladder as interrupt_module
from dexec_kernel.cells.signals import signals as signals_module
from dexec_kernel.cells.signals.ladder import Ended, Ladder
from dexec_kernel.cells.signals.signals import (
    ContainerSignaller,
    HostSignaller,
    SignalError,
    find_signaller,
)
from dexec_kernel.shell.commands import Shell
from tests.unit.support.fake_backend import FOREVER, FakeBackend, Script, err, out

LEADER = 17


class FakeSignaller:
    """Processes that die of the signals that they are said to die of."""

    leader = LEADER

    def __init__(self, processes: dict[int, str], *, ended: asyncio.Event | None = None) -> None:
        self._processes = dict(processes)
        self._ended = ended
        self.sent: list[str] = []

    async def send(self, name: str) -> set[int]:
        if name != "0":
            self.sent.append(name)
        dying = [pid for pid, signal in self._processes.items() if signal == name]
        for pid in dying:
            del self._processes[pid]
        if self._ended is not None and LEADER not in self._processes:
            self._ended.set()
        return set(self._processes)


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(interrupt_module, "_LOOK_INTERVAL", 0.005)
    monkeypatch.setattr(interrupt_module, "_ORPHAN_GRACE", 0.01)
    monkeypatch.setattr(interrupt_module, "_KILL_GRACE", 0.03)


async def climb(processes: dict[int, str], *, grace: float = 0.03) -> tuple[Ended, list[str]]:
    over = asyncio.Event()
    ended = asyncio.create_task(over.wait())
    signaller = FakeSignaller(processes, ended=over)
    try:
        return await asyncio.wait_for(Ladder(grace).climb(signaller, ended), 2), signaller.sent
    finally:
        ended.cancel()


@pytest.mark.parametrize(
    ("processes", "signals", "survivors"),
    [
        ({LEADER: "INT"}, ["INT"], set()),
        ({LEADER: "INT", 18: "INT"}, ["INT"], set()),
        ({LEADER: "TERM"}, ["INT", "TERM"], set()),
        ({LEADER: "INT", 18: "TERM"}, ["INT", "TERM"], set()),
        ({LEADER: "INT", 18: "KILL"}, ["INT", "TERM", "KILL"], set()),
        ({LEADER: "KILL"}, ["INT", "TERM", "KILL"], set()),
        ({LEADER: "never"}, ["INT", "TERM", "KILL"], {LEADER}),
        ({LEADER: "INT", 18: "never"}, ["INT", "TERM", "KILL"], {18}),
    ],
)
async def test_signals_until_nothing_is_left(processes, signals, survivors):
    ended, sent = await climb(processes)
    assert sent == signals
    assert ended == Ended(signals[-1], frozenset(survivors))


async def test_no_grace_at_all_still_takes_every_step():
    assert (await climb({LEADER: "KILL"}, grace=0))[1] == ["INT", "TERM", "KILL"]


async def test_those_whose_leader_has_gone_do_not_wait_for_the_grace():
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await climb({LEADER: "INT", 18: "TERM"}, grace=30)
    assert loop.time() - begun < 1


async def test_skip_goes_on_to_the_next_signal_at_once():
    ended = asyncio.create_task(asyncio.sleep(60))
    signaller = FakeSignaller({LEADER: "KILL"})
    ladder = Ladder(30)
    climbing = asyncio.create_task(ladder.climb(signaller, ended))
    for expected in (["INT"], ["INT", "TERM"], ["INT", "TERM", "KILL"]):
        await asyncio.sleep(0.01)
        assert signaller.sent == expected
        ladder.skip()
    assert await asyncio.wait_for(climbing, 1) == Ended("KILL", frozenset())
    ended.cancel()


@pytest.mark.parametrize(("when", "sent"), [("before", ["KILL"]), ("later", ["INT", "KILL"])])
async def test_kill_sends_nothing_else_from_then_on(when, sent):
    ended = asyncio.create_task(asyncio.sleep(60))
    signaller = FakeSignaller({LEADER: "KILL"})
    ladder = Ladder(30)
    if when == "before":
        ladder.kill()
    climbing = asyncio.create_task(ladder.climb(signaller, ended))
    await asyncio.sleep(0.01)
    ladder.kill()
    assert await asyncio.wait_for(climbing, 1) == Ended("KILL", frozenset())
    assert signaller.sent == sent
    ended.cancel()


# --- signals from inside the container ------------------------------------------------------------


async def test_container_signaller_reads_the_list_and_does_not_wait_for_the_end_of_the_stream():
    script = Script([out("17:4\n1"), err("noise 5\n"), out("8:5\n."), out("\n"), FOREVER])
    backend = FakeBackend(script)
    signaller = ContainerSignaller(backend, "c", Shell.SH, LEADER, user="me")
    assert await asyncio.wait_for(signaller.send("INT"), 1) == {17, 18}
    assert backend.configs[0].cmd[-2:] == ["INT", "17"]
    assert backend.configs[0].user == "me"
    assert backend.attached[0].closed


@pytest.mark.parametrize("steps", [[], [out("17\n")], [out("OCI runtime exec failed\r\n")]])
async def test_list_that_does_not_come_is_an_error(steps):
    signaller = ContainerSignaller(FakeBackend(Script(steps)), "c", Shell.SH, LEADER)
    with pytest.raises(SignalError, match="No signal could be sent"):
        await signaller.send("INT")


async def test_signal_that_is_not_delivered_in_time_is_an_error(monkeypatch):
    monkeypatch.setattr(signals_module, "SIGNAL_TIMEOUT", 0.02)
    backend = FakeBackend(Script([FOREVER]))
    with pytest.raises(SignalError, match="SIGTERM"):
        await ContainerSignaller(backend, "c", Shell.SH, LEADER).send("TERM")
    assert backend.attached[0].closed


# --- signals from this machine --------------------------------------------------------------------


def own_cgroup() -> str:
    return Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()[0]


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a process that leads a session, as an exec does."""
    started: list[subprocess.Popen[bytes]] = []

    def run(*command: str) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(command, start_new_session=True))
        return started[-1]

    yield run
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()


async def test_host_signaller_reaches_group_and_session(start):
    process = start("sh", "-c", "sleep 60 & sleep 61")
    signaller = HostSignaller(process.pid, own_cgroup())
    alive: set[int] = set()
    async with asyncio.timeout(5):
        while len(alive) < 3:
            alive = await signaller.send("0")
    assert process.pid in alive
    await signaller.send("KILL")
    process.wait()
    assert await signaller.send("0") == set()


async def test_processes_of_another_container_are_not_touched(start):
    process = start("sleep", "60")
    assert not HostSignaller.reaches(process.pid, "f" * 64)
    assert await HostSignaller(process.pid, "f" * 64).send("KILL") == set()
    assert process.poll() is None


def test_way_to_the_processes():
    backend, container = FakeBackend(), own_cgroup()
    inside = find_signaller(backend, container, Shell.SH, inner_pid=17, pid=None)
    assert isinstance(inside, ContainerSignaller)
    assert inside.leader == 17
    outside = find_signaller(backend, container, Shell.NONE, inner_pid=None, pid=os.getpid())
    assert isinstance(outside, HostSignaller)
    for pid in (None, 2**22 + 1):
        with pytest.raises(SignalError, match="cannot be signalled"):
            find_signaller(backend, "f" * 64, Shell.NONE, inner_pid=None, pid=pid)
