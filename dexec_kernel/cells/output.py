"""A cell's output on its way from the exec to the front end: bounded, logged, gathered, paced."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from dexec_kernel.cells.limit import Limiter, json_size
from dexec_kernel.cells.log import GIB, CellLog
from dexec_kernel.cells.log_folder import LogFolder
from dexec_kernel.cells.pace import Pace
from dexec_kernel.cells.text import Coalescer, Piece

MIB = 1024**2

Emit = Callable[[list[Piece]], None]


@dataclass(frozen=True, slots=True)
class OutputLimits:
    """How much of a cell's output goes where, in bytes.

    ``output`` is for the front end, 0 for no bound and no pacing; ``log`` for the log file, 0 for
    none. Without a folder there is no log.
    """

    output: int = 2 * MIB
    log: int = GIB
    folder: LogFolder | None = None


class Output:
    """Passes a cell's output to ``emit``, and to a log what that would be too much of.

    The owner calls :meth:`feed`, and :meth:`flush` when nothing more comes for now; awaits
    :meth:`ready` before it reads more, so that a process which prints faster than the front end may
    be told has to wait; awaits :meth:`finish`; and calls :meth:`close` in any case.
    """

    def __init__(self, emit: Emit, limits: OutputLimits) -> None:
        self._emit = emit
        self._is_paced = limits.output > 0
        self._limiter = Limiter(limits.output)
        self._logs = limits.log > 0
        self._log = CellLog(limits.folder, limits.log if self._is_paced else 0)
        self._text = Coalescer()
        self._pace = Pace()
        self._waiting: deque[Piece] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._tail: list[tuple[str, bytes]] | None = None
        self._hurries = False
        self._is_concluded = False
        self._ends_line = True
        self.total_bytes = 0

    @property
    def log(self) -> str | None:
        """The path of the log, None where there is none."""
        path = self._log.shown_path
        return None if path is None else str(path)

    @property
    def note(self) -> str:
        """What is to be known of the output besides, in words; "" for nothing."""
        omitted = self._limiter.omitted.size
        if omitted:
            note = f"{omitted / MIB:,.1f} MiB of output left out here"
            is_log_cut = self._logs and self._log.cut
            return f"{note}; the log is not whole: {self._log.cut}" if is_log_cut else note
        if self._limiter.head_is_full and not self._is_concluded:
            return "the output goes on when the cell ends"
        return ""

    @property
    def came_near_server_limits(self) -> bool:
        """Whether jupyter_server may have begun to drop the cell's messages."""
        return self._pace.came_near

    def feed(self, stream: str, data: bytes) -> None:
        """Take bytes of ``stream``, ``stdout`` or ``stderr``."""
        self.total_bytes += len(data)
        self._log.write(data)
        if head := self._limiter.feed(stream, data):
            self._ends_line = head.endswith(b"\n")
            self._text.feed(stream, head)
        if self._limiter.omitted.size:
            self._log.keep()

    def flush(self) -> None:
        """Hand on what is due, and come back for the rest."""
        now = self._now()
        if not self._waiting:
            self._waiting.extend(self._text.take(now))
        self._send(now)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = now + self._delay(now) if self._waiting else self._text.due_at()
        if due is not None:
            self._timer = asyncio.get_running_loop().call_at(due, self.flush)

    async def ready(self) -> None:
        """Wait until more output may come."""
        while self._waiting and not self._hurries:
            await asyncio.sleep(min(self._delay(self._now()), 0.1))
            self.flush()
        if self._waiting:
            self._limiter.end_head()
        await self._log.drain()

    def hurry(self) -> None:
        """Wait for the front end no more, as the cell is being ended.

        What it cannot be told in time is left out, and stands in the log.
        """
        self._hurries = True

    async def finish(self) -> None:
        """Pass on what there still is, at the front end's pace."""
        self._take_tail(None if not self._hurries else self._last_room())
        await self._log.close()
        self._conclude()
        self._send(self._now())
        while self._waiting and not self._hurries:
            await asyncio.sleep(min(self._delay(self._now()), 0.1))
            self._send(self._now())

    def close(self) -> None:
        """Pass on what there still is, at once. May be called twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._take_tail(self._last_room())
        self._log.close_soon()
        self._conclude()
        self._send(self._now(), at_once=True)

    # --- parts ----------------------------------------------------------------------------------

    def _take_tail(self, room: int | None) -> None:
        if self._tail is None:
            self._tail = self._limiter.finish(room)
            if self._limiter.omitted.size:
                self._log.keep()

    def _last_room(self) -> int | None:
        """Return the room for the tail where nothing can wait, in bytes; None for any."""
        if not self._is_paced:
            return None
        waiting = sum(map(_size, self._waiting))
        return max(0, self._pace.last_room(self._now()) - waiting)

    def _conclude(self) -> None:
        """Put the line about the omission, and the tail, behind the head."""
        if self._is_concluded:
            return
        self._is_concluded = True
        if self._limiter.omitted.size:
            self._text.interject("stderr", self._notice())
        for stream, data in self._tail or []:
            self._text.feed(stream, data)
        self._waiting.extend(self._text.finish())

    def _notice(self) -> str:
        omitted, log = self._limiter.omitted, self._log
        where = f"the whole output is in {log.shown_path}"
        if log.shown_path is None:
            where = f"there is no log: {log.cut}" if log.cut else "there is no log"
        elif log.cut:
            where = f"the beginning is in {log.shown_path}: {log.cut}"
        begin = "" if self._ends_line else "\n"
        return f"{begin}[{omitted.size:,} bytes, {omitted.lines:,} lines left out; {where}]\n"

    def _send(self, now: float, *, at_once: bool = False) -> None:
        pieces: list[Piece] = []
        while self._waiting and (at_once or self._delay(now) <= 0):
            piece = self._waiting.popleft()
            self._pace.sent(now, _size(piece))
            pieces.append(piece)
        if pieces:
            self._emit(pieces)

    def _delay(self, now: float) -> float:
        return self._pace.delay(now, _size(self._waiting[0])) if self._is_paced else 0.0

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _size(piece: Piece) -> int:
    return json_size(piece.text.encode())
