"""The whole output of a long cell, in a file on the kernel's side."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from dexec_kernel.cells.output.limits import GIB
from dexec_kernel.cells.output.log_folder import LogFolder

#: In bytes: what is not longer is kept in memory until it is known whether a log is wanted.
MAX_MEMORY = 4 * 1024 * 1024
#: In bytes: how much is written at once, and may wait for being written.
_BLOCK, _MAX_BACKLOG = 1024 * 1024, 8 * 1024 * 1024
#: In bytes: smaller pieces are put together. How many pieces one write takes (IOV_MAX has 1024).
_SMALL, _MOST_PARTS = 4 * 1024, 512
#: In bytes: how much is written between two looks at the free space.
_LOOK_INTERVAL = 16 * 1024 * 1024
#: So much of a disk stays free: the lesser of a number of bytes, and a part of the disk.
MIN_FREE, MIN_FREE_PART = GIB, 0.05


class CellLog:
    """Takes all the bytes of one cell; a file holds them once :meth:`keep` was called.

    A separate thread writes, so that a slow disk does not block the event loop; :meth:`drain` makes
    the reader wait for it. ``limit`` is in bytes, 0 for no log. A fault of the file ends the log,
    not the cell: :attr:`cut` describes it.
    """

    def __init__(self, folder: LogFolder | None, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._accepted = 0
        self._unchecked = _LOOK_INTERVAL
        self._wanted = False
        self._file: int | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._backlog: deque[Future[None]] = deque()
        self._closing: Future[None] | None = None
        self._is_off = folder is None or limit <= 0
        #: Its path, None as long as there is no log.
        self.path: Path | None = None
        #: Why it does not hold everything, "" as long as it does.
        self.cut = "" if limit > 0 else "log_limit is 0"

    def write(self, data: bytes) -> None:
        """Take the next bytes."""
        if self._is_off or self.cut:
            return
        room = self._limit - self._accepted
        if len(data) > room:
            self.cut = f"log_limit is {self._limit:,} bytes"
            data = data[:room]
        self._accepted += len(data)
        self._put(data)
        if self._thread is None and (self._wanted or self._size > MAX_MEMORY):
            self._start()
        if self._thread is not None and self._size >= _BLOCK:
            self._submit()

    def keep(self) -> None:
        """Make it a log: the cell's output exceeds the notebook's limit."""
        if self._wanted or self._is_off:
            return
        self._wanted = True
        if self._thread is None:
            self._start()
        self._submit()

    @property
    def shown_path(self) -> Path | None:
        """The path, once the file is kept."""
        return self.path if self._wanted else None

    async def drain(self) -> None:
        """Wait until there is room for more."""
        while len(self._backlog) * _BLOCK > _MAX_BACKLOG:
            await asyncio.wait([asyncio.wrap_future(self._backlog[0])])
            self._collect()

    async def close(self) -> None:
        """Write what there still is, and close the file; remove it where no log was wanted."""
        self.close_soon()
        if self._closing is not None:
            await asyncio.wait([asyncio.wrap_future(self._closing)])
            self._closing.result()

    def close_soon(self) -> None:
        """Have it closed, without waiting. May be called twice."""
        if self._closing is None and self._thread is not None:
            if self._wanted:
                self._submit()
            self._closing = self._thread.submit(self._end)
            self._thread.shutdown(wait=False)
        self._is_off = True

    def _start(self) -> None:
        assert self._folder is not None  # noqa: S101 -- it would be off
        try:
            self.path, self._file = self._folder.new_file(self._limit)
        except OSError as error:
            self._parts.clear()
            self._size = 0
            self._fail(error)
            self._is_off = True
        else:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="dexec-log")

    def _put(self, data: bytes) -> None:
        """Keep ``data`` without a copy of it, small pieces together."""
        self._size += len(data)
        last = self._parts[-1] if self._parts else b""
        if self._parts and len(last) + len(data) <= _SMALL:
            self._parts[-1] = last + data
        else:
            self._parts.append(data)

    def _submit(self) -> None:
        if self._thread is not None and self._parts:
            block, self._parts, self._size = self._parts, [], 0
            self._backlog.append(self._thread.submit(self._append, block))
        self._collect()

    def _collect(self) -> None:
        while self._backlog and self._backlog[0].done():
            self._backlog.popleft().result()

    # --- in the thread --------------------------------------------------------------------------

    def _append(self, block: list[bytes]) -> None:
        if self._file is None:
            return
        self._unchecked += sum(map(len, block))
        try:
            if self._unchecked >= _LOOK_INTERVAL:
                self._unchecked = 0
                if _is_short(self._file):
                    self._stop("the disk is nearly full")
                    return
            _write_all(self._file, *block)
        except OSError as error:
            self._fail(error)
            self._stop(self.cut)

    def _stop(self, reason: str) -> None:
        self.cut = reason
        file, self._file = self._file, None
        if file is not None:
            self._say_cut(file)
            os.close(file)

    def _end(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            if self.cut:
                self._say_cut(file)
            os.close(file)
        if not self._wanted and self.path is not None:
            # The folder may be gone, with the kernel.
            self.path.unlink(missing_ok=True)
        if self._folder is not None and self.path is not None:
            self._folder.closed(self.path)

    def _say_cut(self, file: int) -> None:
        try:
            _write_all(file, f"\n[dexec: the log ends here, {self.cut}]\n".encode())
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        self.cut = f"the log cannot be written, {error.strerror or error}"


def _write_all(file: int, *parts: bytes) -> None:
    views = [memoryview(part) for part in parts if part]
    while views:
        written = os.writev(file, views[:_MOST_PARTS])
        while views and written >= len(views[0]):
            written -= len(views.pop(0))
        if written:
            views[0] = views[0][written:]


def _is_short(file: int) -> bool:
    """Tell whether so little of the disk is free that it is left to others."""
    disk = os.fstatvfs(file)
    free, size = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    return free < min(MIN_FREE, MIN_FREE_PART * size)
