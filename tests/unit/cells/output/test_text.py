from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexec_kernel.cells.output.limit import json_size
from dexec_kernel.cells.output.text import (
    LATER_PIECE,
    MAX_EARLY_SIZE,
    MAX_HOLD,
    MAX_INTERVAL,
    MAX_PIECE,
    MIN_INTERVAL,
    STRETCH_FROM,
    Coalescer,
    Piece,
)

OUT, ERR = "stdout", "stderr"


def merged(pieces: list[Piece]) -> list[tuple[str, str]]:
    groups = itertools.groupby(pieces, key=lambda piece: piece.stream)
    return [(stream, "".join(piece.text for piece in group)) for stream, group in groups]


def everything(*fed: tuple[str, bytes]) -> list[tuple[str, str]]:
    text = Coalescer()
    for stream, data in fed:
        text.feed(stream, data)
    return merged(text.finish())


class Reader:
    """Feeds a coalescer and takes the due pieces, with a clock of its own."""

    def __init__(self) -> None:
        self.text = Coalescer()
        self.now = 100.0

    def feed(self, data: bytes, stream: str = OUT) -> list[Piece]:
        self.text.feed(stream, data)
        return self.text.take(self.now)

    def until_due(self) -> tuple[float, list[Piece]]:
        """Let time pass until something is due; return the time that passed, and the pieces."""
        begun = self.now
        while (due := self.text.due_at()) is not None:
            self.now = max(self.now, due)
            if pieces := self.text.take(self.now):
                return self.now - begun, pieces
        return self.now - begun, []


@pytest.mark.parametrize("character", ["é", "€", "🐳", "👩‍👩‍👧"])
def test_characters_cut_anywhere_come_out_whole(character):
    data = f"a{character}b".encode()
    for cut in range(len(data) + 1):
        assert everything((OUT, data[:cut]), (OUT, data[cut:])) == [(OUT, f"a{character}b")]
    assert everything(*((OUT, bytes([byte])) for byte in data)) == [(OUT, f"a{character}b")]


def test_character_is_not_mixed_up_with_the_other_stream():
    whale = "🐳".encode()
    fed = [(OUT, whale[:2]), (ERR, whale[:1]), (OUT, whale[2:]), (ERR, whale[1:])]
    assert everything(*fed) == [(OUT, "🐳"), (ERR, "🐳")]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xff\xfe", "��"),
        (b"a\xc3", "a�"),
        (b"\xc3(", "�("),
        (b"\xed\xa0\x80", "���"),
        (b"\0x\0", "\0x\0"),
        (b"\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        (b"10%\r20%\r\n", "10%\r20%\r\n"),
        (b"\xef\xbb\xbfbom", "\ufeffbom"),
    ],
)
def test_bytes_come_out_as_text(data, text):
    assert everything((OUT, data)) == [(OUT, text)]


def test_first_output_comes_at_once():
    reader = Reader()
    assert reader.feed(b"Name: ") == [Piece(OUT, "Name: ")]


def test_later_output_is_gathered():
    reader = Reader()
    reader.feed(b"first\n")
    assert reader.feed(b"a\n") == []
    assert reader.feed(b"b\n") == []
    passed, pieces = reader.until_due()
    assert passed == pytest.approx(MIN_INTERVAL)
    assert pieces == [Piece(OUT, "a\nb\n")]
    assert reader.text.due_at() is None


def test_output_after_silence_comes_at_once():
    reader = Reader()
    reader.feed(b"first\n")
    reader.now += 1
    assert reader.feed(b"later\n") == [Piece(OUT, "later\n")]


@pytest.mark.parametrize("end", [b"\n", b"\r"])
def test_incomplete_line_waits_for_its_end(end):
    reader = Reader()
    reader.feed(b"first\n")
    reader.now += 1
    assert reader.feed(b"one" + end + b"tw") == [Piece(OUT, "one" + end.decode())]
    reader.now += MIN_INTERVAL
    assert reader.feed(b"o" + end + b"thr") == [Piece(OUT, "two" + end.decode())]
    _, pieces = reader.until_due()
    assert pieces == [Piece(OUT, "thr")]


def test_what_follows_the_last_carriage_return_is_the_incomplete_line():
    reader = Reader()
    reader.feed(b"first\n")
    reader.now += 1
    assert reader.feed(b"10%\r20%\r30") == [Piece(OUT, "10%\r20%\r")]


def test_incomplete_line_waits_a_quarter_of_a_second_at_most():
    reader = Reader()
    reader.feed(b"first\n")
    reader.now += 1
    assert reader.feed(b"Password: ") == []
    passed, pieces = reader.until_due()
    assert pieces == [Piece(OUT, "Password: ")]
    assert passed == pytest.approx(MAX_HOLD)


def test_incomplete_line_that_goes_on_growing_is_not_held_for_ever():
    reader = Reader()
    reader.feed(b"first\n")
    reader.now += 1
    begun, shown = reader.now, ""
    while reader.now - begun < 10 * MAX_HOLD:
        reader.now += 0.01
        shown += "".join(piece.text for piece in reader.feed(b"."))
    held = round((reader.now - begun) / 0.01) - len(shown)
    assert held * 0.01 <= MAX_HOLD + MIN_INTERVAL + 0.02


