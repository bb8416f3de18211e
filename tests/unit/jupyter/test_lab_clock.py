"""The times of a lab, by a clock that jumps: a pause after the last cell, a warning, the end."""

from __future__ import annotations

import asyncio
import time

from dexec_kernel.errors import EngineUnavailable
from dexec_kernel.jupyter.lab_clock import LabClock
from dexec_kernel.lab.spec import AtIdle, Lab


class Owner:
    """Counts what it is asked to do."""

    def __init__(self, lab: Lab, *, begun: float | None = None) -> None:
        self.lab, self.begun, self.ids = lab, begun, {"lab": "1"}
        self.done: list[str] = []
        self.fails = False

    async def pause(self) -> None:
        if self.fails:
            self.done.append("refused")
            raise EngineUnavailable("no")
        self.done.append("pause")

    async def stop(self) -> None:
        self.done.append("stop")

    async def aclose(self) -> None:
        self.done.append("end")


async def test_containers_rest_after_the_last_cell_and_not_before():
    clock, owner = LabClock(), Owner(Lab(idle=60))
    clock.rest_later(owner)
    await asyncio.sleep(59)
    clock.rest_later(owner)
    await asyncio.sleep(59)
    clock.wake()
    await asyncio.sleep(600)
    assert owner.done == []
    clock.rest_later(owner)
    await asyncio.sleep(61)
    assert owner.done == ["pause"]
    clock.rest_later(Owner(Lab()))
    clock.close()


async def test_an_engine_that_refuses_a_pause_is_asked_again_unless_a_cell_comes():
    clock, owner = LabClock(), Owner(Lab(idle=60))
    owner.fails = True
    clock.rest_later(owner)
    await asyncio.sleep(150)
    owner.fails = False
    await asyncio.sleep(600)
    assert owner.done == ["refused", "refused", "pause"]
    owner.fails = True
    clock.rest_later(owner)
    await asyncio.sleep(61)
    clock.wake()
    await asyncio.sleep(600)
    assert owner.done[3:] == ["refused"]
    clock.close()


async def test_containers_stop_where_the_lab_says_so():
    clock, owner = LabClock(), Owner(Lab(idle=60, at_idle=AtIdle.STOP))
    clock.rest_later(owner)
    await asyncio.sleep(61)
    assert owner.done == ["stop"]
    clock.close()


async def test_the_end_comes_once_with_a_warning_before():
    said: list[str] = []
    clock, now = LabClock(lambda: said.append("over")), time.time()
    assert clock.left(Owner(Lab())) is None
    assert not clock.is_over(Owner(Lab()))
    assert clock.begin(Owner(Lab())) == ""
    assert clock.left(Owner(Lab(time=60))) == 60
    owner = Owner(Lab(time=3600), begun=now)
    assert clock.begin(owner) == ""
    owner.begun = now - 3500
    assert "left, then" in clock.begin(owner)
    assert clock.begin(owner) == ""
    await asyncio.sleep(3601)
    assert (said, owner.done) == (["over"], ["end"])
    owner.begun = now - 3600
    assert clock.is_over(owner)
    clock.close()
