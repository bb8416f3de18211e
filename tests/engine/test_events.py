"""Events of real engines, and a picker's watch that follows them through an engine's restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from devtools import containers, images
from devtools.engine import LeanEngine
from dexec_kernel.engine.events import ENDS, STARTS
from dexec_kernel.engine.watch import EngineWatch
from tests.waiting import GUARD


async def test_events_tell_of_a_containers_life(place):
    async with await place.client.events() as stream:
        name = await asyncio.to_thread(place.run)
        await asyncio.to_thread(containers.pause, place.host, name)
        await asyncio.to_thread(containers.unpause, place.host, name)
        await asyncio.to_thread(containers.kill, place.host, name)
        seen: list[str] = []
        async with asyncio.timeout(GUARD):
            async for event in stream:
                if event.name == name:
                    seen.append(event.action)
                if {"die", "died"} & set(seen):
                    break
    told = [action for action in seen if action in {"start", "pause", "unpause", "die", "died"}]
    assert [told[0], *told[1:3]] == ["start", "pause", "unpause"]
    assert set(seen) <= STARTS | ENDS


class Watched:
    """Keeps the lists of a watch: the names of the containers that can be used."""

    def __init__(self, host: str) -> None:
        self.names: set[str] | None = None
        self.failed = asyncio.Queue[str]()
        self._changed = asyncio.Event()
        self.watch = EngineWatch(
            {"DOCKER_HOST": host},
            on_containers=self._take,
            on_lost=lambda error: self.failed.put_nowait(error.name),
        )

    async def _take(self, found) -> None:
        self.names = {container.name for container in found}
        self._changed.set()

    async def until(self, holds: Callable[[set[str]], bool]) -> None:
        async with asyncio.timeout(GUARD):
            while self.names is None or not holds(self.names):
                self._changed.clear()
                await self._changed.wait()


@pytest.fixture
async def watched():
    tasks: list[asyncio.Task[None]] = []

    def start(host: str) -> Watched:
        made = Watched(host)
        tasks.append(asyncio.create_task(made.watch.run()))
        return made

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_watch_follows_containers_that_come_and_go(place, watched):
    following = watched(place.host)
    await following.until(lambda names: place.container in names)
    name = await asyncio.to_thread(place.run)
    await following.until(lambda names: name in names)
    await asyncio.to_thread(containers.pause, place.host, name)
    await following.until(lambda names: name not in names)
    await asyncio.to_thread(containers.unpause, place.host, name)
    await asyncio.to_thread(containers.kill, place.host, name)
    await following.until(lambda names: name not in names)
    assert following.failed.empty()


async def test_a_watch_finds_its_engine_again(watched):
    with LeanEngine() as engine:
        following = watched(engine.host)
        await following.until(lambda names: not names)
        await asyncio.to_thread(engine.stop_daemon)
        async with asyncio.timeout(GUARD):
            assert await following.failed.get()
        await asyncio.to_thread(engine.start_daemon)
        await asyncio.to_thread(images.ensure_image, engine.host, images.BUSYBOX)
        await asyncio.to_thread(
            containers.run_container, engine.host, images.BUSYBOX, "after-the-restart"
        )
        await following.until(lambda names: names == {"after-the-restart"})
