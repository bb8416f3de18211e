"""SPDY as a client of a streaming server speaks it."""

from __future__ import annotations

import struct
import zlib

import pytest

from devtools.kube.spdy import Data, Reset, SpdyClient, SpdyError


def test_streams_have_odd_numbers_and_headers_that_one_decompressor_reads():
    client, inflate = SpdyClient(), zlib.decompressobj()
    for expected, kind in ((1, "error"), (3, "stdin")):
        number, frame = client.open({"streamtype": kind})
        assert number == expected
        version, frame_type, size = struct.unpack_from(">HHI", frame)
        assert (version, frame_type, size) == (0x8003, 1, len(frame) - 8)
        assert struct.unpack_from(">IIH", frame, 8) == (number, 0, 0)
        block = inflate.decompress(frame[18:])
        name, value = b"streamtype", kind.encode()
        expected_block = struct.pack(">II", 1, len(name)) + name
        assert block == expected_block + struct.pack(">I", len(value)) + value


def test_data_is_cut_into_frames_and_the_last_one_closes():
    client = SpdyClient()
    sent = client.send(3, b"x" * 70_000, fin=True)
    events = list(SpdyClient().receive(sent))
    assert [(e.stream, len(e.data), e.fin) for e in events if isinstance(e, Data)] == [
        (3, 65_536, False),
        (3, 4_464, False),
        (3, 0, True),
    ]


def test_what_the_server_sends_byte_by_byte():
    ping, foreign = (struct.pack(">HHII", 0x8003, 6, 4, number) for number in (2, 1))
    reset = struct.pack(">HHIII", 0x8003, 3, 8, 5, 1)
    reply = struct.pack(">HHBBHI", 0x8003, 2, 1, 0, 4, 7)
    data = struct.pack(">II", 1, 3) + b"abc"
    client, events = SpdyClient(), []
    for byte in ping + foreign + reset + reply + data:
        events += client.receive(bytes([byte]))
    assert events == [ping, Reset(5), Data(7, b"", fin=True), Data(1, b"abc", fin=False)]


def test_another_version_is_refused():
    with pytest.raises(SpdyError):
        list(SpdyClient().receive(struct.pack(">HHI", 0x8002, 6, 0)))
