"""A container's own streams over a WebSocket: the output of its main process, and its stdin.

Source: Docker Engine API, "Attach to a container via a websocket"; RFC 6455. Docker sends the
output in binary frames without framing of its own, so stdout and stderr are one stream, with a Tty
and without. websocket-client parses the frames; the bytes pass through our own transport, so that
unix sockets, TLS and cancelled reads work as everywhere else.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os

import h11
from websocket import ABNF, WebSocketProtocolException, frame_buffer

from dexec_kernel.backend.models import Frame, Stream
from dexec_kernel.engine.answers import NOT_FOUND, error_of
from dexec_kernel.engine.http.answer import FIRST_ERROR_STATUS, message_of
from dexec_kernel.engine.http.exchange import next_event, read_error_body
from dexec_kernel.engine.http.transport import ByteStream, Closing
from dexec_kernel.errors import (
    EngineApiError,
    EngineUnavailable,
    ProtocolError,
    StreamCutOff,
)

_SWITCHING_PROTOCOLS = 101
#: In bytes: engines send frames of 32 KiB at most.
_MAX_FRAME = 4 * 1024 * 1024
#: RFC 6455, 1.3: what a server puts behind the key that it hashes.
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class WebSocketConnection(Closing):
    """A WebSocket to the engine. It has one reader; writes may come from another task.

    Closing it sends nothing to the process: it goes on, and its stdin stays open unless the
    container was created to have it closed then (``StdinOnce``).
    """

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._decoder = _Decoder()
        self._sending = asyncio.Lock()
        self._ended = False
        self._closed = False

    async def open(self, target: str, *, host: str, container: str) -> None:
        """Ask for the WebSocket, and read the answer's head.

        Raises the engine's error answer, :class:`EngineApiError` for an engine without it,
        :class:`ProtocolError`, or :class:`EngineUnavailable`.
        """
        key = base64.b64encode(os.urandom(16)).decode()
        http = h11.Connection(our_role=h11.CLIENT)
        request = h11.Request(
            method="GET",
            target=target,
            headers=[
                ("Host", host),
                ("Connection", "Upgrade"),
                ("Upgrade", "websocket"),
                ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Key", key),
            ],
        )
        events = (request, h11.EndOfMessage())
        await self._stream.write(b"".join(http.send(event) or b"" for event in events))
        answer = await next_event(http, self._stream)
        if isinstance(answer, h11.Response):
            raise await self._refused(http, answer.status_code, container)
        if not isinstance(answer, h11.InformationalResponse) or (
            answer.status_code != _SWITCHING_PROTOCOLS
        ):
            raise ProtocolError("The engine answered the request for a WebSocket with none.")
        digest = hashlib.sha1(f"{key}{_GUID}".encode(), usedforsecurity=False).digest()
        if dict(answer.headers).get(b"sec-websocket-accept") != base64.b64encode(digest):
            raise ProtocolError("What answers the request for a WebSocket does not know them.")
        self._decoder.receive_data(http.trailing_data[0])

    async def read(self) -> list[Frame]:
        """Return the next output of the process, at least one frame; an empty list at the end.

        All of it is stdout. Raises :class:`StreamCutOff` if the connection ends inside a frame,
        :class:`ProtocolError` if it is not a WebSocket, :class:`EngineUnavailable` if it is lost.
        """
        while not self._ended:
            frame = self._decoder.next_frame()
            if frame is None:
                await self._receive()
                continue
            opcode, data = frame
            if opcode == ABNF.OPCODE_CLOSE:
                self._ended = True
            elif opcode == ABNF.OPCODE_PING:
                await self._send(data, ABNF.OPCODE_PONG)
            elif opcode != ABNF.OPCODE_PONG and data:
                return [Frame(Stream.STDOUT, data)]
        return []

    async def write(self, data: bytes) -> None:
        """Send ``data`` to the process's stdin. Raises :class:`EngineUnavailable`."""
        await self._send(data, ABNF.OPCODE_BINARY)

    def close(self) -> None:
        """Close the connection, for a waiting reader too. May be called twice."""
        self._ended = self._closed = True
        self._stream.close()

    async def _send(self, data: bytes, opcode: int) -> None:
        async with self._sending:  # A pong must not end up inside what is written.
            await self._stream.write(ABNF.create_frame(data, opcode).format())

    async def _receive(self) -> None:
        try:
            data = await self._stream.read()
        except EngineUnavailable:
            if self._closed:
                return
            raise
        if data:
            self._decoder.receive_data(data)
            return
        self._ended = True
        if not self._closed and self._decoder.is_inside:
            raise StreamCutOff("The engine's stream ended inside a frame of the WebSocket.")

    async def _refused(self, http: h11.Connection, status: int, container: str) -> Exception:
        """Return what an answer means that opens no WebSocket."""
        body = await read_error_body(http, self._stream)
        message = message_of(body)
        if status == NOT_FOUND and "no such container" not in message.lower():
            return EngineApiError(
                "This engine cannot be attached to over a WebSocket.",
                status=status,
                advice="Docker can, Podman cannot. `%logs -f` shows what the container prints.",
            )
        if status < FIRST_ERROR_STATUS:
            return ProtocolError(
                "Something between here and the engine passes no WebSocket on: it answered"
                f" {status}."
            )
        return error_of(status, message, container=container)


class _NeedData(Exception):
    """The next frame is not complete yet."""


class _Decoder:
    """Bytes in, frames out: websocket-client's buffer, which keeps what it has when a read ends."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._frames = frame_buffer(self._take, skip_utf8_validation=True)

    @property
    def is_inside(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._received or self._frames.recv_buffer or self._frames.header)

    def receive_data(self, data: bytes) -> None:
        """Take the next bytes."""
        self._received += data

    def next_frame(self) -> tuple[int, bytes] | None:
        """Return opcode and payload of the next frame, or None if it is not complete yet.

        Raises :class:`ProtocolError`.
        """
        try:
            frame = self._frames.recv_frame()
        except _NeedData:
            if (length := self._frames.length or 0) > _MAX_FRAME:
                raise ProtocolError(
                    f"The engine's WebSocket has a frame of {length:,} bytes."
                ) from None
            return None
        except WebSocketProtocolException as error:
            raise ProtocolError(f"The engine's WebSocket makes no sense: {error}") from error
        # websocket-client receives bytes; only the data that it sends may be text.
        return frame.opcode, frame.data if isinstance(frame.data, bytes) else frame.data.encode()

    def _take(self, size: int) -> bytes:
        if not self._received:
            raise _NeedData
        data = bytes(self._received[:size])
        del self._received[:size]
        return data
