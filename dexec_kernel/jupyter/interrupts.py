"""Interrupts and the cells that they are meant for, whichever of the two arrives first.

The control channel overtakes the shell channel: an interrupt may be taken while the cell that it is
meant for is still on its way, or waits for the reply of another. It is held until that cell begins.
The cells behind an interrupted one may be on their way as well. The dates of the headers tell the
order in which messages were sent (Jupyter messaging protocol, "General Message Format").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Moment:
    """The time at which a message was sent: by our clock, and by its sender's if it has a date."""

    ours: datetime
    session: str | None = None
    date: datetime | None = None

    def is_before(self, other: Moment) -> bool:
        """Return whether this was sent first; one sender's messages are compared by its clock."""
        if self.session == other.session and self.date is not None and other.date is not None:
            return self.date < other.date
        return self.ours < other.ours


class Interrupts:
    """Tells the cells that an interrupt ends before they begin.

    At most one interrupt is held: the last that found no cell to end. Every sender has a clock of
    its own. Its distance from ours is told by the message that was heard soonest after it was sent;
    ``now`` is our clock.
    """

    def __init__(self, now: Callable[[], datetime] = _now) -> None:
        self._now = now
        #: By session: the least that a message was heard after its date.
        self._offsets: dict[str, timedelta] = {}
        self._last: Moment | None = None
        self._is_held = False
        self._stop: Moment | None = None

    def hear(self, header: Mapping[str, Any]) -> Moment:
        """Take note of a message that has arrived; return when it was sent."""
        now, date = self._now(), header.get("date")
        if not isinstance(date, datetime) or date.tzinfo is None:
            return Moment(now)
        session = str(header.get("session"))
        offset = min(now - date, self._offsets.get(session, timedelta.max))
        self._offsets[session] = offset
        return Moment(date + offset, session, date)

    def take(self, header: Mapping[str, Any] | None = None, *, held: bool) -> None:
        """Take an interrupt, and hold it where no cell runs; a signal has no ``header``."""
        self._last = Moment(self._now()) if header is None else self.hear(header)
        self._is_held = held

    def is_meant_for(self, header: Mapping[str, Any], *, silent: bool = False) -> bool:
        """Return whether the held interrupt ends the cell of this ``execute_request``.

        It ends one cell: a further one ends as the first's ``stop_on_error`` says. A ``silent``
        one, of which nobody knows, does not count.
        """
        if self._last is None or not self._is_held:
            return False
        is_meant = self.hear(header).is_before(self._last)
        self._is_held = is_meant and silent
        return is_meant

    def stop_queue(self) -> None:
        """Abort the cells that were sent before the last interrupt, which has ended a cell."""
        self._stop = self._last

    def aborts(self, header: Mapping[str, Any]) -> bool:
        """Return whether the cell of this ``execute_request`` is aborted: it was in the queue."""
        return self._stop is not None and self.hear(header).is_before(self._stop)
