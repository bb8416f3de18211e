from __future__ import annotations

import itertools
import re

import pytest

from dexec_kernel.backend.models import Frame, Stream
from dexec_kernel.cells import stream as stream_module
from dexec_kernel.cells.states import WrongTransition
from dexec_kernel.cells.stream import MAX_WITHHELD, TABLE, CellStream, StreamEvent, StreamState

S, E = StreamState, StreamEvent
#: How a stream gets into each state.
WAYS: dict[StreamState, tuple[StreamEvent, ...]] = {
    S.WITHHELD: (),
    S.STANDBY: (E.WAITS,),
    S.FLOODED: (E.FULL,),
    S.ECHO: (E.ECHOES,),
    S.RUNNING: (E.STARTED,),
    S.BACKGROUND: (E.STARTED, E.LEFT),
    S.ENDED: (E.END,),
}


def out(text: str) -> Frame:
    return Frame(Stream.STDOUT, text.encode())


def in_state(state: StreamState) -> CellStream:
    stream = CellStream()
    for event in WAYS[state]:
        stream.enter(event)
    assert stream.state is state
    return stream


def documented() -> dict[tuple[StreamState, StreamEvent], StreamState]:
    """Read the table of the docstring."""
    rows = re.findall(
        r"^``([A-Z]+)`` +((?:[A-Z-]+ +){6}[A-Z-]+)$", stream_module.__doc__, re.MULTILINE
    )
    assert len(rows) == len(StreamState)
    return {
        (S[state], event): S[new]
        for state, cells in rows
        for event, new in zip(StreamEvent, cells.split(), strict=True)
        if new != "-"
    }


def test_the_docstring_has_the_table():
    table = {(state, event): new for state, row in TABLE.items() for event, new in row.items()}
    assert documented() == table


@pytest.mark.parametrize(("state", "event"), list(itertools.product(StreamState, StreamEvent)))
def test_every_cell_of_the_table(state, event):
    stream = in_state(state)
    new = TABLE[state].get(event)
    assert stream.may(event) is (new is not None)
    if new is None:
        with pytest.raises(WrongTransition):
            stream.enter(event)
        assert stream.state is state
    else:
        stream.enter(event)
        assert stream.state is new


@pytest.mark.parametrize("state", list(StreamState))
def test_what_becomes_of_output_in_each_state(state):
    stream = in_state(state)
    passed = stream.take(out("x"))
    assert bool(passed) is (state in {S.FLOODED, S.RUNNING, S.BACKGROUND})
    assert stream.kept == (b"x" if state in {S.WITHHELD, S.STANDBY} else b"")


@pytest.mark.parametrize("ways", [(E.STARTED,), (E.WAITS, E.HAS_CELL)])
def test_what_was_kept_is_due_when_the_cell_runs(ways):
    stream = CellStream()
    assert stream.take(out("a")) == []
    due = [stream.enter(event) for event in ways]
    assert due[-1] == [out("a")]
    assert stream.kept == b""
    assert stream.take(out("b")) == [out("b")]


def test_the_echo_of_a_terminal_is_dropped():
    stream = CellStream()
    stream.take(out("a"))
    stream.enter(E.ECHOES)
    assert stream.take(out("our words")) == []
    assert stream.enter(E.HAS_CELL) == [out("a")]


def test_what_a_stream_kept_to_its_end_is_there_to_be_judged():
    stream = CellStream()
    stream.take(out("OCI runtime exec failed"))
    assert stream.enter(E.END) == []
    assert stream.kept == b"OCI runtime exec failed"
    stream.forget()
    assert stream.release() == []


def test_a_stream_that_is_forgotten_keeps_nothing_more():
    stream = CellStream()
    stream.forget()
    stream.take(out("the end of our own words"))
    assert stream.kept == b""


@pytest.mark.parametrize("state", [S.WITHHELD, S.STANDBY])
def test_no_byte_of_a_flood_is_lost_or_kept(state):
    """It may be the cell's own: the word that announces the cell comes on the other stream."""
    stream = in_state(state)
    frames = [out(f"{number} " * 8_192) for number in range(100)]
    passed = []
    for frame in frames:
        passed += stream.take(frame)
        if stream.is_full:
            passed += stream.enter(E.FULL)
        assert len(stream.kept) <= MAX_WITHHELD
    assert passed == frames
    assert stream.enter(E.HAS_CELL) == []
    assert stream.state is S.RUNNING


@pytest.mark.parametrize("is_new", [True, False])
def test_it_is_full_with_one_byte_more_than_is_kept(is_new):
    stream = CellStream()
    if not is_new:
        stream.take(out("x"))
        assert stream.release() == [out("x")]
    stream.take(out("x" * MAX_WITHHELD))
    assert not stream.is_full
    stream.take(out("x"))
    assert stream.is_full
    stream.forget()
    assert not stream.is_full


def test_a_flood_that_is_forgotten_goes_on_to_nobody():
    stream = in_state(S.FLOODED)
    stream.forget()
    assert stream.take(out("x")) == []
