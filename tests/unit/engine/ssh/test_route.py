from __future__ import annotations

import asyncio

import pytest

from dexec_kernel.engine.ssh import route as module
from dexec_kernel.engine.ssh.destination import SshDestination
from dexec_kernel.engine.ssh.route import SshRoute
from dexec_kernel.engine.ssh.words import SshWords
from dexec_kernel.errors import EngineUnavailable

FAR = SshDestination("far", "me")


class Tunnel:
    """A tunnel that is opened as the test says."""

    made: list[Tunnel]
    fault: EngineUnavailable | None
    commands: list[bool]
    command_failed = False
    may_open: asyncio.Event

    def __init__(self) -> None:
        self.path = f"/near/{len(self.made)}"
        self.is_up = True
        self.said = SshWords()

    @classmethod
    async def open(cls, destination: SshDestination, *, runs_command: bool) -> Tunnel:
        assert destination == FAR
        cls.commands.append(runs_command)
        await cls.may_open.wait()
        if cls.fault is not None:
            raise cls.fault
        cls.made.append(cls())
        return cls.made[-1]

    def words(self) -> SshWords:
        return self.said

    async def aclose(self) -> None:
        self.is_up = False


@pytest.fixture
def tunnels(monkeypatch) -> type[Tunnel]:
    class Ours(Tunnel):
        made: list[Tunnel] = []  # noqa: RUF012 -- one class a test
        fault = None
        commands: list[bool] = []  # noqa: RUF012 -- one class a test
        may_open = asyncio.Event()

    Ours.may_open.set()
    monkeypatch.setattr(module, "SshTunnel", Ours)
    return Ours


@pytest.fixture
def route() -> SshRoute:
    return SshRoute(FAR, "advice")


async def test_all_share_one_connection_and_one_attempt(tunnels, route):
    assert route.path == ""
    tunnels.may_open.clear()
    waiting = [asyncio.create_task(route.ready()) for _ in range(3)]
    await asyncio.sleep(1)
    waiting[0].cancel()
    await asyncio.sleep(1)
    tunnels.may_open.set()
    await asyncio.gather(*waiting[1:])
    await route.ready()
    assert waiting[0].cancelled()
    assert (len(tunnels.made), route.path, route.url) == (1, "/near/0", "ssh://me@far")


async def test_a_connection_that_was_lost_is_made_again(tunnels, route):
    await route.ready()
    tunnels.made[0].is_up = False
    await route.ready()
    assert route.path == "/near/1"


async def test_no_command_is_run_again_where_none_may_be(tunnels, route):
    await route.ready()
    tunnels.made[0].is_up, tunnels.made[0].command_failed = False, True
    await route.ready()
    tunnels.made[1].is_up = False
    await route.ready()
    assert tunnels.commands == [True, False, False]


async def test_each_attempt_fails_for_itself(tunnels, route):
    tunnels.fault = EngineUnavailable("no")
    with pytest.raises(EngineUnavailable, match="no"):
        await route.ready()
    tunnels.fault = None
    await route.ready()


async def test_it_can_be_closed_while_it_connects(tunnels, route):
    tunnels.may_open.clear()
    waiting = asyncio.create_task(route.ready())
    await asyncio.sleep(1)
    await route.aclose()
    with pytest.raises(EngineUnavailable, match="closed"):
        await waiting
    with pytest.raises(EngineUnavailable, match="closed"):
        await route.ready()


async def test_closing_ends_the_tunnel(tunnels, route):
    await route.ready()
    await route.aclose()
    await route.aclose()
    assert not tunnels.made[0].is_up


async def test_an_early_end_is_told_in_the_words_of_ssh(tunnels, route):
    assert "ended before the engine answered" in route.early_end().message
    await route.ready()
    tunnels.made[0].said.receive(b"channel 2: open failed: connect failed: open failed\n")
    assert route.early_end().message == (
        "ssh reaches far, and no engine answers at /var/run/docker.sock there."
        " ssh: channel 2: open failed: connect failed: open failed."
    )
    assert route.early_end().advice == route.advice_on(OSError()) == "advice"
