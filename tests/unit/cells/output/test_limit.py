"""Head, omission and tail: every byte is in one of them, in order, within the limit."""

from __future__ import annotations

import json
import tracemalloc
from itertools import groupby

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dexec_kernel.cells.output.limit import MAX_TAIL, SWITCH, Limiter, json_size

STREAMS = st.sampled_from(["stdout", "stderr"])
TEXTS = st.text(alphabet='ab\n"\\\té€𝄞\x00\x1b', max_size=60).map(str.encode)
CHUNKS = st.lists(st.tuples(STREAMS, st.one_of(TEXTS, st.binary(max_size=40))), max_size=40)


def run(limit, chunks):
    """Return the head, the tail, and the limiter."""
    limiter = Limiter(limit)
    head = [(stream, limiter.feed(stream, data)) for stream, data in chunks]
    return [part for part in head if part[1]], limiter.finish(), limiter


def joined(parts):
    """Put neighbours of one stream together."""
    return [
        (stream, b"".join(data for _, data in group))
        for stream, group in groupby(parts, lambda part: part[0])
    ]


def of(stream, parts):
    return b"".join(data for name, data in parts if name == stream)


@given(st.binary(max_size=300))
def test_size_is_that_of_the_text_in_a_message(data):
    text = json.dumps(data.decode("utf-8", "replace"), ensure_ascii=False)
    assert json_size(data) == len(text.encode()) - 2
    assert json_size(data) >= len(data)


@pytest.mark.no_cover  # Its many examples would take twice as long.
@given(CHUNKS, st.integers(1, 3000))
def test_every_byte_is_shown_or_counted(chunks, limit):
    head, tail, limiter = run(limit, chunks)
    whole = [(name, data) for name, data in chunks if data]
    shown = 0
    lines = 0
    for stream in ("stdout", "stderr"):
        all_of_it, begin, end = of(stream, whole), of(stream, head), of(stream, tail)
        assert all_of_it.startswith(begin)
        assert all_of_it.endswith(end)
        assert len(begin) + len(end) <= len(all_of_it)
        shown += len(begin) + len(end)
        lines += all_of_it[len(begin) : len(all_of_it) - len(end)].count(b"\n")
    assert shown + limiter.omitted.size == sum(len(data) for _, data in whole)
    assert lines == limiter.omitted.lines


@pytest.mark.no_cover  # Its many examples would take twice as long.
@given(CHUNKS, st.integers(1, 3000))
def test_what_is_shown_is_within_the_limit(chunks, limit):
    head, tail, _ = run(limit, chunks)
    size = sum(json_size(of(name, part)) for part in (head, tail) for name in ("stdout", "stderr"))
    assert size <= limit + 2 * 3 * 3  # characters of both streams that head and tail begin


@given(st.lists(st.tuples(STREAMS, TEXTS), max_size=30), st.integers(1, 3000))
def test_the_order_of_the_streams_is_kept(chunks, limit):
    """Of whole characters: one that is cut by the other stream stands where it ends."""
    head, tail, limiter = run(limit, chunks)
    whole = joined(part for part in chunks if part[1])
    if not limiter.omitted.size:
        assert joined([*head, *tail]) == whole
    shown = joined(head)
    for (name, data), (expected, all_of_it) in zip(shown[:-2], whole, strict=False):
        assert (name, data) == (expected, all_of_it)
    shown = joined(tail)
    for (name, data), (expected, all_of_it) in zip(
        reversed(shown[2:]), reversed(whole), strict=False
    ):
        assert (name, data) == (expected, all_of_it)


@given(CHUNKS)
def test_without_a_limit_all_is_head(chunks):
    head, tail, limiter = run(0, chunks)
    assert head == [part for part in chunks if part[1]]
    assert tail == []
    assert not limiter.head_is_full


@given(st.lists(st.tuples(STREAMS, TEXTS), max_size=30), st.integers(1, 9), st.integers(1, 900))
@example([("stdout", "€".encode() * 60)], 1, 100)
@example([("stdout", "𝄞".encode() * 60)], 3, 91)
def test_no_character_is_cut_in_half(chunks, step, limit):
    """However the bytes are cut into frames."""
    frames = [
        (name, data[at : at + step]) for name, data in chunks for at in range(0, len(data), step)
    ]
    head, tail, _ = run(limit, frames)
    for part in (head, tail):
        for stream in ("stdout", "stderr"):
            of(stream, part).decode()


