"""The driver's words, taken out of the stream of an exec, wherever that is cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexec_kernel.backend.models import Frame, Stream
from dexec_kernel.cells.driver import (
    Background,
    Driver,
    FolderLost,
    HandedOver,
    HasCell,
    Ready,
    Started,
    ToldEnd,
    greeting_pid,
)
from dexec_kernel.shell.handover import Handover
from dexec_kernel.shell.marks import Marks

MARKS = Marks("dexec:00000000000000000000:", "dexec:11111111111111111111:")
G, S = MARKS.greeting.encode(), MARKS.secret.encode()
SEP = S[:-1] + b";"
STATE = SEP + b"folder /a" + SEP + b"umask 022" + SEP + b"end "
HANDED_OVER = HandedOver(Handover([("folder", b"/a"), ("umask", b"022")]))
START = (G + b"start 17 /a b" + G, Started(17, "/a b"))
CELL = (S + b"cell /x" + S, HasCell("/x"))


def said(*parts):
    """Return the bytes of an exchange, and the expected events."""
    data = b"".join(part if isinstance(part, bytes) else part[0] for part in parts)
    return data, [part if isinstance(part, bytes) else part[1] for part in parts]


EXCHANGES = {
    "a cell": said(START, CELL, b"out", (S + b"state " + STATE + S, HANDED_OVER)),
    "noise before": said(b"warning\n", START, b"more\n", CELL, b"out"),
    "a terminal": said(START, (G + b"go " + G, Ready()), CELL),
    "a folder that is gone": said(START, (S + b"gone /no" + S, FolderLost("/no"))),
    "in the background": said(
        START, CELL, b"a", (S + b"background 3 12" + S, Background(3, 12)), b"late"
    ),
    "functions that failed": said(START, S + b"failed /f/g" + S, CELL),
    "the greeting is worth nothing later": said(START, CELL, G + b"start 1 /" + G),
    "words that make no sense": said(
        *(S + b"cell /" + S, G + b"start x /" + G, G + b"start 99999999999 /" + G, S + S),
        *(START, G + b"start 18 /" + G, S + b"background 0 1" + S, CELL),
        *(S + b"background x 1" + S, S + b"background 1" + S, S + b"background 1 -1" + S),
    ),
    "a damaged state": said(START, CELL, (S + b"state x" + S, HandedOver(None))),
    "a word that nobody knows": said(START, CELL, (S + b"what" + S, HandedOver(None))),
    "an end without a state": said(START, CELL, b"out", (S + b"end 3" + S, ToldEnd(3))),
    "an end that names no exit code": said(START, CELL, S + b"end x" + S, S + b"end" + S),
    "the longest PID": said((G + b"start 9999999999 /" + G, Started(9_999_999_999, "/"))),
    "folders that are not UTF-8": said(
        *(
            (G + b"start 1 /\xff" + G, Started(1, "/\ufffd")),
            (S + b"cell /\xfe" + S, HasCell("/\ufffd")),
        ),
    ),
    "a word that is not ASCII": said(START, CELL, (S + b"st\xe4te x" + S, HandedOver(None))),
    "a state in parts": said(
        *(START, CELL, S + b"part0 " + STATE[:9] + S, S + b"part1 " + STATE[9:] + S),
        (S + b"parts 2 %d " % len(STATE) + SEP + S, HANDED_OVER),
    ),
    "a state that is cut off": said(START, CELL, b"out", S + b"state " + STATE[:20]),
    "the beginning of a mark": said(START, CELL, S[:9]),
}
#: The items of an exchange besides events; everything else is dropped.
SHOWN = {
    "a cell": b"out",
    "noise before": b"warning\nmore\nout",
    "in the background": b"alate",
    "the greeting is worth nothing later": G + b"start 1 /" + G,
    "an end without a state": b"out",
    "a state that is cut off": b"out",
    "the beginning of a mark": S[:9],
}
each = pytest.mark.parametrize("name", EXCHANGES)


def heard(*pieces, stream=Stream.STDERR):
    driver = Driver(MARKS)
    items = [item for piece in pieces for item in driver.feed(Frame(stream, piece))]
    items += driver.finish()
    shown = b"".join(item.data for item in items if isinstance(item, Frame))
    assert all(item.stream is stream for item in items if isinstance(item, Frame))
    return shown, [item for item in items if not isinstance(item, Frame)]


def expected(name):
    _, parts = EXCHANGES[name]
    events = [part for part in parts if not isinstance(part, bytes)]
    if name == "functions that failed":
        events[-1] = HasCell("/x", ("f", "g"))
    return SHOWN.get(name, b""), events


@each
@pytest.mark.parametrize("stream", [Stream.STDOUT, Stream.STDERR])
def test_whole(name, stream):
    assert heard(EXCHANGES[name][0], stream=stream) == expected(name)


@each
def test_byte_by_byte(name):
    data, _ = EXCHANGES[name]
    assert heard(*(bytes([byte]) for byte in data)) == expected(name)


@each
def test_cut_at_every_position(name):
    data, _ = EXCHANGES[name]
    for cut in range(len(data) + 1):
        assert heard(data[:cut], data[cut:]) == expected(name)


@each
def test_cut_off_anywhere_it_shows_no_mark_and_no_state(name):
    data, _ = EXCHANGES[name]
    whole, _ = expected(name)
    for cut in range(len(data)):
        shown, _ = heard(data[:cut])
        assert b"umask" not in shown
        assert S not in shown
        assert len(shown) < len(whole) + len(S)


@pytest.mark.parametrize(
    ("message", "pid"),
    [
        *((b"start 17 /a b", 17), (b"start 17", 17), (b"start x /", None), (b"cell 17 /", None)),
        *((b"st\xffrt 17 /", None), (b"", None)),
    ],
)
def test_the_pid_of_a_greeting(message, pid):
    assert greeting_pid(message) == pid


def test_frames_of_no_stream_of_the_cells_pass():
    driver = Driver(MARKS)
    frame = Frame(Stream.STDIN, G)
    assert driver.feed(frame) == [frame]


@given(
    st.lists(
        st.sampled_from(
            [
                *(G, S, SEP, STATE, b"start 1 /", b"cell /", b"background 1 2", b"state "),
                *(b"part0 x", b"parts 1 1 ", b"x", b" ", b"dexec:"),
            ]
        ),
        max_size=12,
    ),
    st.lists(st.integers(0, 300), max_size=6),
)
def test_whatever_comes_it_is_the_same_wherever_it_is_cut(parts, cuts):
    data = b"".join(parts)
    edges = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    pieces = [data[start:end] for start, end in itertools.pairwise(edges)]
    assert heard(*pieces) == heard(data)
