from __future__ import annotations

import itertools
import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexec_kernel.backend.models import Frame, Stream
from dexec_kernel.engine.frames import MAX_FAULT_SIZE, FrameDecoder, RawDecoder
from dexec_kernel.errors import ProtocolError, StreamCutOff, StreamFault
from tests.unit.support.wire import err, fault, frame, out

SAMPLES = {
    "one": out(b"hello\n"),
    "both streams": out(b"a") + err(b"bc") + out(b"def"),
    "stdin echoed": frame(Stream.STDIN, b"typed") + out(b"x"),
    "empty frames": out(b"") + err(b"") + out(b"x") + out(b""),
    "header bytes in the payload": out(out(b"inner")) + err(b"\x01\0\0\0\0\0\0\x05"),
    "padding that is not zero": b"\x01abc" + struct.pack(">I", 2) + b"hi",
    "the engine's largest": out(b"z" * 300) + err(b"\xff\0" * 50),
}
WHOLE = {
    "one": [(Stream.STDOUT, b"hello\n")],
    "both streams": [(Stream.STDOUT, b"a"), (Stream.STDERR, b"bc"), (Stream.STDOUT, b"def")],
    "stdin echoed": [(Stream.STDIN, b"typed"), (Stream.STDOUT, b"x")],
    "empty frames": [(Stream.STDOUT, b"x")],
    "header bytes in the payload": [
        (Stream.STDOUT, out(b"inner")),
        (Stream.STDERR, b"\x01\0\0\0\0\0\0\x05"),
    ],
    "padding that is not zero": [(Stream.STDOUT, b"hi")],
    "the engine's largest": [(Stream.STDOUT, b"z" * 300), (Stream.STDERR, b"\xff\0" * 50)],
}
samples = pytest.mark.parametrize("name", SAMPLES)


def joined(frames: list[Frame]) -> list[tuple[Stream, bytes]]:
    """Put the pieces of one stream that follow each other together."""
    groups = itertools.groupby((f for f in frames if f.data), key=lambda f: f.stream)
    return [(stream, b"".join(f.data for f in group)) for stream, group in groups]


def decode(*pieces: bytes) -> list[Frame]:
    decoder = FrameDecoder()
    frames = [item for piece in pieces for item in decoder.receive_data(piece)]
    decoder.receive_eof()
    return frames


@samples
def test_whole(name):
    assert [(f.stream, f.data) for f in decode(SAMPLES[name]) if f.data] == WHOLE[name]


@samples
def test_byte_by_byte(name):
    assert joined(decode(*(bytes([byte]) for byte in SAMPLES[name]))) == WHOLE[name]


@samples
def test_cut_at_every_position(name):
    data = SAMPLES[name]
    for cut in range(len(data) + 1):
        assert joined(decode(data[:cut], data[cut:])) == WHOLE[name]


@samples
def test_cut_off_inside_a_frame_is_an_error(name):
    data = SAMPLES[name]
    decoder, boundaries = FrameDecoder(), {0}
    position = 0
    while position < len(data):
        position += 8 + int.from_bytes(data[position + 4 : position + 8])
        boundaries.add(position)
    for cut in range(len(data) + 1):
        decoder = FrameDecoder()
        decoder.receive_data(data[:cut])
        if cut in boundaries:
            decoder.receive_eof()
        else:
            with pytest.raises(StreamCutOff):
                decoder.receive_eof()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x01\0\0", "after 3 of 8 bytes of a frame's header."),
        (err(b"hello")[:-2], "2 bytes before the end of a stderr frame."),
    ],
)
def test_a_stream_that_is_cut_off_says_where(data, words):
    decoder = FrameDecoder()
    decoder.receive_data(data)
    with pytest.raises(StreamCutOff) as caught:
        decoder.receive_eof()
    assert caught.value.message == f"The engine's stream ended {words}"


def test_first_bytes_of_a_frame_are_not_held_back():
    assert FrameDecoder().receive_data(out(b"hello")[:-2]) == [Frame(Stream.STDOUT, b"hel")]


