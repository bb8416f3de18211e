"""Signals to the processes of a cell, and the ladder that ends them.

No engine has a call for signals. Where the image has a shell, a second exec sends them from inside
the container (``container``). Where the container runs on this machine, they are sent from here, to
the PID that inspect gives (``host``). A terminal turns Ctrl-C into SIGINT by itself (``terminal``).
"""

from __future__ import annotations

from typing import Protocol

#: The name of no signal: :meth:`Signaller.send` only looks then.
NO_SIGNAL = "0"


class Signaller(Protocol):
    """Reaches the processes of one cell."""

    async def send(self, name: str) -> set[int]:
        """Send SIG``name`` to all of them, or nothing for ``"0"``.

        Returns the PIDs of the processes that were alive before it, the cell's own as ``leader``.
        A process is found again after its parent has died. Raises the errors of the engine's verbs,
        and :class:`SignalError`.
        """
        ...

    @property
    def leader(self) -> int:
        """The PID of the cell's own process, as :meth:`send` counts."""
        ...
