"""A state that changes only as a table says. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Generic, TypeVar

S = TypeVar("S", bound=Enum)
E = TypeVar("E", bound=Enum)


class WrongTransition(Exception):
    """An event came in a state whose row in the table does not have it: a defect of ours."""


class Machine(Generic[S, E]):
    """Holds a state. ``table`` has the next state for each state and event that may meet."""

    def __init__(self, table: Mapping[S, Mapping[E, S]], state: S) -> None:
        self._table = table
        self.state = state

    def may(self, event: E) -> bool:
        """Return whether the event may come now."""
        return event in self._table[self.state]

    def go(self, event: E) -> S:
        """Take an event; return the new state. Raises :class:`WrongTransition`."""
        try:
            self.state = self._table[self.state][event]
        except KeyError as error:
            raise WrongTransition(f"{event.name} in the state {self.state.name}") from error
        return self.state
