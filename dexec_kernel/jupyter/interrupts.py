"""Interrupts that come before the cell that they are meant for.

The control channel overtakes the shell channel: an interrupt may be taken while the cell that it is
meant for is still on its way, or waits for the reply of another. It is held until that cell begins,
and told by the dates of the headers (Jupyter messaging protocol, "General Message Format").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any


def _now() -> datetime:
    return datetime.now(UTC)


class HeldInterrupt:
    """Holds at most one interrupt: the last that found no cell to end.

    Every sender has a clock of its own. How far it is from ours is told by the message that was
    heard soonest after it was sent; ``now`` is our clock.
    """

    def __init__(self, now: Callable[[], datetime] = _now) -> None:
        self._now = now
        #: By session: the least that a message was heard after its date.
        self._offsets: dict[str, timedelta] = {}
        self._sent: datetime | None = None

    def hear(self, header: Mapping[str, Any]) -> datetime:
        """Take note of a message that has arrived; return when it was sent, by our clock."""
        now, date = self._now(), header.get("date")
        if not isinstance(date, datetime) or date.tzinfo is None:
            return now
        session = str(header.get("session"))
        offset = min(now - date, self._offsets.get(session, timedelta.max))
        self._offsets[session] = offset
        return date + offset

    def hold(self, header: Mapping[str, Any] | None = None) -> None:
        """Hold an interrupt; one that came as a signal has no ``header``."""
        self._sent = self._now() if header is None else self.hear(header)

    def is_meant_for(self, header: Mapping[str, Any], *, silent: bool = False) -> bool:
        """Return whether the held interrupt ends the cell of this ``execute_request``.

        It ends one cell: a further one ends as the first's ``stop_on_error`` says. A ``silent``
        one, of which nobody knows, does not count.
        """
        if self._sent is None:
            return False
        sent, is_meant = self._sent, self.hear(header) < self._sent
        self._sent = sent if is_meant and silent else None
        return is_meant
