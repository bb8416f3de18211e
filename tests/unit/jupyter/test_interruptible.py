"""Work that an interrupt ends: its result, its error, its end, and that of its owner."""

from __future__ import annotations

import asyncio

import pytest

from dexec_kernel.jupyter.interruptible import Interruptible


async def test_the_result_or_the_error():
    async def fail() -> int:
        raise ZeroDivisionError

    work = Interruptible()
    work.interrupt()
    assert await work.do(asyncio.sleep(0, 5)) == 5
    with pytest.raises(ZeroDivisionError):
        await work.do(fail())


@pytest.mark.parametrize("by_owner", [False, True])
async def test_an_interrupt_ends_it_and_so_does_the_end_of_its_owner(by_owner):
    begun, ended = asyncio.Event(), asyncio.Event()

    async def endless() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    work = Interruptible()
    owner = asyncio.create_task(work.do(endless()))
    await begun.wait()
    if by_owner:
        owner.cancel()
        with pytest.raises(asyncio.CancelledError):
            await owner
    else:
        work.interrupt()
        assert await owner is None
    await ended.wait()


async def test_the_owner_goes_on_after_an_interrupt():
    async def stubborn() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "ended in order"
        raise AssertionError

    work, found = Interruptible(), []

    async def cell() -> None:
        pieces = (stubborn(), asyncio.Event().wait(), asyncio.sleep(0, "late"))
        found.extend([await work.do(piece) for piece in pieces])
        task = asyncio.current_task()
        assert task is not None
        found.append(task.cancelling())

    owner = asyncio.create_task(cell())
    for _ in range(2):
        await asyncio.sleep(0)
        work.interrupt()
        work.interrupt()
        await asyncio.sleep(0)
    await owner
    assert found == ["ended in order", None, "late", 0]