def test_order_of_the_streams_is_kept():
    fed = [(OUT, b"1"), (ERR, b"2"), (OUT, b"3"), (OUT, b"4"), (ERR, b"5")]
    assert everything(*fed) == [(OUT, "1"), (ERR, "2"), (OUT, "34"), (ERR, "5")]


def test_pieces_are_bounded_and_end_with_lines():
    reader = Reader()
    line = "x" * 999 + "\n"
    reader.text.feed(OUT, line.encode() * 3000)
    pieces = reader.text.take(reader.now)
    assert all(len(piece.text) <= LATER_PIECE and piece.text[-1] == "\n" for piece in pieces)
    assert "".join(piece.text for piece in pieces) == line * 3000
    assert len(pieces) == 12


@pytest.mark.parametrize("character", ["x", "\x01", "\U0001f600"])
def test_pieces_are_large_while_the_server_lets_all_of_them_pass(character):
    reader = Reader()
    size = json_size(character.encode())
    few, more = (limit // size // 1000 for limit in (MAX_EARLY_SIZE, 1_000_000))
    line = character * 998 + "\n"
    reader.text.feed(OUT, line.encode() * more)
    assert len(reader.text.take(reader.now)) == 1
    reader.text.feed(OUT, line.encode() * few)
    later = reader.text.finish()
    assert all(len(piece.text) <= LATER_PIECE for piece in later)


def test_line_longer_than_a_piece_is_cut():
    pieces = Reader().feed(b"y" * (2 * MAX_PIECE + 5))
    assert [len(piece.text) for piece in pieces] == [MAX_PIECE, MAX_PIECE, 5]


def test_full_buffer_is_due_at_once():
    reader = Reader()
    reader.feed(b"first\n")
    assert reader.feed(b"z" * (MAX_PIECE // 2)) == []
    assert reader.feed(b"z" * (MAX_PIECE // 2 - 1)) == []
    assert reader.feed(b"z") == [Piece(OUT, "z" * MAX_PIECE)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a\n" + "b" * (MAX_PIECE - 2), 1),
        ("a\n" + "b" * (MAX_PIECE - 1), 2),
        ("\n" + "b" * MAX_PIECE, 2),
    ],
)
def test_a_piece_is_cut_only_where_it_is_too_long(text, parts):
    pieces = Reader().feed(text.encode())
    assert len(pieces) == parts
    assert "".join(piece.text for piece in pieces) == text
    if parts > 1:
        assert pieces[0].text.endswith("\n")


def test_pieces_are_large_up_to_the_very_limit():
    reader = Reader()
    reader.feed(b"x" * (MAX_EARLY_SIZE - MAX_PIECE))
    for lengths in ([MAX_PIECE], [LATER_PIECE] * (MAX_PIECE // LATER_PIECE)):
        assert [len(piece.text) for piece in reader.feed(b"y" * MAX_PIECE)] == lengths


def test_pieces_come_more_seldom_after_a_lot_of_output():
    reader = Reader()
    intervals = []
    for _ in range(30):
        reader.feed(b"x" * 999_999 + b"\n")
        reader.until_due()
        reader.feed(b"tick\n")
        passed, _ = reader.until_due()
        intervals.append(passed)
    assert intervals[0] == pytest.approx(MIN_INTERVAL)
    assert intervals == sorted(intervals)
    assert intervals[10] == pytest.approx((MIN_INTERVAL + MAX_INTERVAL) / 2, rel=1e-4)
    assert intervals[-1] == pytest.approx(MAX_INTERVAL)
    assert STRETCH_FROM == 1_000_000


def test_nothing_is_due_when_nothing_waits():
    text = Coalescer()
    assert text.due_at() is None
    assert text.take(1.0) == []
    assert text.finish() == []
    text.feed(OUT, b"\xc3")
    assert text.due_at() is None


@pytest.mark.no_cover  # Its many examples would take twice as long.
@given(
    st.lists(
        st.tuples(
            st.sampled_from([OUT, ERR]),
            st.one_of(st.binary(max_size=30), st.text("aé🐳\n\r", max_size=20).map(str.encode)),
            st.sampled_from([0.0, 0.01, 0.06, 0.3]),
        ),
        max_size=30,
    )
)
def test_nothing_is_lost_or_reordered_whenever_it_is_taken(steps):
    text, now, pieces = Coalescer(), 0.0, []
    for stream, data, pause in steps:
        text.feed(stream, data)
        now += pause
        pieces += text.take(now)
    pieces += text.finish()
    assert all(piece.text for piece in pieces)
    assert merged(pieces) == everything(*((stream, data) for stream, data, _ in steps))
    for name in (OUT, ERR):
        data = b"".join(data for stream, data, _ in steps if stream == name)
        shown = "".join(piece.text for piece in pieces if piece.stream == name)
        assert shown == data.decode("utf-8", "replace")


def test_what_is_interjected_ends_a_character_that_is_not_complete():
    text = Coalescer()
    text.feed("stdout", b"a\xe2")
    text.interject("stderr", "notice\n")
    text.feed("stdout", b"b")
    assert [(piece.stream, piece.text) for piece in text.finish()] == [
        ("stdout", "a\ufffd"),
        ("stderr", "notice\n"),
        ("stdout", "b"),
    ]
