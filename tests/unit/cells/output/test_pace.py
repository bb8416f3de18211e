"""The mirror of jupyter_server's window, against the server's own way of counting."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dexec_kernel.cells.output.pace import MAX_BYTES, MAX_MESSAGES, WINDOW, Pace

SIZES = st.lists(st.integers(0, 300_000), max_size=200)


def send_all(sizes):
    """Send as soon as is allowed; return the times."""
    pace, now, times = Pace(), 100.0, []
    for size in sizes:
        while (delay := pace.delay(now, size)) > 0:
            now += delay
        pace.sent(now, size)
        times.append(now)
    return times, pace


@given(SIZES)
def test_no_three_seconds_have_more_than_the_server_allows(sizes):
    times, _ = send_all(sizes)
    for moment in times:
        inside = [
            size for size, other in zip(sizes, times, strict=True) if moment - 3.0 < other <= moment
        ]
        assert sum(inside) + 1024 * len(inside) <= MAX_BYTES
        assert len(inside) <= MAX_MESSAGES


def test_little_output_is_never_slowed():
    times, pace = send_all([70_000] * 30)
    assert set(times) == {100.0}
    assert not pace.came_near


def test_small_messages_are_counted_too():
    times, _ = send_all([10] * 10_000)
    assert times[-1] > 100 + 3 * WINDOW
    assert max(times.count(moment) for moment in set(times)) <= MAX_MESSAGES


def test_much_output_goes_at_most_of_the_rate_that_is_allowed():
    times, pace = send_all([200_000] * 100)
    seconds = times[-1] - times[0]
    assert 20_000_000 / 900_000 < seconds + WINDOW < 20_000_000 / 600_000
    assert pace.came_near


def test_a_message_larger_than_the_window_waits_for_an_empty_one():
    pace = Pace()
    assert pace.delay(0.0, 5_000_000) == 0
    pace.sent(0.0, 1000)
    assert pace.delay(1.0, 5_000_000) == WINDOW - 1.0


def test_room_for_last_words_shrinks_with_what_was_sent():
    pace = Pace()
    empty = pace.last_room(0.0)
    pace.sent(0.0, 2_000_000)
    assert pace.last_room(0.0) < empty - 2_000_000
    pace.sent(0.0, 2_000_000)
    assert pace.last_room(0.0) == 0
    assert pace.last_room(WINDOW) == empty
