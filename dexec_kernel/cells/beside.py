"""Coroutines that run beside a piece of work, and end with it, or with an event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def run_beside(*coroutines: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run coroutines beside the body, and cancel them with its end."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    results: list[BaseException | None] = []
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def run_until(event: asyncio.Event, coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end, or until the event. Raises what it raises by then."""
    running = asyncio.create_task(coroutine)
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
    finally:
        running.cancel()
        waiting.cancel()
        await asyncio.gather(running, waiting, return_exceptions=True)
