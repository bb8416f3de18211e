"""Interrupts and the cells that they end before these have begun."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dexec_kernel.jupyter.interrupts import Interrupts, Moment

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
def interrupts(clock):
    return Interrupts(clock)


def header(sent: float, *, session: str = "a", ahead: float = 0.0):
    """The header of a message; ``ahead`` is by how much the sender's clock is fast, in seconds."""
    return {"session": session, "date": START + timedelta(seconds=sent + ahead)}


def test_without_an_interrupt_every_cell_runs(interrupts):
    assert not interrupts.is_meant_for(header(0))


def test_it_ends_the_cell_that_was_sent_before_it(interrupts, clock):
    cell, interrupt = header(1.0), header(1.001)
    clock.seconds = 2.0
    interrupts.take(interrupt, held=True)
    assert interrupts.is_meant_for(cell)
    assert not interrupts.is_meant_for(cell), "one cell"


def test_it_leaves_a_later_cell_alone_and_is_gone(interrupts, clock):
    clock.seconds = 2.0
    interrupts.take(header(1.0), held=True)
    assert not interrupts.is_meant_for(header(1.001))
    assert not interrupts.is_meant_for(header(0.5))


def test_a_cell_of_which_nobody_knows_does_not_count(interrupts, clock):
    clock.seconds = 2.0
    interrupts.take(header(1.0), held=True)
    assert interrupts.is_meant_for(header(0.1), silent=True)
    assert interrupts.is_meant_for(header(0.2))


@pytest.mark.parametrize("ahead", [-3600.0, -1.0, 0.0, 1.0, 3600.0])
def test_a_sender_may_have_another_clock(interrupts, clock, ahead):
    """A server interrupts, a browser has sent the cell."""
    interrupts.hear(header(0.0, session="browser", ahead=ahead))
    clock.seconds = 5.0
    interrupts.take(header(5.0, session="server"), held=True)
    before, after = (header(sent, session="browser", ahead=ahead) for sent in (4.9, 5.1))
    clock.seconds = 6.0
    assert interrupts.is_meant_for(before)
    interrupts.take(header(6.0, session="server"), held=True)
    clock.seconds = 7.0
    assert not interrupts.is_meant_for(header(6.1, session="browser", ahead=ahead))
    assert not interrupts.is_meant_for(after), "it was not held any more"


def test_a_signal_has_no_header(interrupts, clock):
    interrupts.hear(header(0.0))
    clock.seconds = 5.0
    interrupts.take(held=True)
    assert interrupts.is_meant_for(header(4.9))
    interrupts.take(held=True)
    clock.seconds = 6.0
    assert not interrupts.is_meant_for(header(5.1))


@pytest.mark.parametrize("date", [None, "yesterday", datetime(2026, 1, 1)])  # noqa: DTZ001
def test_a_message_without_a_date_was_sent_when_it_was_heard(interrupts, date):
    assert interrupts.hear({"date": date}) == Moment(START)
    interrupts.take({"date": date}, held=True)
    assert not interrupts.is_meant_for({"date": date})


def test_an_interrupt_of_a_running_cell_is_not_held(interrupts, clock):
    clock.seconds = 2.0
    interrupts.take(header(1.0), held=False)
    assert not interrupts.is_meant_for(header(0.5))


@pytest.mark.parametrize("held", [True, False])
def test_the_queue_behind_an_interrupted_cell_is_aborted_however_late_it_comes(
    interrupts, clock, held
):
    clock.seconds = 2.0
    interrupts.take(header(1.0), held=held)
    assert not interrupts.aborts(header(0.5)), "the cell has not ended yet"
    interrupts.stop_queue()
    clock.seconds = 60.0
    assert interrupts.aborts(header(0.5))
    assert interrupts.aborts(header(0.6))
    assert not interrupts.aborts(header(1.1))


def test_messages_of_one_sender_keep_their_order_however_late_the_first_was_heard(
    interrupts, clock
):
    clock.seconds = 5.0
    interrupts.take(header(1.0), held=True)
    interrupts.stop_queue()
    clock.seconds = 5.001
    assert not interrupts.aborts(header(5.0))
    assert not interrupts.is_meant_for(header(5.0))
