"""Cells that wait for their turn: in order, and ended by an interrupt that comes meanwhile."""

from __future__ import annotations

import asyncio

from dexec_kernel.jupyter.turns import Turns


async def test_one_after_the_other_and_an_interrupt_ends_those_that_wait():
    turns, said = Turns(), []
    go_on = asyncio.Event()

    async def cell(name: str) -> None:
        async with turns.take() as begins:
            said.append((name, begins))
            if begins:
                await go_on.wait()
            said.append((name, "end"))

    cells = [asyncio.create_task(cell(name)) for name in "abc"]
    await asyncio.sleep(0)
    assert said == [("a", True)]
    turns.interrupt()
    later = asyncio.create_task(cell("d"))
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(*cells, later)
    ends = [(name, begins) for name, begins in said if begins != "end"]
    assert ends == [("a", True), ("b", False), ("c", False), ("d", True)]
    assert said[1::2] == [(name, "end") for name in "abcd"]
