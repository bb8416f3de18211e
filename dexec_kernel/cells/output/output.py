"""A cell's output on its way from the exec to the front end: bounded, logged, gathered, paced.

The state says where output goes, and whether it waits for the front end:

==============  =================================================  =============================
state           output that comes                                  output that waits
==============  =================================================  =============================
``LIVE``        is passed on                                       goes at the front end's pace
``BOUNDED``     is kept as the tail, or left out                   goes at the front end's pace
``BACKGROUND``  is passed on or kept, in rounds                    goes at the front end's pace
``HURRIED``     is kept as the tail, or left out                   goes as far as it may at once
``DRAINING``    cannot come                                        goes at the front end's pace
``CLOSED``      cannot come                                        has gone
==============  =================================================  =============================

==============  ==========  ============  =========  ==========  ========
in the state    ``FULL``    ``LEFT``      ``HURRY``  ``FINISH``  ``CLOSE``
==============  ==========  ============  =========  ==========  ========
``LIVE``        BOUNDED     BACKGROUND    HURRIED    DRAINING    CLOSED
``BOUNDED``     -           BACKGROUND    HURRIED    DRAINING    CLOSED
``BACKGROUND``  -           BACKGROUND    HURRIED    DRAINING    CLOSED
``HURRIED``     -           HURRIED       HURRIED    CLOSED      CLOSED
``DRAINING``    -           -             CLOSED     -           CLOSED
``CLOSED``      -           -             CLOSED     -           CLOSED
==============  ==========  ============  =========  ==========  ========

Any other transition raises :class:`~dexec_kernel.cells.states.WrongTransition`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum, auto

from dexec_kernel.cells.output.limit import SWITCH, Limiter, json_size
from dexec_kernel.cells.output.limits import MIB, OutputLimits
from dexec_kernel.cells.output.log import CellLog
from dexec_kernel.cells.output.pace import Pace
from dexec_kernel.cells.output.text import Coalescer, Piece
from dexec_kernel.cells.states import Machine

#: In seconds: the longest pause between two reads. The engine drops unread output two seconds after
#: the process ends.
_MAX_PAUSE = 0.8
#: In bytes: what is left of the limit for background processes is divided down to this.
_MIN_ROUND = 4 * 1024
#: In seconds: how long their output is held back first; each time twice as long as before.
_ROUND_TIME = 2.0

Emit = Callable[[list[Piece]], None]


class OutputState(Enum):
    """Where a cell's output stands."""

    LIVE = auto()
    BOUNDED = auto()
    BACKGROUND = auto()
    HURRIED = auto()
    DRAINING = auto()
    CLOSED = auto()


class OutputEvent(Enum):
    """What changes the state of an output."""

    #: The first part of the limit is used up.
    FULL = auto()
    #: The cell's own commands have ended, and background processes go on.
    LEFT = auto()
    #: The cell is being ended, and nothing is to wait for the front end.
    HURRY = auto()
    #: The stream has ended, and the rest is passed on.
    FINISH = auto()
    #: Everything has been passed on, or must be at once.
    CLOSE = auto()


_S, _E = OutputState, OutputEvent
TABLE: Mapping[OutputState, Mapping[OutputEvent, OutputState]] = {
    _S.LIVE: {
        _E.FULL: _S.BOUNDED,
        _E.LEFT: _S.BACKGROUND,
        _E.HURRY: _S.HURRIED,
        _E.FINISH: _S.DRAINING,
        _E.CLOSE: _S.CLOSED,
    },
    _S.BOUNDED: {
        _E.LEFT: _S.BACKGROUND,
        _E.HURRY: _S.HURRIED,
        _E.FINISH: _S.DRAINING,
        _E.CLOSE: _S.CLOSED,
    },
    _S.BACKGROUND: {
        _E.LEFT: _S.BACKGROUND,
        _E.HURRY: _S.HURRIED,
        _E.FINISH: _S.DRAINING,
        _E.CLOSE: _S.CLOSED,
    },
    _S.HURRIED: {
        _E.LEFT: _S.HURRIED,
        _E.HURRY: _S.HURRIED,
        _E.FINISH: _S.CLOSED,
        _E.CLOSE: _S.CLOSED,
    },
    _S.DRAINING: {_E.HURRY: _S.CLOSED, _E.CLOSE: _S.CLOSED},
    _S.CLOSED: {_E.HURRY: _S.CLOSED, _E.CLOSE: _S.CLOSED},
}
_ENDED = frozenset({OutputState.DRAINING, OutputState.CLOSED})


