"""Ending what a cell started: SIGINT, then SIGTERM, then SIGKILL, until nothing is left."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

from dexec_kernel.cells.signals import NO_SIGNAL, Signaller
from dexec_kernel.units import format_duration

SIGNALS = ("INT", "TERM", "KILL")
#: In seconds: when it is looked first whether the processes are gone, which most are at once, and
#: how often later.
_FIRST_LOOK, _LOOK_INTERVAL = 0.02, 0.2
#: In seconds: the grace for processes whose leader has ended, and after SIGKILL.
_ORPHAN_GRACE = 0.25
_KILL_GRACE = 10.0


@dataclass(frozen=True, slots=True)
class Ended:
    """The result: the last signal that was sent, and the PIDs that are still alive."""

    signal: str
    survivors: frozenset[int]


class Ladder:
    """The steps from SIGINT to SIGKILL, and how long each waits.

    ``grace`` is in seconds. :meth:`skip` goes on to the next step at once, :meth:`kill` to the
    last. ``changed`` is called when a signal has been sent.
    """

    def __init__(self, grace: float, changed: Callable[[], None] = lambda: None) -> None:
        self.grace = grace
        self._changed = changed
        #: The signal that was sent last, and when the next one is due.
        self._sent: tuple[str, float] | None = None
        #: The steps that nobody wants to wait for, also before the first signal is sent.
        self._skips = 0
        self._kills = False
        self._woken = asyncio.Event()

    def skip(self) -> None:
        """Wait no longer for the signal that was sent last, or is to be sent first."""
        self._skips += 1
        self._woken.set()

    def kill(self) -> None:
        """Send nothing but SIGKILL from now on, and that at once."""
        self._kills = True
        self._woken.set()

    @property
    def words(self) -> str:
        """What comes next, for the user: ``SIGTERM in 2 s``; "" while there is nothing to end."""
        if self._sent is None:
            return ""
        name, due = self._sent
        if name == SIGNALS[-1]:
            return f"SIG{name} was sent"
        following = SIGNALS[SIGNALS.index(name) + 1]
        left = max(0.0, due - asyncio.get_running_loop().time())
        return f"SIG{following} in {format_duration(math.ceil(left), whole=True)}"

    async def climb(self, signaller: Signaller, ended: asyncio.Task[object]) -> Ended:
        """Send signals until every process of the cell is gone.

        ``ended`` is done when the exec's stream has ended, which tells early that its leader is
        gone. Raises what :meth:`Signaller.send` raises.
        """
        alive: set[int] = set()
        try:
            for name in SIGNALS:
                if self._kills and name != SIGNALS[-1]:
                    continue
                await signaller.send(name)
                alive = await self._wait(name, signaller, ended)
                if not alive:
                    return Ended(name, frozenset())
                self._skips = max(0, self._skips - 1)
            return Ended(SIGNALS[-1], frozenset(alive))
        finally:
            self._sent = None

    async def _wait(self, name: str, signaller: Signaller, ended: asyncio.Task[object]) -> set[int]:
        """Wait until nothing is alive or the time is up; return what is alive."""
        loop = asyncio.get_running_loop()
        grace = self.grace if name != "KILL" else _KILL_GRACE
        deadline = loop.time() + grace
        self._sent = name, deadline
        self._changed()
        pause = _FIRST_LOOK
        while True:
            self._woken.clear()
            if not self._is_skipped(name):
                await self._pause(ended, min(pause, max(0.0, deadline - loop.time())))
            pause = min(2 * pause, _LOOK_INTERVAL)
            alive = await signaller.send(NO_SIGNAL)
            if not alive or loop.time() >= deadline:
                return alive
            if self._is_skipped(name):
                return alive
            if signaller.leader not in alive or ended.done():
                # Only children are left: jobs started with & ignore SIGINT, so do not wait for the
                # full grace period. A leader that is alive is only waiting for them.
                deadline = min(deadline, loop.time() + _ORPHAN_GRACE)

    def _is_skipped(self, name: str) -> bool:
        """Return whether nobody wants to wait for this signal; nothing follows the last."""
        return name != SIGNALS[-1] and (self._kills or self._skips > 0)

    async def _pause(self, ended: asyncio.Task[object], seconds: float) -> None:
        woken = asyncio.create_task(self._woken.wait())
        waiting = {woken} if ended.done() else {woken, ended}
        try:
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
