"""Waiting for something to be so. The guard is against hanging; no test depends on its length."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

#: In seconds: longer than anything takes on a slow and busy machine.
GUARD = 120.0
_PAUSE = 0.03


def until(look: Callable[[], T], *, guard: float = GUARD) -> T:
    """Look until the value is true, and return it."""
    deadline = time.monotonic() + guard
    while not (seen := look()):
        assert time.monotonic() < deadline, f"still {seen!r}"
        time.sleep(_PAUSE)
    return seen


async def until_seen(look: Callable[[], Awaitable[T]], *, guard: float = GUARD) -> T:
    """Look until the value is true, and return it; the event loop goes on meanwhile."""
    deadline = time.monotonic() + guard
    while not (seen := await look()):
        assert time.monotonic() < deadline, f"still {seen!r}"
        await asyncio.sleep(_PAUSE)
    return seen


async def waiting(task: asyncio.Task[T]) -> asyncio.Task[T]:
    """Let a task go on until it waits for input or output; it is not done by then."""
    for _ in range(20):
        await asyncio.sleep(0)
    assert not task.done()
    return task
