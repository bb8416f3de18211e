"""The history of cells across sessions, in IPython's history database, in a file of our own.

A console asks for it to offer earlier input. The database is opened in a thread, with the first
cell that is stored or the first question, and nothing that goes wrong with it is a cell's business.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_core.paths import jupyter_data_dir

from dexec_kernel.errors import PolicyRefused, PolicyUnusable
from dexec_kernel.policy.rules import Policy

if TYPE_CHECKING:
    from IPython.core.history import HistoryManager

_T = TypeVar("_T")
#: A session's number, a line's, and its text; with output, the text and None.
Entry = tuple[int, int, str | tuple[str, str | None]]

MEMORY = ":memory:"
#: In seconds: cells that are run one after the other are written together, which takes a
#: millisecond of CPU time however many they are. A kernel that is killed loses as much.
_DELAY = 1.0
#: IPython writes by itself after as many; we say when.
_NEVER = 1_000_000_000
_DEFAULT_LENGTH = 10
#: In KiB: how much of the database is kept in memory. SQLite would keep 2 MB, as it grows.
_CACHE = 256


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """The content of a ``history_request``: see the messaging protocol, "History"."""

    hist_access_type: str
    output: bool = False
    raw: bool = True
    session: int | None = 0
    start: int | None = 1
    stop: int | None = None
    n: int | None = None
    pattern: str | None = None
    unique: bool = False


def default_file() -> Path:
    """Return where the history is kept."""
    return Path(jupyter_data_dir()) / "dexec-kernel" / "history.sqlite"


def allowed_file(setting: str, policy: Callable[[], Policy]) -> str:
    """Return the file that a setting names, unless a policy keeps the history in memory."""
    try:
        policy().check_history(setting)
    except (PolicyRefused, PolicyUnusable):
        return MEMORY
    return setting


class History:
    """Stores cells and finds them again. Close it with :meth:`aclose`.

    ``file`` is a path, ``:memory:`` for none that outlives the kernel, or empty for the usual one.
    """

    def __init__(self, file: Callable[[], str], log: logging.Logger) -> None:
        self._file = file
        self._log = log
        self._waiting: list[tuple[int, str]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._manager: HistoryManager | None = None
        self._is_broken = False
        #: How many lines the database has of this session.
        self._count = 0

    def store(self, number: int, source: str) -> None:
        """Keep a cell as line ``number``; returns at once. Called on the event loop."""
        if not source.strip():
            return
        self._waiting.append((number, source))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_DELAY, self._flush)

    async def find(self, request: HistoryRequest) -> list[Entry]:
        """Return the lines that are asked for, the oldest first; none when they cannot be read."""
        self._flush()
        return await asyncio.wrap_future(self._submit(lambda: self._find(request), []))

    async def aclose(self) -> None:
        """Write what waits, and end the session. It takes as long as the database does."""
        self._flush()
        if self._thread is None:
            return
        try:
            await asyncio.wrap_future(self._submit(self._end, None))
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if lines := self._waiting:
            self._waiting = []
            self._submit(lambda: self._store(lines), None)

    def _submit(self, work: Callable[[], _T], otherwise: _T) -> Future[_T]:
        """Do ``work`` in the thread; where the database fails, say so once and go on without."""

        def guarded() -> _T:
            try:
                return work()
            except (sqlite3.Error, OSError, ValueError) as error:
                if not self._is_broken:
                    self._is_broken = True
                    self._log.warning("The history does not work: %s", error)
                return otherwise

        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="dexec-history")
        return self._thread.submit(guarded)

    # --- in the thread --------------------------------------------------------------------------

    def _open(self) -> HistoryManager:
        if self._manager is None:
            file = self._file() or str(default_file())
            try:
                self._manager = _new_manager(file)
            except (sqlite3.Error, OSError) as error:
                self._log.warning("The history %s cannot be opened: %s", file, error)
                self._manager = _new_manager(MEMORY)
        return self._manager

    def _store(self, lines: list[tuple[int, str]]) -> None:
        manager = self._open()
        for number, source in lines:
            manager.store_inputs(number, source)
        manager.writeout_cache()
        self._count += len(lines)
        # IPython keeps every line in memory, too, for its user's Python. We read the database.
        for kept in (manager.input_hist_parsed, manager.input_hist_raw):
            kept[:] = [""]

    def _find(self, request: HistoryRequest) -> list[Entry]:
        from IPython.core.history import HistoryAccessor  # noqa: PLC0415 -- in the thread

        manager = self._open()
        form: dict[str, Any] = {"raw": request.raw, "output": request.output}
        match request.hist_access_type:
            case "tail":
                n = _DEFAULT_LENGTH if request.n is None else request.n
                return list(manager.get_tail(n, include_latest=True, **form))
            case "range":
                session = request.session or 0
                if session <= 0:
                    session += manager.session_number
                # From the database: the manager's own lists count what is stored, not the cells.
                found = HistoryAccessor.get_range(
                    manager, session, request.start or 1, request.stop, **form
                )
                return list(found)
            case "search":
                pattern = "*" if request.pattern is None else request.pattern
                found = manager.search(pattern, n=request.n, unique=request.unique, **form)
                return list(found)
        return []

    def _end(self) -> None:
        manager, self._manager = self._manager, None
        if manager is not None:
            try:
                # It counts them, for the session's record.
                manager.input_hist_parsed[:] = [""] * (self._count + 1)
                manager.end_session()
            finally:
                manager.close()


def _new_manager(file: str) -> HistoryManager:
    """Open a database and begin a session in it. Raises sqlite3.Error, OSError."""
    from IPython.core.history import HistoryManager  # noqa: PLC0415 -- in the thread
    from traitlets import Any as AnyTrait  # noqa: PLC0415

    class Manager(HistoryManager):
        """IPython's history without IPython's shell."""

        shell = AnyTrait(None, allow_none=True)
        # A shell's `exit` is a command like any other.
        _exit_re = re.compile(r"(?!)")

    if file != MEMORY:
        path = Path(file).expanduser()
        # Commands have secrets in them at times.
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
        file = str(path)
    manager = Manager(shell=None, hist_file=file, db_cache_size=_NEVER)  # type: ignore[arg-type]
    manager.db.execute(f"PRAGMA cache_size = -{_CACHE}")
    return manager
