from __future__ import annotations

import asyncio

import pytest

from dexec_kernel.backend.models import Stream
from dexec_kernel.engine.connection import HijackedConnection
from dexec_kernel.errors import (
    ContainerNotRunning,
    ContainerPaused,
    EngineApiError,
    EngineUnavailable,
    ExecNotFound,
    ProtocolError,
    StreamCutOff,
    StreamFault,
)
from tests.unit.support.memory_stream import MemoryStream
from tests.unit.support.wire import CHUNKED, PLAIN, SWITCHED, chunk, err, fault, out

STREAM = out(b"one\n") + err(b"two\n") + out(b"three\n")
EXPECTED = {Stream.STDOUT: b"one\nthree\n", Stream.STDERR: b"two\n"}
ID = "abc123"


async def started(*pieces: bytes, tty: bool = False, lost: bool = False) -> HijackedConnection:
    connection = HijackedConnection(MemoryStream(pieces, lost=lost), tty=tty)
    await connection.start("/v1.41/exec/abc123/start", b"{}", host="docker", exec_id=ID)
    return connection


async def read_all(connection: HijackedConnection) -> dict[Stream, bytes]:
    found: dict[Stream, bytes] = {}
    async for item in connection:
        found[item.stream] = found.get(item.stream, b"") + item.data
    assert await connection.read() == []
    return found


