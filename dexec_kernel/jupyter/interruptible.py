"""Work for a cell that an interrupt ends at once, as nothing in a container has to end first."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


class Interruptible:
    """Does one piece of work at a time, for one cell."""

    def __init__(self) -> None:
        self._task: asyncio.Task[Any] | None = None

    def interrupt(self) -> None:
        """Cancel the work that is going on, if some is."""
        if self._task is not None:
            self._task.cancel()

    async def do(self, work: Coroutine[Any, Any, _T]) -> _T | None:
        """Return the result of work, or None where an interrupt has ended it.

        Raises what the work raises.
        """
        task = self._task = asyncio.create_task(work)
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
            self._task = None
        return None if task.cancelled() else task.result()
