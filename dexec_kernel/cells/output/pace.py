"""Staying under the limits of jupyter_server. No I/O and no clock: time is handed in.

The server counts the messages and the bytes of its last three seconds, and drops all output of a
cell that has had more than 1,000 messages or 1,000,000 bytes a second, without a word to the
kernel, until the cell is idle.
Source: ``iopub_msg_rate_limit``, ``iopub_data_rate_limit`` and ``rate_limit_window`` of
jupyter_server, which are on in JupyterLab.
"""

from __future__ import annotations

from collections import deque

#: In seconds: a little more than the server's three, as its clock runs beside ours.
WINDOW = 3.1
#: In bytes, messages and all that is around the text included: the server allows 3,000,000. What
#: is left of it is for the last words of a cell that is interrupted, which are not paced.
MAX_BYTES = 2_400_000
#: In bytes: up to here those last words may go.
LAST_BYTES = 2_850_000
#: The server allows 3,000.
MAX_MESSAGES = 2_700
#: In bytes: what a message takes beside its text.
ENVELOPE = 1024
#: From this part of the window on the server may have dropped something.
_NEAR = 0.9


class Pace:
    """Mirrors the server's window for one cell, since its counters are reset by an idle."""

    def __init__(self) -> None:
        self._sent: deque[tuple[float, int]] = deque()
        self._bytes = 0
        #: Whether the cell came near the server's limits at any time.
        self.came_near = False

    def delay(self, now: float, size: int) -> float:
        """Return in how many seconds a message with ``size`` bytes of text may go out.

        A single message that is larger than the window waits for an empty one.
        """
        self._forget(now)
        excess_bytes = self._bytes + size + ENVELOPE - MAX_BYTES
        excess_messages = len(self._sent) + 1 - MAX_MESSAGES
        wait = 0.0
        for moment, sent in self._sent:
            if excess_bytes <= 0 and excess_messages <= 0:
                break
            excess_bytes -= sent
            excess_messages -= 1
            wait = moment + WINDOW - now
        return max(0.0, wait)

    def sent(self, now: float, size: int) -> None:
        """Count a message with ``size`` bytes of text that goes out now."""
        self._forget(now)
        self._sent.append((now, size + ENVELOPE))
        self._bytes += size + ENVELOPE
        if self._bytes >= _NEAR * MAX_BYTES or len(self._sent) >= _NEAR * MAX_MESSAGES:
            self.came_near = True

    def last_room(self, now: float) -> int:
        """Return how many bytes of text may go out at once where nothing can wait any more."""
        self._forget(now)
        return max(0, LAST_BYTES - self._bytes - ENVELOPE)

    def _forget(self, now: float) -> None:
        while self._sent and self._sent[0][0] + WINDOW <= now:
            self._bytes -= self._sent.popleft()[1]
