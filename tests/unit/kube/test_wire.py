"""The streams of an exec in a pod, byte by byte."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexec_kernel.backend.models import ConsoleSize, Frame, Stream
from dexec_kernel.errors import ProtocolError
from dexec_kernel.kube import wire
from dexec_kernel.kube.wire import (
    Closed,
    Exited,
    Incoming,
    Ping,
    Refused,
    Version,
    ending_of,
    version_of,
)
from tests.unit.support.websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, ws

SUCCESS = b'{"metadata":{},"status":"Success"}'


def sent(data: bytes) -> list[tuple[int, bytes]]:
    """Opcodes and payloads of frames as a client sends them, whose masks are taken off."""
    found = []
    while data:
        length, at = data[1] & 0x7F, 2
        assert data[1] & 0x80, "a client masks"
        if length == 126:
            length, at = struct.unpack("!H", data[2:4])[0], 4
        elif length == 127:
            length, at = struct.unpack("!Q", data[2:10])[0], 10
        mask, body = data[at : at + 4], data[at + 4 : at + 4 + length]
        found.append((data[0] & 0xF, bytes(b ^ mask[i % 4] for i, b in enumerate(body))))
        data = data[at + 4 + length :]
    return found


def failure(**content: object) -> bytes:
    return json.dumps({"metadata": {}, "status": "Failure", **content}).encode()


def exit_status(code: str) -> bytes:
    cause = {"reason": "ExitCode", "message": code}
    return failure(
        reason="NonZeroExitCode", message="sh -c SECRET: exit", details={"causes": [cause]}
    )


def feed(*pieces: bytes) -> list[object]:
    incoming = Incoming()
    return [event for piece in pieces for event in incoming.receive_data(piece)]


WHOLE = b"".join(
    [
        ws(b"\1"),
        ws(b"\1out"),
        ws(b"\2err"),
        ws(b"", PING),
        ws(b"\1", fin=False),
        ws(b"in ", CONTINUATION, fin=False),
        ws(b"?", PING),
        ws(b"pieces", CONTINUATION),
        ws(b"\1text", TEXT),
        ws(b"x", PONG),
        ws(b"\x07unknown"),
        ws(b""),
        ws(b"\3" + SUCCESS),
        ws(b"\x03\xe8", CLOSE),
    ]
)
EVENTS = [
    Frame(Stream.STDOUT, b"out"),
    Frame(Stream.STDERR, b"err"),
    Ping,
    Frame(Stream.STDOUT, b"in "),
    Ping,
    Frame(Stream.STDOUT, b"pieces"),
    Frame(Stream.STDOUT, b"text"),
    Exited(0),
    Closed(),
]


def without_replies(events: list[object]) -> list[object]:
    return [Ping if isinstance(event, Ping) else event for event in events]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_are_the_same_however_the_bytes_arrive(size):
    pieces = [WHOLE[i : i + size] for i in range(0, len(WHOLE), size)]
    assert without_replies(feed(*pieces)) == EVENTS


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_what_is_cut_off_is_the_beginning_and_says_whether_it_is_inside(length):
    incoming = Incoming()
    events = without_replies(list(incoming.receive_data(WHOLE[:length])))
    assert events == EVENTS[: len(events)]
    rest = without_replies(list(incoming.receive_data(WHOLE[length:])))
    assert events + rest == EVENTS
    assert not incoming.is_inside


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(min_size=1, max_size=300))), st.data())
def test_output_is_whole_on_its_stream(messages, data):
    stream = b"".join(ws(bytes([channel]) + body) for channel, body in messages)
    incoming, events = Incoming(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        events += list(incoming.receive_data(stream[:size]))
        stream = stream[size:]
    assert events == [Frame(Stream(channel), body) for channel, body in messages]


@given(st.binary(max_size=400))
def test_any_bytes_are_events_or_a_protocol_error(data):
    try:
        feed(data)
    except ProtocolError:
        return


def test_a_ping_is_answered_with_its_own_bytes():
    [ping] = feed(ws(b"abc", PING))
    assert isinstance(ping, Ping)
    assert sent(ping.reply) == [(PONG, b"abc")]


@pytest.mark.parametrize("code", ["1", "3", "126", "137", "255"])
def test_an_exit_code_is_a_number(code):
    assert ending_of(exit_status(code)) == Exited(int(code))


def test_success_is_exit_0():
    assert ending_of(SUCCESS) == Exited(0)


@pytest.mark.parametrize(
    ("text", "is_start"),
    [
        ('OCI runtime exec failed: exec: "x": executable file not found in $PATH', True),
        ("error executing command: args must not be empty", True),
        ('unable to upgrade connection: container not found ("main")', False),
        ("error reading from error stream", False),
        ("OCI runtime exec failed: exec failed: cannot exec in a stopped container", False),
        ("OCI runtime exec failed: cannot exec a container that has stopped", False),
    ],
)
def test_a_failure_without_an_exit_code_says_why(text, is_start):
    status = failure(
        reason="InternalError",
        code=500,
        message="internal",
        details={"causes": [{"message": text}]},
    )
    assert ending_of(status) == Refused(text, is_start)


@pytest.mark.parametrize(
    "status",
    [
        b"not json",
        b"[]",
        b"3",
        exit_status("three"),
        exit_status("9" * 30),
        failure(reason="NonZeroExitCode"),
        failure(reason="NonZeroExitCode", details={"causes": ["x"]}),
    ],
)
def test_a_status_that_makes_no_sense_shows_no_command(status):
    with pytest.raises(ProtocolError) as caught:
        ending_of(status)
    assert "SECRET" not in str(caught.value)


def test_a_failure_that_says_nothing_says_so():
    assert ending_of(failure()) == Refused("no reason was given", is_start=False)
    assert ending_of(failure(reason="Timeout", details=[1])) == Refused("Timeout", is_start=False)


def test_a_status_in_pieces_is_one_and_an_endless_one_an_error(monkeypatch):
    middle = len(SUCCESS) // 2
    first = ws(b"\3" + SUCCESS[:middle], fin=False)
    assert feed(first, ws(SUCCESS[middle:], CONTINUATION)) == [Exited(0)]
    monkeypatch.setattr(wire, "MAX_STATUS", 10)
    with pytest.raises(ProtocolError):
        feed(first)


@pytest.mark.parametrize("version", list(Version))
def test_the_server_names_the_protocol(version):
    assert version_of(f" {version.value}") is version
    assert version.value in wire.OFFERED


@pytest.mark.parametrize("answered", [None, "", "channel.k8s.io", "v9.channel.k8s.io"])
def test_no_other_protocol_is_spoken(answered):
    with pytest.raises(ProtocolError):
        version_of(answered)


@given(st.binary(max_size=100_000))
def test_stdin_is_sent_in_messages_of_its_channel(data):
    frames = sent(b"".join(wire.stdin_frames(data)))
    assert all(opcode == BINARY and body[0] == 0 for opcode, body in frames)
    assert all(1 < len(body) <= 32 * 1024 + 1 for _, body in frames)
    assert b"".join(body[1:] for _, body in frames) == data


def test_what_is_sent_besides_stdin():
    assert sent(wire.keep_alive_frame()) == [(BINARY, b"\0")]
    [(_, resize)] = sent(wire.resize_frame(ConsoleSize(rows=40, columns=100)))
    assert resize[0] == 4
    assert json.loads(resize[1:]) == {"Width": 100, "Height": 40}


def test_v5_alone_ends_stdin():
    end = wire.end_of_stdin_frame(Version.V5)
    assert end is not None
    assert sent(end) == [(BINARY, b"\xff\0")]
    assert wire.end_of_stdin_frame(Version.V4) is None
