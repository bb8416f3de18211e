"""Work for a cell that an interrupt ends at once, as nothing in a container has to end first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

_T = TypeVar("_T")


class Interruptible:
    """Does one piece of work at a time, for one cell, in the cell's own task.

    An interrupt cancels that task and takes the cancellation back, as ``asyncio.timeout`` does: a
    task for the work alone would cost each cell two more rounds of the event loop.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[Any] | None = None
        self._is_interrupted = False

    def interrupt(self) -> None:
        """Cancel the work that is going on, if some is."""
        if self._task is not None and not self._is_interrupted:
            self._is_interrupted = True
            self._task.cancel()

    async def do(self, work: Awaitable[_T]) -> _T | None:
        """Return the result of work, or None where an interrupt has ended it.

        Raises what the work raises; :class:`asyncio.CancelledError` where the caller is cancelled.
        """
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 -- a coroutine runs in one
        cancelling = task.cancelling()
        self._task, self._is_interrupted = task, False
        try:
            result = await work
            if self._is_interrupted:
                # What the work itself has asked for comes with the task's next pause.
                await asyncio.sleep(0)
            return result
        except asyncio.CancelledError:
            if self._is_interrupted and task.cancelling() <= cancelling + 1:
                return None
            raise
        finally:
            self._task = None
            if self._is_interrupted:
                task.uncancel()
