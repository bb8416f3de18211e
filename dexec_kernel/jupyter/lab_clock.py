"""The times of a lab: when its containers rest, and when the student's time is over."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial

from dexec_kernel.errors import DexecError
from dexec_kernel.lab.owner import LabOwner
from dexec_kernel.lab.spec import AtIdle
from dexec_kernel.units import format_duration

_log = logging.getLogger(__name__)

#: In seconds: the student is told once that no more than this is left.
_WARN_AT = 300.0


class LabClock:
    """Watches the times of one lab. Everything happens on the main event loop."""

    def __init__(self, over: Callable[[], None] = lambda: None) -> None:
        """Call ``over`` when the time is over, before the containers are ended."""
        self._over = over
        self._rest: asyncio.TimerHandle | None = None
        self._end: asyncio.TimerHandle | None = None
        self._work: asyncio.Task[None] | None = None
        self._has_warned = False

    @staticmethod
    def left(owner: LabOwner) -> float | None:
        """Return the student's time in seconds, None without a limit."""
        if owner.lab.time is None:
            return None
        return owner.lab.time - (0 if owner.begun is None else time.time() - owner.begun)

    def is_over(self, owner: LabOwner) -> bool:
        """Return whether the student's time is over."""
        left = self.left(owner)
        return left is not None and left <= 0

    def begin(self, owner: LabOwner) -> str:
        """End the lab when its time is over; return a warning, "" for none."""
        left = self.left(owner)
        if left is None:
            return ""
        if self._end is None:
            loop = asyncio.get_running_loop()
            self._end = loop.call_later(max(0.0, left), self._close, owner)
        if left > _WARN_AT or self._has_warned:
            return ""
        self._has_warned = True
        return f"{format_duration(left, whole=True)} left, then the lab and its files are gone"

    def rest_later(self, owner: LabOwner) -> None:
        """Pause or stop the containers when nothing has come for as long as the lab says.

        An engine that refuses it is asked again after the same time.
        """
        self.wake()
        if owner.lab.idle is not None and owner.ids:
            loop = asyncio.get_running_loop()
            self._rest = loop.call_later(owner.lab.idle, self._begin_rest, owner)

    def wake(self) -> None:
        """Do not pause: a cell has come."""
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    def close(self) -> None:
        """End it."""
        self.wake()
        if self._end is not None:
            self._end.cancel()
        if self._work is not None:
            self._work.cancel()

    def _begin_rest(self, owner: LabOwner) -> None:
        self._rest = None
        stops = owner.lab.at_idle is AtIdle.STOP
        self._begin(owner.stop if stops else owner.pause, again=partial(self._try_again, owner))

    def _try_again(self, owner: LabOwner) -> None:
        if self._rest is None:
            self.rest_later(owner)

    def _close(self, owner: LabOwner) -> None:
        self._over()
        self._begin(owner.aclose)

    def _begin(
        self, work: Callable[[], Awaitable[None]], *, again: Callable[[], None] = lambda: None
    ) -> None:
        async def do() -> None:
            try:
                await work()
            except DexecError as error:
                _log.warning("The lab's containers go on: %s", error)
                again()

        self._work = asyncio.get_running_loop().create_task(do())
