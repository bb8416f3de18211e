"""The checker that is started ahead, so that a check does not wait for a container."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from dexec_kernel.errors import DexecError
from dexec_kernel.lab.checks.checker import Checker

#: In seconds: a checker that nobody has used for so long is ended, as it takes memory.
PATIENCE = 600.0


class WaitingChecker:
    """Owns all checkers: one that waits, and those that are being removed.

    ``start`` starts one. Everything is on one event loop. Close it with :meth:`aclose`.
    """

    def __init__(self, start: Callable[[], Awaitable[Checker]], log: logging.Logger) -> None:
        self._start = start
        self._log = log
        self._next: asyncio.Task[Checker] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._removals: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def prepare(self) -> None:
        """Start a checker in the background; let one that waits go on waiting."""
        if self._is_closed:
            return
        if self._next is None:
            self._next = asyncio.ensure_future(self._start_one())
            self._next.add_done_callback(self._note)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(PATIENCE, self._give_up)

    async def take(self) -> tuple[Checker, bool]:
        """Return the checker that waits or is on its way, or a new one; and whether it is new.

        The caller disposes of it. Raises as ``start`` does.
        """
        waiting, self._next = self._next, None
        if waiting is None:
            return await self._start_one(), True
        try:
            return await asyncio.shield(waiting), False
        except DexecError:
            # It may have met what is over by now, such as somebody who removes containers.
            return await self._start_one(), True
        except asyncio.CancelledError:
            self._end(waiting)
            raise

    def dispose(self, checker: Checker) -> None:
        """Remove a checker in the background."""
        self._in_background(self._remove(checker))

    async def aclose(self) -> None:
        """Remove all checkers. May be called twice."""
        self._is_closed = True
        self._give_up()
        while self._removals:
            await asyncio.wait(self._removals)

    async def _start_one(self) -> Checker:
        return await self._start()

    def _note(self, starting: asyncio.Task[Checker]) -> None:
        """Forget a start that failed: the next check tries again, and tells why."""
        if starting.cancelled() or starting.exception() is not None:
            if self._next is starting:
                self._next = None
            if not starting.cancelled():
                self._log.info("No checker could be started ahead: %s", starting.exception())

    def _give_up(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._next = self._next, None
        if waiting is not None:
            self._end(waiting)

    def _end(self, starting: asyncio.Task[Checker]) -> None:
        async def end() -> None:
            starting.cancel()
            with suppress(asyncio.CancelledError, DexecError):
                await self._remove(await starting)

        self._in_background(end())

    async def _remove(self, checker: Checker) -> None:
        try:
            await checker.aclose()
        except DexecError as error:
            # It ends by itself, as its stdin is closed.
            self._log.info("A checker could not be removed: %s", error)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._removals.add(task)
        task.add_done_callback(self._removals.discard)
