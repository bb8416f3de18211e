from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexec_kernel.shell.marks import MarkScanner, Message, new_mark

MARK = "dexec:ab:"
M = MARK.encode()

SAMPLES = {
    "greeting": (M + b"17 /" + M + b"after", [Message(b"17 /"), b"after"]),
    "noise before": (b"warn\n" + M + b"1 /" + M, [b"warn\n", Message(b"1 /")]),
    "empty message": (M + M + b"x", [Message(b""), b"x"]),
    "almost a mark": (b"dexec:dexec:a" + M + b"m" + M, [b"dexec:dexec:a", Message(b"m")]),
    "later marks are output": (
        M + b"m" + M + b"a" + M + b"b" + M,
        [Message(b"m"), b"a%bb%b" % (M, M)],
    ),
    "no mark": (b"plain dexec:", [b"plain dexec:"]),
    "nothing": (b"", []),
}
samples = pytest.mark.parametrize("name", SAMPLES)


def scan(*pieces: bytes, messages: int = 1) -> list[bytes | Message]:
    """Return the items, with output that follows other output joined."""
    scanner = MarkScanner(MARK, messages=messages)
    items = [item for piece in pieces for item in scanner.feed(piece)]
    assert b"" not in items
    joined: list[bytes | Message] = []
    for item in [*items, scanner.finish()]:
        if isinstance(item, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += item
        elif item != b"":
            joined.append(item)
    return joined


@samples
def test_whole(name):
    data, expected = SAMPLES[name]
    assert scan(data) == expected


@samples
def test_byte_by_byte(name):
    data, expected = SAMPLES[name]
    assert scan(*(bytes([byte]) for byte in data)) == expected


@samples
def test_cut_at_every_position(name):
    data, expected = SAMPLES[name]
    for cut in range(len(data) + 1):
        assert scan(data[:cut], data[cut:]) == expected


def test_several_messages_where_they_are_announced():
    data = M + b"one" + M + b"between" + M + b"two" + M + M
    assert scan(data, messages=2) == [Message(b"one"), b"between", Message(b"two"), M]


def test_only_what_may_begin_a_mark_is_held_back():
    scanner = MarkScanner(MARK)
    assert scanner.feed(b"text dex") == [b"text "]
    assert scanner.feed(b"ec") == []
    assert scanner.feed(b"ution") == [b"dexecution"]


def test_message_without_an_end_is_output_after_all():
    assert scan(b"a" + M + b"never ended") == [b"a" + M + b"never ended"]


@given(
    st.lists(st.sampled_from([b"d", b"dexec:", b"dexec:ab", M, b"x", b":", b"\n"]), max_size=12),
    st.lists(st.integers(0, 60), max_size=6),
    st.integers(0, 3),
)
def test_nothing_is_lost_wherever_it_is_cut(parts, cuts, messages):
    data = b"".join(parts)
    edges = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    pieces = [data[start:end] for start, end in itertools.pairwise(edges)]
    items = scan(*pieces, messages=messages)
    assert items == scan(data, messages=messages)
    back = b"".join(M + i.data + M if isinstance(i, Message) else i for i in items)
    assert back == data
    assert sum(isinstance(item, Message) for item in items) <= messages


def test_marks_differ_and_are_long():
    marks = {new_mark() for _ in range(100)}
    assert len(marks) == 100
    assert all(len(mark) > 32 and mark.isascii() and "\n" not in mark for mark in marks)