class Output:
    """Sends a cell's output to ``emit`` up to a limit, and all of it to a log beyond that.

    The owner calls :meth:`feed`, and :meth:`flush` when nothing more comes for now; awaits
    :meth:`ready` before it reads more, so that a process which prints faster than the front end may
    be told has to wait; awaits :meth:`finish`; and calls :meth:`close` in any case.

    Output after :meth:`begin_background` is sent in rounds, since its end is unknown. Each round
    has half of the rest of the limit, for a head and a tail of its own: the head is sent live, and
    the tail some time after the head is full. So a flood does not hide later output.
    """

    def __init__(self, emit: Emit, limits: OutputLimits) -> None:
        self._emit = emit
        self._is_paced = limits.output > 0
        self._limit = limits.output
        self._limiter = Limiter(limits.output)
        self._logs = limits.log > 0
        self._log = CellLog(limits.folder, limits.log if self._is_paced else 0)
        self._text = Coalescer()
        self._pace = Pace()
        self._waiting: deque[Piece] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._tail: list[tuple[str, bytes]] | None = None
        self._machine = Machine(TABLE, OutputState.LIVE)
        self._ends_line = True
        self._last_stream = ""
        #: In bytes, as the limit counts: what was passed on; what was left out in earlier rounds.
        self._shown = self._omitted = 0
        self._round_time = _ROUND_TIME
        self._round_ends: float | None = None
        self.total_bytes = 0

    @property
    def state(self) -> OutputState:
        """Where it stands."""
        return self._machine.state

    @property
    def log(self) -> str | None:
        """The path of the log, or None."""
        path = self._log.shown_path
        return None if path is None else str(path)

    @property
    def note(self) -> str:
        """A further message about the output, "" for none."""
        omitted = self._omitted + self._limiter.omitted.size
        if omitted:
            note = f"{omitted / MIB:,.1f} MiB left out"
            is_log_cut = self._logs and self._log.cut
            return f"{note}; the log is not whole: {self._log.cut}" if is_log_cut else note
        goes_on = self._limiter.head_is_full and self._round_ends is None
        if goes_on and self.state not in _ENDED:
            end = "they end" if self.state is OutputState.BACKGROUND else "the cell ends"
            return f"the output goes on when {end}"
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
            self._pass_on(stream, head)
        if self._limiter.omitted.size:
            self._log.keep()
        if self._limiter.head_is_full and self.state is OutputState.LIVE:
            self._machine.go(OutputEvent.FULL)
        self._plan_round()

    def begin_background(self) -> None:
        """Bring what there is by now: the rest is background processes'. May be called twice."""
        was = self.state
        if self._machine.go(OutputEvent.LEFT) is not was:
            self._plan_round()
            if self._round_ends is not None:
                self._next_round()
            self.flush()

    def flush(self) -> None:
        """Send the output that is due, and schedule the rest."""
        now = self._now()
        if self._round_ends is not None and now >= self._round_ends:
            self._next_round()
        if not self._waiting:
            self._waiting.extend(self._text.take(now))
        self._send(now)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = now + self._delay(now) if self._waiting else self._text.due_at()
        times = [moment for moment in (due, self._round_ends) if moment is not None]
        if times:
            self._timer = asyncio.get_running_loop().call_at(min(times), self.flush)

    async def ready(self) -> bool:
        """Wait until more output may come, or must; return False where it must.

        Output that must come waits in memory. See ``_MAX_PAUSE``.
        """
        last = self._now() + _MAX_PAUSE
        while self._waiting and not self._hurries and self._now() < last:
            await asyncio.sleep(min(self._delay(self._now()), 0.1))
            self.flush()
        if self._waiting and self._hurries:
            self._limiter.end_head()
        await self._log.drain()
        return not self._waiting or self._hurries

    def hurry(self) -> None:
        """Stop waiting for the front end, as the cell is being ended.

        Output that cannot be sent in time is left out; it is in the log.
        """
        self._machine.go(OutputEvent.HURRY)

    async def finish(self) -> None:
        """Send the remaining output, at the front end's pace."""
        self._take_tail(None if not self._hurries else self._last_room())
        await self._log.close()
        self._conclude(OutputEvent.FINISH)
        self._send(self._now())
        while self._waiting and self.state is OutputState.DRAINING:
            await asyncio.sleep(min(self._delay(self._now()), 0.1))
            self._send(self._now())

    def close(self) -> None:
        """Send the remaining output at once. May be called twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._take_tail(self._last_room())
        self._log.close_soon()
        self._conclude(OutputEvent.CLOSE)
        self._send(self._now(), at_once=True)

    # --- parts ----------------------------------------------------------------------------------

    def _pass_on(self, stream: str, data: bytes) -> None:
        self._ends_line = data.endswith(b"\n")
        self._shown += json_size(data) + (SWITCH if stream != self._last_stream else 0)
        self._last_stream = stream
        self._text.feed(stream, data)

    def _plan_round(self) -> None:
        """Set when the round ends, once its head is full and there is enough left for another."""
        if (
            self.state is OutputState.BACKGROUND
            and self._limiter.head_is_full
            and self._round_ends is None
            and self._limit - self._shown >= 4 * _MIN_ROUND
        ):
            self._round_ends = self._now() + self._round_time
            self._round_time *= 2

    def _next_round(self) -> None:
        """Send the tail, up to half of the remaining limit, and start the next round."""
        self._round_ends = None
        tail = self._limiter.finish((self._limit - self._shown) // 2)
        if self._limiter.omitted.size:
            self._log.keep()
            self._interject_notice()
        for stream, data in tail:
            self._pass_on(stream, data)
        self._omitted += self._limiter.omitted.size
        self._limiter = Limiter(max(1, (self._limit - self._shown) // 2))

    def _interject_notice(self) -> None:
        notice = self._notice()
        self._shown += json_size(notice.encode()) + SWITCH
        self._last_stream = "stderr"
        self._text.interject("stderr", notice)

    def _take_tail(self, room: int | None) -> None:
        self._round_ends = None
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

    @property
    def _hurries(self) -> bool:
        return self.state is OutputState.HURRIED

    def _conclude(self, event: OutputEvent) -> None:
        """Append the line about the omission, and the tail, to the head."""
        was_ended = self.state in _ENDED
        self._machine.go(event)
        if was_ended:
            return
        if self._limiter.omitted.size:
            self._interject_notice()
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