def error_answer(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d Error\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body


@pytest.mark.parametrize(("head", "upgraded"), [(SWITCHED, True), (PLAIN, False)])
async def test_stream_follows_the_head(head, upgraded):
    connection = await started(head, STREAM)
    assert connection.upgraded is upgraded
    assert await read_all(connection) == EXPECTED


@pytest.mark.parametrize("head", [SWITCHED, PLAIN])
async def test_bytes_that_came_with_the_head_are_kept(head):
    assert await read_all(await started(head + STREAM)) == EXPECTED


@pytest.mark.parametrize("head", [SWITCHED, PLAIN])
async def test_everything_byte_by_byte(head):
    data = head + STREAM
    assert await read_all(await started(*(bytes([byte]) for byte in data))) == EXPECTED


@pytest.mark.parametrize("head", [SWITCHED, PLAIN])
async def test_cut_at_every_position(head):
    data = head + STREAM
    for cut in range(1, len(data)):
        assert await read_all(await started(data[:cut], data[cut:])) == EXPECTED


async def test_chunks_of_a_proxy_are_taken_off():
    pieces = [STREAM[i : i + 5] for i in range(0, len(STREAM), 5)]
    wire = CHUNKED + b"".join(map(chunk, pieces)) + b"0\r\n\r\n"
    assert await read_all(await started(wire)) == EXPECTED
    assert await read_all(await started(*(bytes([byte]) for byte in wire))) == EXPECTED


@pytest.mark.parametrize("end", [b"", b"20\r\nabc"])
async def test_chunks_that_are_cut_off_are_an_error(end):
    connection = await started(CHUNKED + chunk(STREAM) + end)
    with pytest.raises(StreamCutOff):
        await read_all(connection)


async def test_informational_answer_is_an_error():
    with pytest.raises(ProtocolError, match="100"):
        await started(b"HTTP/1.1 100 Continue\r\n\r\n" + SWITCHED)


@pytest.mark.parametrize(
    ("status", "body", "kind", "text"),
    [
        (404, b'{"message":"No such exec instance: abc123"}', ExecNotFound, "abc123"),
        (404, b"404 page not found", ExecNotFound, "abc123"),
        (409, b'{"message":"Container 0f is paused, unpause first"}', ContainerPaused, "paused"),
        (409, b'{"message":"Container 0f is not running: exited"}', ContainerNotRunning, "running"),
        (500, b'{"message":"cannot exec"}', EngineApiError, "500: cannot exec"),
        (500, b"plain words", EngineApiError, "500: plain words"),
        (500, b'{"cause":"c"}', EngineApiError, "500: c"),
        (403, b"<html>forbidden</html>", EngineApiError, "403"),
    ],
)
async def test_error_status_becomes_its_error(status, body, kind, text):
    with pytest.raises(kind, match=text) as caught:
        await started(error_answer(status, body))
    assert type(caught.value) is kind
    assert caught.value.status == status


async def test_error_status_counts_even_when_its_body_is_cut_off():
    answer = error_answer(500, b'{"message":"no space left"}')
    with pytest.raises(EngineApiError, match="500"):
        await started(answer[:-5])


async def test_long_error_body_is_not_read_to_its_end():
    answer = error_answer(500, b"x" * 10_000_000)
    with pytest.raises(EngineApiError) as caught:
        await started(answer[:200], *(answer[i : i + 65536] for i in range(200, 10**7, 65536)))
    assert len(caught.value.message) < 200_000


@pytest.mark.parametrize("garbage", [b"SSH-2.0-OpenSSH_9\r\n\r\n", b"\0" * 64 + b"\r\n\r\n"])
async def test_head_that_is_not_http_is_an_error(garbage):
    with pytest.raises(ProtocolError, match="not HTTP"):
        await started(garbage)


async def test_head_without_end_is_an_error():
    pieces = [b"HTTP/1.1 101 X\r\n", *(b"A: %s\r\n" % (b"a" * 1000) for _ in range(200))]
    with pytest.raises(ProtocolError, match="not HTTP"):
        await started(*pieces)


@pytest.mark.parametrize("length", range(0, len(SWITCHED), 20))
async def test_end_before_the_head_is_complete(length):
    with pytest.raises(EngineUnavailable, match="without an answer"):
        await started(SWITCHED[:length])


async def test_end_inside_a_frame_is_an_error():
    connection = await started(SWITCHED, STREAM[:-3])
    with pytest.raises(StreamCutOff, match="3 bytes before the end of a stdout frame"):
        await read_all(connection)


async def test_lost_connection_is_an_error():
    connection = await started(SWITCHED, STREAM, lost=True)
    with pytest.raises(EngineUnavailable):
        await read_all(connection)


async def test_error_behind_good_frames_does_not_wait_for_more_bytes():
    connection = HijackedConnection(_Stalling([SWITCHED + out(b"good") + fault(b"bad")]), tty=False)
    await connection.start("/x", b"{}", host="docker", exec_id=ID)
    assert [item.data for item in await connection.read()] == [b"good"]
    with pytest.raises(StreamFault, match="bad"):
        await asyncio.wait_for(connection.read(), 1)


async def test_tty_is_raw():
    connection = await started(SWITCHED + b"$ \x01\0", tty=True)
    assert await read_all(connection) == {Stream.STDOUT: b"$ \x01\0"}


async def test_request_is_what_the_engine_expects():
    stream = MemoryStream([SWITCHED])
    connection = HijackedConnection(stream, tty=False)
    await connection.start("/v1.41/exec/x/start", b'{"Tty":false}', host="docker", exec_id=ID)
    head, _, body = stream.sent.partition(b"\r\n\r\n")
    first, *headers = head.lower().split(b"\r\n")
    assert first == b"post /v1.41/exec/x/start http/1.1"
    assert set(headers) >= {
        b"host: docker",
        b"connection: upgrade",
        b"upgrade: tcp",
        b"content-type: application/json",
        b"content-length: 13",
    }
    assert body == b'{"Tty":false}'


@pytest.mark.parametrize(("tty", "sent", "ended"), [(False, b"", True), (True, b"\x04", False)])
async def test_close_write_is_control_d_on_a_tty(tty, sent, ended):
    stream = MemoryStream([SWITCHED])
    connection = HijackedConnection(stream, tty=tty)
    await connection.start("/x", b"{}", host="docker", exec_id=ID)
    before = len(stream.sent)
    await connection.write(b"in")
    await connection.close_write()
    assert stream.sent[before:] == b"in" + sent
    assert stream.ended is ended


async def test_context_manager_closes():
    stream = MemoryStream([SWITCHED, STREAM])
    async with HijackedConnection(stream, tty=False) as connection:
        await connection.start("/x", b"{}", host="docker", exec_id=ID)
    assert stream.closed == 1
    assert await connection.read() == []


class _Stalling(MemoryStream):
    """Never ends."""

    async def read(self) -> bytes:
        return await super().read() or await asyncio.get_running_loop().create_future()
