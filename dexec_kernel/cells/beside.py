"""Coroutines that run beside a piece of work, and end with it, or with an event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
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
        results = await end_all(tasks)
    raise_fault(results)


async def run_until(event: asyncio.Future[None], coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end, or until the event. Raises what it raises by then."""
    running = asyncio.create_task(coroutine)
    try:
        await asyncio.wait({running, event}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
    finally:
        await end_all([running])


async def end_all(tasks: Iterable[asyncio.Task[None]]) -> list[BaseException | None]:
    """Cancel tasks; return the exceptions that they have ended with."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    return await asyncio.gather(*ending, return_exceptions=True) if ending else []


def raise_fault(results: Iterable[BaseException | None]) -> None:
    """Raise the first exception among results that is an error, if there is one."""
    for result in results:
        if isinstance(result, Exception):
            raise result
