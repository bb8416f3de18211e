from __future__ import annotations

import os
from pathlib import Path

import pytest

from dexec_kernel.cells.signals.container import ContainerSignaller
from dexec_kernel.cells.signals.host import HostSignaller
from dexec_kernel.cells.signals.ways import FirstThatWorks, find_signaller
from dexec_kernel.errors import ContainerPaused, EngineUnavailable, SignalError
from dexec_kernel.shell.commands import Shell
from tests.unit.support.fake_backend import FakeBackend


def own_cgroup() -> str:
    return Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()[0]


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


@pytest.mark.parametrize("shell", [Shell.SH, Shell.NONE])
def test_a_process_of_another_machine_is_not_looked_for_here(shell):
    backend = FakeBackend()
    backend.is_remote = True
    if shell is Shell.NONE:
        with pytest.raises(SignalError, match="another machine"):
            find_signaller(backend, own_cgroup(), shell, inner_pid=None, pid=os.getpid())
        return
    way = find_signaller(backend, own_cgroup(), shell, inner_pid=17, pid=os.getpid())
    assert isinstance(way, ContainerSignaller)


class Way:
    """A way that raises its fault, if it has one."""

    def __init__(self, leader: int, fault: Exception | None = None) -> None:
        self.leader = leader
        self._fault = fault
        self.sent: list[str] = []

    async def send(self, name: str) -> set[int]:
        self.sent.append(name)
        if self._fault is not None:
            raise self._fault
        return {self.leader}


FAULTS = [
    SignalError("The engine did not deliver SIGINT within 5 s."),
    EngineUnavailable("gone"),
]


async def test_a_paused_container_is_sent_nothing_that_its_processes_cannot_heed():
    inside, host = Way(17, ContainerPaused.of("web")), Way(4711)
    way = FirstThatWorks(inside, host)
    with pytest.raises(ContainerPaused):
        await way.send("INT")
    assert host.sent == []
    assert await way.send("KILL") == {4711}


@pytest.mark.parametrize("fault", FAULTS)
async def test_where_no_exec_starts_this_machine_signals(fault):
    inside, host = Way(17, fault), Way(4711)
    way = FirstThatWorks(inside, host)
    assert way.leader == 17
    assert await way.send("INT") == {4711}
    assert way.leader == 4711
    assert await way.send("0") == {4711}
    assert (inside.sent, host.sent) == (["INT"], ["INT", "0"])


async def test_where_no_way_works_the_last_says_why():
    way = FirstThatWorks(Way(17, FAULTS[0]), Way(4711, FAULTS[-1]))
    for _ in range(2):
        with pytest.raises(EngineUnavailable, match="gone"):
            await way.send("INT")


async def test_a_way_that_works_is_kept():
    inside, host = Way(17), Way(4711)
    way = FirstThatWorks(inside, host)
    assert await way.send("INT") == await way.send("0") == {17}
    assert host.sent == []


def test_a_container_on_this_machine_has_both_ways():
    way = find_signaller(FakeBackend(), own_cgroup(), Shell.SH, inner_pid=17, pid=os.getpid())
    assert isinstance(way, FirstThatWorks)
    assert way.leader == 17
