from __future__ import annotations

from enum import Enum

import pytest

from dexec_kernel.cells.states import Machine, WrongTransition


class Door(Enum):
    OPEN = 1
    SHUT = 2


class Hand(Enum):
    PUSH = 1
    PULL = 2


TABLE = {Door.OPEN: {Hand.PUSH: Door.SHUT}, Door.SHUT: {Hand.PULL: Door.OPEN}}


def test_the_table_alone_changes_the_state():
    door = Machine(TABLE, Door.OPEN)
    assert door.may(Hand.PUSH)
    assert not door.may(Hand.PULL)
    assert door.go(Hand.PUSH) is door.state is Door.SHUT


def test_an_event_that_the_table_does_not_have_raises_and_changes_nothing():
    door = Machine(TABLE, Door.SHUT)
    with pytest.raises(WrongTransition, match="PUSH in the state SHUT"):
        door.go(Hand.PUSH)
    assert door.state is Door.SHUT
