from __future__ import annotations

import asyncio

import pytest

from dexec_kernel.cells.signals import ladder as interrupt_module
from dexec_kernel.cells.signals.ladder import Ended, Ladder

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


async def test_it_says_what_comes_next():
    ended = asyncio.create_task(asyncio.sleep(60))
    words: list[str] = []

    def changed() -> None:
        words.append(ladder.words)
        ladder.skip()

    ladder = Ladder(29.5, changed)
    assert ladder.words == ""
    await asyncio.wait_for(ladder.climb(FakeSignaller({LEADER: "KILL"}), ended), 1)
    assert words == ["SIGTERM in 30 s", "SIGKILL in 30 s", "SIGKILL was sent"]
    assert ladder.words == ""
    ended.cancel()


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


@pytest.mark.parametrize(
    ("skips", "sent"),
    [
        (0, ["INT"]),
        (1, ["INT", "TERM"]),
        (2, ["INT", "TERM", "KILL"]),
        (9, ["INT", "TERM", "KILL"]),
    ],
)
async def test_skips_before_the_first_signal_count(skips, sent):
    ended = asyncio.create_task(asyncio.sleep(60))
    signaller = FakeSignaller({LEADER: "KILL"})
    ladder = Ladder(30)
    for _ in range(skips):
        ladder.skip()
    climbing = asyncio.create_task(ladder.climb(signaller, ended))
    await asyncio.sleep(0.01)
    assert signaller.sent == sent
    climbing.cancel()
    ended.cancel()
    await asyncio.gather(climbing, ended, return_exceptions=True)


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