def test_bytes_of_the_payload_are_the_same_however_often_it_is_cut():
    data = bytes(range(256)) * 500
    wire = out(data)
    pieces = [wire[i : i + 997] for i in range(0, len(wire), 997)]
    assert joined(decode(*pieces)) == [(Stream.STDOUT, data)]


@pytest.mark.parametrize("kind", [4, 5, 72, 255])
def test_unknown_type_is_an_error(kind):
    with pytest.raises(ProtocolError, match=f"unknown type {kind} "):
        FrameDecoder().receive_data(frame(kind, b"x"))


@pytest.mark.parametrize("text", [b"no such container", b"", b"\xff"])
def test_system_error_is_an_error_with_its_text(text):
    with pytest.raises(StreamFault) as caught:
        FrameDecoder().receive_data(fault(text))
    words = text.decode("utf-8", "replace") or "(no text)"
    assert caught.value.message == f"The engine reported an error: {words}"


def test_system_error_in_pieces():
    decoder = FrameDecoder()
    data = fault(b"broken pipe")
    for byte in data[:-1]:
        assert decoder.receive_data(bytes([byte])) == []
    with pytest.raises(StreamFault, match="broken pipe"):
        decoder.receive_data(data[-1:])


@pytest.mark.parametrize(
    ("bad", "error"), [(fault(b"gone"), StreamFault), (frame(9, b""), ProtocolError)]
)
def test_good_frames_before_an_error_come_first(bad, error):
    decoder = FrameDecoder()
    frames = decoder.receive_data(out(b"good") + err(b"fine") + bad + out(b"lost"))
    assert joined(frames) == [(Stream.STDOUT, b"good"), (Stream.STDERR, b"fine")]
    for _ in range(2):
        with pytest.raises(error):
            decoder.receive_data(out(b"more"))
        with pytest.raises(error):
            decoder.receive_eof()


@pytest.mark.parametrize("kind", [Stream.STDOUT, Stream.SYSTEM_ERROR])
def test_header_of_4_gib_allocates_nothing(kind):
    decoder = FrameDecoder()
    tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        decoder.receive_data(struct.pack(">BxxxI", kind, 2**32 - 1))
        for _ in range(64):
            decoder.receive_data(b"x" * 65536)
        assert tracemalloc.get_traced_memory()[1] - before < 4 * MAX_FAULT_SIZE
    finally:
        tracemalloc.stop()
    with pytest.raises(StreamCutOff, match=str(2**32 - 1 - 64 * 65536)):
        decoder.receive_eof()


def test_long_system_error_is_cut():
    with pytest.raises(StreamFault) as caught:
        FrameDecoder().receive_data(fault(b"e" * (3 * MAX_FAULT_SIZE)))
    assert MAX_FAULT_SIZE < len(caught.value.message) < 2 * MAX_FAULT_SIZE


@given(
    st.lists(st.tuples(st.sampled_from([0, 1, 2]), st.binary(max_size=40)), max_size=12),
    st.lists(st.integers(0, 300), max_size=20),
)
def test_any_frames_with_any_cuts_come_back(frames, cuts):
    wire = b"".join(frame(kind, data) for kind, data in frames)
    edges = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
    pieces = [wire[start:end] for start, end in itertools.pairwise(edges)]
    expected = joined([Frame(Stream(kind), data) for kind, data in frames])
    assert joined(decode(*pieces)) == expected


@given(st.lists(st.binary(max_size=64), max_size=8))
def test_garbage_raises_our_errors_alone(pieces):
    decoder = FrameDecoder()
    try:
        for piece in pieces:
            decoder.receive_data(piece)
        decoder.receive_eof()
    except (ProtocolError, StreamFault):
        pass


def test_tty_has_no_frames():
    decoder = RawDecoder()
    assert decoder.receive_data(b"\x01\0\0\0\0\0\0\x05") == [
        Frame(Stream.STDOUT, b"\x01\0\0\0\0\0\0\x05")
    ]
    assert decoder.receive_data(b"") == []
    decoder.receive_eof()
