"""An event loop whose time jumps to the next timer when nothing else is left to do.

A test that sleeps for an hour takes no time, and none passes or fails by how fast the machine is:
while something runs, in the loop or in a thread of a pool, the time stands still.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from dexec_kernel.engine.threads import DaemonThreads

_BEGIN = 1_000.0
#: In seconds, real ones: how long a test may wait for something without a time limit of its own.
_GUARD = 240.0


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop with a time of its own.

    Where somebody outside is waited for, through a socket or because a child was started, the time
    passes while the loop waits, as real time does. ``peers_are_here`` says that both ends of all
    sockets are in this loop, so that the time may jump all the same.
    """

    def __init__(self) -> None:
        self._now = _BEGIN
        self.peers_are_here = False
        self.has_children = False
        super().__init__(_Selector(self))
        _loops.add(self)

    def time(self) -> float:
        """Return the loop's time, in seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds

    async def subprocess_exec(self, *args: Any, **options: Any) -> Any:
        self.has_children = True
        return await super().subprocess_exec(*args, **options)

    async def subprocess_shell(self, *args: Any, **options: Any) -> Any:
        self.has_children = True
        return await super().subprocess_shell(*args, **options)

    async def shutdown_default_executor(self, *args: Any, **options: Any) -> None:
        # The thread that joins the pool's belongs to no pool. It is waited for as a child is: from
        # Python 3.12 on there is a time limit, which the loop would jump over.
        self.has_children = True
        await super().shutdown_default_executor(*args, **options)

    def waits_for_outside(self, sockets: int) -> bool:
        """Tell whether something may come that neither the loop nor a thread of ours sends."""
        return self.has_children or (sockets > 0 and not self.peers_are_here)


class _Selector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]  # by platform
    """Asked by the loop for how long it may sleep, which is when the time passes."""

    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # Asked before the sockets are: a thread wakes the loop first, and is done after that.
        is_busy = _work.is_going_on()
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None or is_busy:
            # The end of the work wakes the loop.
            ready = super().select(_GUARD)
            assert ready, "nothing comes; perhaps a thread waits for a timer, which waits for it"
            return ready
        # One of the sockets is the loop's own.
        if self._loop.waits_for_outside(len(self.get_map()) - 1):
            begun = time.monotonic()
            ready = super().select(timeout)
            self._loop.advance(min(timeout, time.monotonic() - begun) if ready else timeout)
            return ready
        self._loop.advance(timeout)
        return ready


class _Work:
    """Counts the calls that the pools of threads have not finished."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._futures: set[Future[Any]] = set()

    def is_going_on(self) -> bool:
        with self._lock:
            self._futures = {future for future in self._futures if not future.cancelled()}
            return bool(self._futures)

    def add(self, future: Future[Any]) -> None:
        """Count ``future`` until all waiters have been told."""
        with self._lock:
            self._futures.add(future)

        def told(tell: Callable[[Any], None]) -> Callable[[Any], None]:
            def and_count(outcome: Any) -> None:
                tell(outcome)
                with self._lock:
                    self._futures.discard(future)
                for loop in list(_loops):
                    with suppress(RuntimeError):  # It is closed.
                        loop.call_soon_threadsafe(_look_again)

            return and_count

        future.set_result = told(future.set_result)  # type: ignore[method-assign]
        future.set_exception = told(future.set_exception)  # type: ignore[method-assign]


def _look_again() -> None:
    """Do nothing: the loop has woken up, and asks whether there is work."""


_work = _Work()
_loops: weakref.WeakSet[JumpingLoop] = weakref.WeakSet()


@contextmanager
def counting_threads() -> Iterator[None]:
    """Let the loop know of the work of all pools of threads."""

    def counting(submit: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
        def counted(
            self: Executor, work: Callable[..., Any], *args: Any, **named: Any
        ) -> Future[Any]:
            is_counted = threading.Event()

            def run() -> Any:
                is_counted.wait()
                return work(*args, **named)

            future = submit(self, run)
            _work.add(future)
            is_counted.set()
            return future

        return counted

    pools: tuple[type[Executor], ...] = (ThreadPoolExecutor, DaemonThreads)
    submits = [pool.submit for pool in pools]
    for pool in pools:
        pool.submit = counting(pool.submit)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for pool, submit in zip(pools, submits, strict=True):
            pool.submit = submit  # type: ignore[method-assign]


async def settle() -> None:
    """Return when everything has been done that can be done without time passing."""
    # The time stands still: a timer is due after all ready callbacks, and the ones they add.
    await asyncio.sleep(1e-6)