@pytest.mark.parametrize("total", [1, 1_000_000, 1_048_576, 1_500_000, 1_990_000])
def test_output_that_fits_is_whole(total):
    line = b"x" * 62 + b"\n"  # 64 in JSON
    data = line * (total // 64)
    chunks = [("stdout", data[at : at + 50_000]) for at in range(0, len(data), 50_000)]
    head, tail, limiter = run(2 * 1024 * 1024, chunks)
    assert of("stdout", head + tail) == data
    assert limiter.omitted.size == 0


def test_cuts_fall_between_lines():
    data = b"".join(b"line %d\n" % n for n in range(200_000))
    chunks = [("stdout", data[at : at + 30_001]) for at in range(0, len(data), 30_001)]
    head, tail, _ = run(500_000, chunks)
    assert of("stdout", head).endswith(b"\n")
    assert of("stdout", tail).startswith(b"line ")
    assert of("stdout", tail).endswith(b"line 199999\n")


def test_most_of_the_limit_is_used():
    line = b"a line of an ordinary length\n"
    head, tail, _ = run(2 * 1024 * 1024, [("stdout", line * 1000)] * 400)
    assert json_size(of("stdout", head)) + json_size(of("stdout", tail)) > 1_900_000


def test_one_line_without_an_end():
    head, tail, limiter = run(1000, [("stdout", b"x" * 10_000)] * 10)
    assert 400 < len(of("stdout", head)) <= 500
    assert 450 < len(of("stdout", tail)) <= 500
    assert limiter.omitted.lines == 0


def test_control_characters_count_as_they_travel():
    head, tail, _ = run(60_000, [("stdout", b"\0" * 100_000)])
    assert len(of("stdout", head)) + len(of("stdout", tail)) <= 10_000


@pytest.mark.no_cover  # Its many examples would take twice as long.
def test_streams_that_change_all_the_time_make_a_bounded_number_of_messages():
    limit = 2 * 1024 * 1024
    head, tail, _ = run(limit, [("stdout", b"a\n"), ("stderr", b"b\n")] * 100_000)
    assert 20_000 < len(joined(head)) + len(joined(tail)) <= limit / (SWITCH + 2)


def test_a_megabyte_whose_streams_change_with_every_line_is_whole():
    lines = [(name, b"%039d\n" % n) for n in range(14_000) for name in ("stdout", "stderr")]
    head, tail, limiter = run(2 * 1024 * 1024, lines)
    assert limiter.omitted.size == 0
    assert joined([*head, *tail]) == joined(lines)


@pytest.mark.no_cover  # Its many examples would take twice as long.
def test_the_tail_stays_small_however_high_the_limit():
    data = b"x" * 50_000_000
    _, tail, _ = run(20_000_000, [("stdout", data)])
    assert len(of("stdout", tail)) <= MAX_TAIL


def test_a_shorter_tail_on_request():
    limiter = Limiter(10_000)
    limiter.feed("stdout", b"x\n" * 100_000)
    assert sum(json_size(data) for _, data in limiter.finish(300)) <= 300


def test_after_the_end_of_the_head_nothing_passes():
    limiter = Limiter(10_000)
    assert limiter.feed("stdout", b"first\n")
    limiter.end_head()
    assert limiter.feed("stdout", b"second\n") == b""
    assert limiter.finish() == [("stdout", b"second\n")]
    assert limiter.omitted.size == 0


@pytest.mark.no_cover  # Its many examples would take twice as long.
@pytest.mark.parametrize("frame", [b"y\n" * 16_384, b"x"])
def test_memory_is_that_of_the_tail(frame):
    limiter = Limiter(2 * 1024 * 1024)
    tracemalloc.start()
    for number in range(60_000 if len(frame) == 1 else 600):
        limiter.feed("stdout" if number % 2 else "stderr", frame)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * 1024 * 1024


@pytest.mark.parametrize("letter", ["\x80", "߿", "ࠀ", "\uffff", "𐀀", "\U0010ffff"])
@pytest.mark.parametrize("limit", range(300, 308))
def test_a_head_without_a_line_end_ends_between_characters(limit, letter):
    """The first and the last character of each length."""
    text = letter * 400
    head, _, _ = run(limit, [("stdout", text.encode())])
    shown = of("stdout", head).decode()
    assert shown
    assert text.startswith(shown)


def test_a_byte_that_begins_no_character_is_one():
    head, _, _ = run(640, [("stdout", b"\xff" * 1_000)])
    assert len(of("stdout", head)) == (640 - 320 - 10) // len("\ufffd".encode())


def in_tail(chunks):
    """Return a limiter all of whose output is in the tail so far."""
    limiter = Limiter(2 * 1024 * 1024)
    limiter.end_head()
    for stream, data in chunks:
        limiter.feed(stream, data)
    return limiter


def test_changes_of_the_stream_count_in_the_tail():
    pieces = [("stdout" if n % 2 else "stderr", b"x" * 18) for n in range(20)]
    limiter = in_tail(pieces)
    # The last takes 18, each before it 32 more: the fifth has no room at all.
    assert limiter.finish(18 + 3 * (SWITCH + 18) + 12) == pieces[-4:]
    assert limiter.omitted.size == 16 * 18
    assert limiter.omitted.streams == {"stdout", "stderr"}
    # No more is taken of a piece than what the change leaves.
    *_, (first, cut) = reversed(in_tail(pieces).finish(18 + SWITCH + 10))
    assert (first, len(cut)) == (pieces[-2][0], 10)


def test_the_tail_has_all_lines_that_fit():
    lines = [b"line %04d\n" % n for n in range(1_000)]
    limiter = in_tail([("stdout", b"".join(lines))])
    assert limiter.finish(115) == [("stdout", b"".join(lines[-10:]))]
    assert limiter.omitted.lines == 990


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"a" * 300 + b"\n", 99),  # The only line is cut, whose end takes two.
        (b"a" * 80_000 + b"\n" + b"b" * 30_000, 100_001),  # The next line is too far away.
        (b"a" * 80_000 + b"\n" + b"b" * 60_000, 60_000),
    ],
)
def test_the_tail_begins_with_a_line_if_one_is_near(data, shown):
    room = 100_002 if len(data) > 1_000 else 100
    [(_, tail)] = in_tail([("stdout", data)]).finish(room)
    assert len(tail) == shown
