"""Waiting for something to be so. The guard is against hanging; no test depends on its length."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

T = TypeVar("T")

#: In seconds: longer than anything takes on a slow and busy machine.
GUARD = 120.0
#: In seconds: the first pause between two looks, and the longest. A look may read all of /proc, or
#: ask an engine: many of them would take the processor from what they wait for.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.3


def _pauses() -> Iterator[float]:
    pause = _FIRST_PAUSE
    while True:
        yield pause
        pause = min(1.4 * pause, _LONGEST_PAUSE)


def until(look: Callable[[], T], *, guard: float = GUARD) -> T:
    """Look until the value is true, and return it."""
    deadline, pauses = time.monotonic() + guard, _pauses()
    while not (seen := look()):
        assert time.monotonic() < deadline, f"still {seen!r}"
        time.sleep(next(pauses))
    return seen


async def until_seen(look: Callable[[], Awaitable[T]], *, guard: float = GUARD) -> T:
    """Look until the value is true, and return it; the event loop goes on meanwhile."""
    deadline, pauses = time.monotonic() + guard, _pauses()
    while not (seen := await look()):
        assert time.monotonic() < deadline, f"still {seen!r}"
        await asyncio.sleep(next(pauses))
    return seen


async def waiting(task: asyncio.Task[T]) -> asyncio.Task[T]:
    """Let a task go on until it waits for input or output; it is not done by then."""
    for _ in range(20):
        await asyncio.sleep(0)
    assert not task.done()
    return task
