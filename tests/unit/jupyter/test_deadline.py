"""A budget of time that several steps share. The clock is the test's."""

from __future__ import annotations

import asyncio

import pytest

from dexec_kernel.jupyter.deadline import Deadline


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def nothing() -> None:
    """End at once."""


async def for_ever() -> None:
    await asyncio.Event().wait()


def test_what_is_left_is_shared():
    clock = Clock()
    deadline = Deadline(4.0, clock)
    assert deadline.left == 4.0
    clock.now += 3.0
    assert deadline.left == 1.0
    clock.now += 3.0
    assert deadline.left == 0.0


async def test_work_that_is_done_in_time():
    assert await Deadline(3600.0).wait(nothing(), nothing())
    assert await Deadline(3600.0).wait()


async def test_work_that_is_late_is_cancelled():
    deadline = Deadline(0.0, Clock())
    late = asyncio.create_task(for_ever())
    assert not await deadline.wait(nothing(), late)
    with pytest.raises(asyncio.CancelledError):
        await late


async def test_a_reserve_is_left_alone():
    late = asyncio.create_task(for_ever())
    assert not await Deadline(1.0, Clock()).wait(late, reserve=1.0)


async def test_work_that_was_cancelled_is_done():
    work = asyncio.create_task(for_ever())
    work.cancel()
    assert await Deadline(3600.0).wait(work)


async def test_what_fails_is_told_after_all_of_it():
    ended = []

    async def fail() -> None:
        raise ValueError("no")

    async def end() -> None:
        await asyncio.sleep(0)
        ended.append(True)

    with pytest.raises(ValueError, match="no"):
        await Deadline(3600.0).wait(fail(), end())
    assert ended
