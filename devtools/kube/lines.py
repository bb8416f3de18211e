"""The open execs of the front, so that a test can break one."""

from __future__ import annotations

from typing import Protocol


class Line(Protocol):
    """An open exec. ``pod`` is ``NAMESPACE/NAME``."""

    pod: str

    def drop_client(self) -> None:
        """Close the connection to the client without a word."""
        ...

    def drop_server(self) -> None:
        """Close the connection to the container runtime, as a kubelet's restart does."""
        ...


class Lines:
    """All of them."""

    def __init__(self) -> None:
        self._open: set[Line] = set()

    def add(self, line: Line) -> None:
        """Take in a line that was opened."""
        self._open.add(line)

    def remove(self, line: Line) -> None:
        """Forget a line that has ended."""
        self._open.discard(line)

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._open)

    def drop(self, pod: str, side: str) -> int:
        """Break the lines of a pod (``*``: all) at ``client`` or ``server``; return how many."""
        found = [line for line in self._open if pod in {"*", line.pod}]
        for line in found:
            (line.drop_client if side == "client" else line.drop_server)()
        return len(found)
