"""Turns: one cell at a time, also where cells come without a request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Lets one cell after the other run, in the order in which they ask."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._interrupts = 0

    def interrupt(self) -> None:
        """End the cells that wait for their turn, before they begin."""
        self._interrupts += 1

    @asynccontextmanager
    async def take(self) -> AsyncIterator[bool]:
        """Wait for the turn, and hold it; False where an interrupt came in the meantime."""
        before = self._interrupts
        async with self._lock:
            yield self._interrupts == before
