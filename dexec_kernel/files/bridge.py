"""Between the event loop, which has the connection, and a thread, which has the files.

One piece at a time crosses over, so that memory stays flat and the slower side sets the pace. When
the task is cancelled, the thread's next step over the bridge fails, and the task waits for the
thread to clean up: that is the time of one read or write of a file.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import TypeVar

from dexec_kernel.errors import CopyError

_T = TypeVar("_T")

#: In bytes: what a thread hands over at once.
PIECE = 256 * 1024
#: In bytes: what a thread gets at once, about.
BATCH = 1024 * 1024


class Stopped(CopyError):
    """The other side is gone. Seen by a thread alone."""


class _Bridge:
    """Lets a thread wait for a coroutine until :meth:`stop`. Created on the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._waiting: Future[object] | None = None
        self._stopped = False

    def stop(self) -> None:
        """End what the thread waits for, and all that it will wait for."""
        with self._lock:
            self._stopped = True
            if self._waiting is not None:
                self._waiting.cancel()

    def _wait(self, step: Callable[[], Coroutine[object, object, _T]]) -> _T:
        with self._lock:
            if self._stopped:
                raise Stopped("The copy was stopped.")
            future = asyncio.run_coroutine_threadsafe(step(), self._loop)
            self._waiting = future  # type: ignore[assignment] # only ever cancelled
        try:
            return future.result()
        except CancelledError as error:
            raise Stopped("The copy was stopped.") from error


class Reader(_Bridge):
    """A file to read in a thread what arrives on the event loop.

    ``moved`` is called on the event loop with every piece.
    """

    def __init__(self, pieces: AsyncIterator[bytes], moved: Callable[[], None]) -> None:
        super().__init__()
        self._pieces = pieces
        self._moved = moved

    def read(self, _size: int = -1) -> bytes:
        """Return the next piece, however large it is; nothing at the end."""
        return self._wait(self._next)

    async def _next(self) -> bytes:
        self._moved()
        batch: list[bytes] = []
        size = 0
        # The engine sends 32 KiB at a time; every step over the bridge costs two switches.
        while size < BATCH and (piece := await anext(self._pieces, b"")):
            batch.append(piece)
            size += len(piece)
        return b"".join(batch)


class Writer(_Bridge):
    """A file to write in a thread what is sent on the event loop: iterate over it there."""

    def __init__(self, moved: Callable[[], None]) -> None:
        super().__init__()
        self._moved = moved
        self._queue: asyncio.Queue[bytes | BaseException] = asyncio.Queue(maxsize=1)
        self._buffer = bytearray()
        self._position = 0

    def write(self, data: bytes) -> int:
        """Hand over ``data``, in pieces that are not small."""
        self._buffer += data
        self._position += len(data)
        if len(self._buffer) >= PIECE:
            self.flush()
        return len(data)

    def tell(self) -> int:
        """Return how much was written."""
        return self._position

    def flush(self) -> None:
        """Hand over what is left."""
        if self._buffer:
            data, self._buffer = bytes(self._buffer), bytearray()
            self._wait(lambda: self._queue.put(data))

    def end(self, fault: BaseException | None = None) -> None:
        """End the iteration, with an error where there is one."""
        self._wait(lambda: self._queue.put(b"" if fault is None else fault))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the pieces. Raises what :meth:`end` was given."""
        while True:
            item = await self._queue.get()
            self._moved()
            if isinstance(item, BaseException):
                raise item
            if not item:
                return
            yield item


async def in_thread(work: Callable[[], _T], bridge: _Bridge) -> _T:
    """Do ``work`` in a thread. When cancelled, stop the bridge and wait for the thread."""
    loop = asyncio.get_running_loop()
    done = loop.run_in_executor(None, work)
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        bridge.stop()
        await asyncio.wait({done})
        if not done.cancelled():
            done.exception()  # Seen; that the copy was cancelled says more.
        raise
