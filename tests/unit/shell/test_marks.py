from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexec_kernel.shell.marks import Marks, MarkScanner, Message, new_mark

MARK = "dexec:ab:"
M = MARK.encode()
OTHER = b"dexec:cd:"

SAMPLES = {
    "greeting": (M + b"17 /" + M + b"after", [Message(b"17 /"), b"after"]),
    "noise before": (b"warn\n" + M + b"1 /" + M, [b"warn\n", Message(b"1 /")]),
    "empty message": (M + M + b"x", [Message(b""), b"x"]),
    "almost a mark": (b"dexec:dexec:a" + M + b"m" + M, [b"dexec:dexec:a", Message(b"m")]),
    "several": (
        M + b"m" + M + b"a" + M + b"b" + M + M + M,
        [Message(b"m"), b"a", Message(b"b"), Message(b"")],
    ),
    "another mark": (
        OTHER + b"a" + M + b"b" + OTHER + b"c" + M + OTHER + M,
        [Message(b"a" + M + b"b"), b"c", Message(OTHER)],
    ),
    "unfinished": (b"a" + M + b"never ended", [b"a"]),
    "no mark": (b"plain dexec:", [b"plain dexec:"]),
    "nothing": (b"", []),
}
samples = pytest.mark.parametrize("name", SAMPLES)


def scan(*pieces: bytes) -> list[bytes | Message]:
    """Return the items, with output that follows other output joined."""
    scanner = MarkScanner(MARK, OTHER.decode())
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


def test_only_what_may_begin_a_mark_is_held_back():
    scanner = MarkScanner(MARK)
    assert list(scanner.feed(b"text dex")) == [b"text "]
    assert list(scanner.feed(b"ec")) == []
    assert list(scanner.feed(b"ution")) == [b"dexecution"]
    assert list(scanner.feed(b"do")) == [b"do"]


def test_a_mark_may_have_its_first_letter_once_more():
    scanner = MarkScanner("dexec:d0123:")
    assert list(scanner.feed(b"d-dexec:d")) == [b"d-"]
    assert list(scanner.feed(b"0123:m")) == []
    assert list(scanner.feed(b"dexec:d0123:")) == [Message(b"m")]


def test_from_one_item_to_the_next_a_mark_can_lose_its_worth():
    scanner = MarkScanner(MARK, OTHER.decode())
    items = scanner.feed(M + b"a" + M + b"b" + M + b"c" + M + OTHER + b"d" + OTHER)
    assert next(items) == Message(b"a")
    scanner.only(OTHER.decode())
    assert list(items) == [b"b" + M + b"c" + M, Message(b"d")]


def test_a_message_that_is_too_long_is_dropped():
    scanner = MarkScanner(MARK, limit=100)
    items = list(scanner.feed(M))
    for _ in range(50):
        items += scanner.feed(b"x" * 30)
    assert items == []
    assert list(scanner.feed(M + b"after")) == [Message(b""), b"after"]


def test_the_end_of_a_message_that_is_too_long_may_be_cut():
    scanner = MarkScanner(MARK, limit=10)
    assert list(scanner.feed(M + b"x" * 20 + M[:-1])) == []
    assert list(scanner.feed(M[-1:] + b"after")) == [Message(b""), b"after"]


@given(
    st.lists(
        st.sampled_from([b"d", b"dexec:", b"dexec:ab", M, OTHER, b"x", b":", b"\n"]), max_size=12
    ),
    st.lists(st.integers(0, 60), max_size=6),
)
def test_it_is_the_same_wherever_it_is_cut(parts, cuts):
    data = b"".join(parts)
    edges = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    pieces = [data[start:end] for start, end in itertools.pairwise(edges)]
    assert scan(*pieces) == scan(data)


def test_marks_differ_and_are_long():
    marks = {new_mark() for _ in range(100)}
    assert len(marks) == 100
    assert all(
        len(mark) == len("dexec::") + 128 // 4 and mark.isascii() and "\n" not in mark
        for mark in marks
    )


def test_an_exec_without_stdin_has_one_mark():
    marks, without = Marks.new(), Marks.new(stdin=False)
    assert marks.greeting != marks.secret
    assert without.greeting == without.secret
    assert without.greeting not in {marks.greeting, marks.secret}
    assert marks.secret not in repr(marks)
