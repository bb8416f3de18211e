"""The session of one container: the state of its shell from cell to cell. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dexec_kernel.shell.dump import steady
from dexec_kernel.shell.handover import DamagedHandover, Handover
from dexec_kernel.shell.history import CellHistory
from dexec_kernel.shell.state import ShellState
from dexec_kernel.shell.takeover import initial_state, put_together

_DAMAGED = "the shell's state arrived damaged, and the one before is kept"
_MAX_NAMED = 5


class Session:
    """The state of one container's shell from cell to cell.

    ``state`` is what the next cell begins with, None for what the container has; ``history`` has
    the cells.
    """

    def __init__(self) -> None:
        self.state: ShellState | None = None
        self.history = CellHistory()
        self._initial: ShellState | None = None
        #: The last hand-over, and the state that it made: most cells leave it as it was.
        self._handed_over: tuple[list[tuple[str, bytes]], ShellState] | None = None

    def begin(self, env: Mapping[str, str]) -> None:
        """Take note of the variables that the container's shells act on by themselves."""
        self._initial = initial_state(env)
        self.state = self.state or self._initial

    def take_over(self, handover: Handover | None, *, env_names: Iterable[str]) -> str:
        """Take over the state that a cell's shell has handed over; None for a damaged one.

        ``env_names`` are the variables that the container gives to every process. Returns a note
        for the user, "" for none. A hand-over that is damaged changes nothing.
        """
        if handover is None:
            return _DAMAGED
        sections = [
            (kind, steady(text) if kind == "variables" else text)
            for kind, text in handover.sections
        ]
        if self.state is not None and self._handed_over == (sections, self.state):
            return ""
        try:
            state, dropped = put_together(handover, env_names, self.state)
        except DamagedHandover:
            return _DAMAGED
        self.state = state
        self._handed_over = (sections, state)
        return _described(dropped)

    def drop(self, functions: Iterable[str]) -> str:
        """Forget functions that could not be restored; return a note for the user, "" for none."""
        names = sorted(functions)
        if not names or self.state is None:
            return ""
        self.state = self.state.without(names)
        return f"these functions could not be restored, and are forgotten: {', '.join(names)}"

    def set_variable(self, name: str, value: str) -> None:
        """Export a variable to the cells that follow."""
        self.state = (self.state or ShellState()).with_variable(name, value)

    def reset(self) -> None:
        """Forget the state: the next cell begins as the container has it."""
        self.state = self._initial
        self.history = CellHistory()


def _described(dropped: list[str]) -> str:
    """Return a note that names what was not carried over, "" for nothing."""
    if not dropped:
        return ""
    more = len(dropped) - _MAX_NAMED
    named = ", ".join(dropped[:_MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"not carried over to the next cell: {named}"
