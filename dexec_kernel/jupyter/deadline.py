"""A budget of time that several steps share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Deadline:
    """So many ``seconds`` from now on, by the clock ``now``; by default the event loop's.

    Steps with bounds of their own would add up: Jupyter kills a kernel that has not ended five
    seconds after it was told to.
    """

    def __init__(self, seconds: float, now: Callable[[], float] | None = None) -> None:
        self._now = now or asyncio.get_running_loop().time
        self._due = self._now() + seconds

    @property
    def left(self) -> float:
        """What is left, in seconds; never less than 0."""
        return max(0.0, self._due - self._now())

    async def wait(self, *work: Awaitable[object], reserve: float = 0.0) -> bool:
        """Wait until all of the work is done, or only ``reserve`` seconds are left.

        Return whether it was done. What is late is cancelled, and not waited for. Raises the first
        exception of the work.
        """
        tasks = [asyncio.ensure_future(item) for item in work]
        if not tasks:
            return True
        try:
            done, late = await asyncio.wait(tasks, timeout=max(0.0, self.left - reserve))
        finally:
            for task in tasks:
                task.cancel()
        for task in tasks:
            if task in done and not task.cancelled() and (error := task.exception()) is not None:
                raise error
        return not late
