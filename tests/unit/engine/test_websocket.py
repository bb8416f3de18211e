"""The engine's WebSocket, against an engine that answers as it likes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import struct

import pytest

from dexec_kernel.backend.models import Frame, Stream
from dexec_kernel.engine import calls as calls_module
from dexec_kernel.errors import (
    ContainerNotFound,
    EngineApiError,
    EngineUnavailable,
    ProtocolError,
    StreamCutOff,
)
from tests.unit.support.fake_engine import Handler, answer, hang_up, stall
from tests.unit.support.websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, ws
from tests.unit.support.wire import PLAIN, SWITCHED

ATTACH = "GET /v1.41/containers/web/attach/ws"
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def unmasked(data: bytes) -> tuple[int, bytes]:
    """Opcode and payload of a short frame as a client sends it."""
    assert data[1] & 0x80
    mask = data[2:6]
    return data[0] & 0xF, bytes(b ^ mask[i % 4] for i, b in enumerate(data[6:]))


def switching(*pieces: bytes, after: Handler | None = None) -> Handler:
    """Open the WebSocket, send ``pieces``, each in a write of its own, and hang up."""

    async def handle(request, reader, writer) -> None:
        key = request.headers["sec-websocket-key"]
        digest = base64.b64encode(hashlib.sha1(f"{key}{GUID}".encode()).digest()).decode()
        head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        writer.write(
            f"{head}Sec-WebSocket-Accept: {digest}\r\n\r\n".encode() + b"".join(pieces[:1])
        )
        for piece in pieces[1:]:
            await writer.drain()
            await asyncio.sleep(0.001)
            writer.write(piece)
        await (after or hang_up())(request, reader, writer)

    return handle


async def read(client, **options) -> list[Frame]:
    found = []
    async with await client.container_attach_ws("web", **options) as connection:
        while frames := await connection.read():
            found += frames
        assert await connection.read() == []
    return found


def out(*data: bytes) -> list[Frame]:
    return [Frame(Stream.STDOUT, piece) for piece in data]


async def test_frames_of_every_size_and_kind(engine, client):
    big, huge = b"b" * 126, b"h" * 70_000
    frames = [
        *(ws(b"\xc3"), ws(b"\xa9", TEXT), ws(b""), ws(b"p", PONG), ws(big), ws(huge)),
        *(ws(b"1", fin=False), ws(b"2", CONTINUATION), ws(b"", CLOSE), ws(b"never")),
    ]
    engine.on(ATTACH, switching(b"".join(frames)))
    assert await read(client) == out(b"\xc3", b"\xa9", big, huge, b"1", b"2")
    assert engine.calls[-1].endswith("/ws?stream=1&stdin=0&stdout=1&stderr=1")
    assert engine.requests[-1].headers["sec-websocket-version"] == "13"


async def test_cut_anywhere(engine, client):
    data = ws(b"one") + ws(b"x" * 200) + ws(b"two") + ws(struct.pack("!H", 1000), CLOSE)
    engine.on(ATTACH, switching(*(data[i : i + 1] for i in range(len(data)))))
    assert await read(client) == out(b"one", b"x" * 200, b"two")


async def test_pings_are_answered_and_what_is_written_is_masked(engine, client):
    heard: list[bytes] = []

    async def listen(_request, reader, writer) -> None:
        heard.append(await reader.readexactly(8))
        heard.append(await reader.readexactly(9))
        writer.write(ws(b"bye"))
        await hang_up()(_request, reader, writer)

    engine.on(ATTACH, switching(ws(b"hi", PING), after=listen))
    async with await client.container_attach_ws("web", stdin=True) as connection:
        reading = asyncio.create_task(connection.read())
        async with asyncio.timeout(5):
            while not heard:  # noqa: ASYNC110 -- the fake engine sets no event
                await asyncio.sleep(0.01)
        await connection.write(b"ls\n")
        assert await reading == out(b"bye")
    assert [unmasked(data) for data in heard] == [(PONG, b"hi"), (BINARY, b"ls\n")]
    assert "stdin=1" in engine.calls[-1]


@pytest.mark.parametrize("cut", [1, 2, 3, 4])
async def test_an_end_inside_a_frame(engine, client, cut):
    engine.on(ATTACH, switching(ws(b"whole"), ws(b"abc")[:cut]))
    async with await client.container_attach_ws("web") as connection:
        assert await connection.read() == out(b"whole")
        with pytest.raises(StreamCutOff):
            await connection.read()


@pytest.mark.parametrize("junk", [b"\xf2\x01x", b"\x83\x01x", b"\x88\x01x"])
async def test_what_is_no_frame(engine, client, junk):
    engine.on(ATTACH, switching(junk))
    with pytest.raises(ProtocolError, match="cannot be read"):
        await read(client)


@pytest.mark.parametrize(
    ("reply", "error", "said"),
    [
        (answer(404, {"message": "No such container: web"}), ContainerNotFound, "web"),
        (answer(404, b"Not Found\n"), EngineApiError, "over a WebSocket"),
        (answer(500, {"message": "broken"}), EngineApiError, "broken"),
        (hang_up(), EngineUnavailable, "without an answer"),
        (hang_up(PLAIN), ProtocolError, "passes no WebSocket on: it answered 200"),
        (hang_up(b"HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\n{"), EngineApiError, "{"),
        (SWITCHED, ProtocolError, "knows no WebSockets"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", ProtocolError, "with none"),
        (hang_up(b"junk\r\n\r\n"), ProtocolError, "not HTTP"),
    ],
)
async def test_a_websocket_that_does_not_open(engine, client, reply, error, said):
    engine.on(ATTACH, reply)
    with pytest.raises(error, match=said) as caught:
        await read(client)
    assert type(caught.value) is error


async def test_an_engine_that_does_not_answer(engine, client, monkeypatch):
    await client.api_version()
    monkeypatch.setattr(calls_module, "READ_TIMEOUT", 0.1)
    engine.on(ATTACH, stall)
    with pytest.raises(EngineUnavailable, match=r"within 0\.1 s \(container attach\)"):
        await read(client)


async def test_a_reader_learns_that_it_was_closed(engine, client):
    engine.on(ATTACH, switching(ws(b"a"), after=stall))
    connection = await client.container_attach_ws("web")
    assert await connection.read() == out(b"a")
    reading = asyncio.create_task(connection.read())
    await asyncio.sleep(0.05)
    connection.close()
    connection.close()
    async with asyncio.timeout(1):
        assert await reading == []


async def test_frame_without_end_is_not_gathered(engine, client):
    head = bytes([1 << 7 | BINARY, 127]) + struct.pack("!Q", 2**40)
    engine.on(ATTACH, switching(head, b"x" * 1000))
    async with await client.container_attach_ws("web") as connection:
        with pytest.raises(ProtocolError, match="frame of"):
            await connection.read()
