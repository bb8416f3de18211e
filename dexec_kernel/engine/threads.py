"""Threads for calls that block, which do not keep a process from ending.

Python joins the threads of a ThreadPoolExecutor when it ends: a call to an engine that hangs would
keep a kernel for a minute.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class DaemonThreads(Executor):
    """Runs each call in a daemon thread of its own, at most ``size`` calls at a time."""

    def __init__(self, size: int, *, name: str) -> None:
        self._free = threading.Semaphore(size)
        self._name = name
        self._lock = threading.Lock()
        self._pending: set[Future[object]] = set()
        self._is_shut = False

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Return the future of a call. Raises RuntimeError after :meth:`shutdown`."""
        future: Future[_T] = Future()

        def work() -> None:
            with self._free:
                if not future.set_running_or_notify_cancel():
                    return
                try:
                    result = fn(*args, **kwargs)
                except BaseException as error:  # noqa: BLE001 -- raised where it is waited for
                    future.set_exception(error)
                else:
                    future.set_result(result)

        with self._lock:
            if self._is_shut:
                raise RuntimeError("The threads are shut down.")
            self._pending.add(future)  # type: ignore[arg-type] # only ever cancelled
        future.add_done_callback(self._pending.discard)
        threading.Thread(target=work, name=self._name, daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 -- Executor's
        """Take no more calls; with ``cancel_futures`` cancel those that have not begun.

        It waits for no call, whatever ``wait`` is.
        """
        with self._lock:
            self._is_shut = True
            pending = tuple(self._pending)
        if cancel_futures:
            for future in pending:
                future.cancel()
