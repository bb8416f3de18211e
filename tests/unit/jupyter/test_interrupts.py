"""An interrupt that comes before its cell has begun."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dexec_kernel.jupyter.interrupts import HeldInterrupt

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> datetime:
        return START + timedelta(seconds=self.seconds)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def held(clock):
    return HeldInterrupt(clock)


def header(sent: float, *, session: str = "a", ahead: float = 0.0):
    """The header of a message; ``ahead`` is by how much the sender's clock is fast, in seconds."""
    return {"session": session, "date": START + timedelta(seconds=sent + ahead)}


def test_without_an_interrupt_every_cell_runs(held):
    assert not held.is_meant_for(header(0))


def test_it_ends_the_cell_that_was_sent_before_it(held, clock):
    cell, interrupt = header(1.0), header(1.001)
    clock.seconds = 2.0
    held.hold(interrupt)
    assert held.is_meant_for(cell)
    assert not held.is_meant_for(cell), "one cell"


def test_it_leaves_a_later_cell_alone_and_is_gone(held, clock):
    clock.seconds = 2.0
    held.hold(header(1.0))
    assert not held.is_meant_for(header(1.001))
    assert not held.is_meant_for(header(0.5))


def test_a_cell_of_which_nobody_knows_does_not_count(held, clock):
    clock.seconds = 2.0
    held.hold(header(1.0))
    assert held.is_meant_for(header(0.1), silent=True)
    assert held.is_meant_for(header(0.2))


@pytest.mark.parametrize("ahead", [-3600.0, -1.0, 0.0, 1.0, 3600.0])
def test_a_sender_may_have_another_clock(held, clock, ahead):
    """A server interrupts, a browser has sent the cell."""
    held.hear(header(0.0, session="browser", ahead=ahead))
    clock.seconds = 5.0
    held.hold(header(5.0, session="server"))
    before, after = (header(sent, session="browser", ahead=ahead) for sent in (4.9, 5.1))
    clock.seconds = 6.0
    assert held.is_meant_for(before)
    held.hold(header(6.0, session="server"))
    clock.seconds = 7.0
    assert not held.is_meant_for(header(6.1, session="browser", ahead=ahead))
    assert not held.is_meant_for(after), "it was not held any more"


def test_a_signal_has_no_header(held, clock):
    held.hear(header(0.0))
    clock.seconds = 5.0
    held.hold()
    assert held.is_meant_for(header(4.9))
    held.hold()
    clock.seconds = 6.0
    assert not held.is_meant_for(header(5.1))


@pytest.mark.parametrize("date", [None, "yesterday", datetime(2026, 1, 1)])  # noqa: DTZ001
def test_a_message_without_a_date_was_sent_when_it_was_heard(held, date):
    assert held.hear({"date": date}) == START
    held.hold({"date": date})
    assert not held.is_meant_for({"date": date})
