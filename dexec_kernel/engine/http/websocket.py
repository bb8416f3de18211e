"""A WebSocket's opening and its frames, over our own transport (RFC 6455).

websocket-client parses the frames; the bytes pass through :mod:`transport`, so that unix sockets,
TLS and cancelled reads work as everywhere else.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import h11
from websocket import ABNF, WebSocketProtocolException, frame_buffer

from dexec_kernel.engine.http.answer import Answer
from dexec_kernel.engine.http.exchange import next_event, read_error_body
from dexec_kernel.engine.http.stream import ByteStream
from dexec_kernel.errors import ProtocolError

_SWITCHING_PROTOCOLS = 101
#: In bytes: engines send frames of 32 KiB at most.
_MAX_FRAME = 4 * 1024 * 1024
#: RFC 6455, 1.3: what a server puts behind the key that it hashes.
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass(frozen=True, slots=True)
class Opened:
    """A WebSocket was opened: the answer's headers by their lower-case names, and what followed."""

    headers: Mapping[str, str]
    rest: bytes


async def open_websocket(
    stream: ByteStream, target: str, *, host: str, headers: Sequence[tuple[str, str]] = ()
) -> Opened | Answer:
    """Ask for a WebSocket. An answer that opens none is returned as it is.

    Raises :class:`ProtocolError`, or :class:`EngineUnavailable`.
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
            *headers,
        ],
    )
    events = (request, h11.EndOfMessage())
    await stream.write(b"".join(http.send(event) or b"" for event in events))
    answer = await next_event(http, stream)
    if isinstance(answer, h11.Response):
        body = await read_error_body(http, stream)
        return Answer(answer.status_code, _headers(answer), body)
    if not isinstance(answer, h11.InformationalResponse) or (
        answer.status_code != _SWITCHING_PROTOCOLS
    ):
        raise ProtocolError("The engine answered the request for a WebSocket with none.")
    found = _headers(answer)
    digest = hashlib.sha1(f"{key}{_GUID}".encode(), usedforsecurity=False).digest()
    if found.get("sec-websocket-accept") != base64.b64encode(digest).decode():
        raise ProtocolError("The program at the engine's address knows no WebSockets.")
    return Opened(found, http.trailing_data[0])


def _headers(answer: h11.Response | h11.InformationalResponse) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in answer.headers}


def frame(data: bytes, opcode: int = ABNF.OPCODE_BINARY) -> bytes:
    """Return a frame as a client sends it."""
    return ABNF.create_frame(data, opcode).format()


class _NeedData(Exception):
    """The next frame is not complete yet."""


class WebSocketDecoder:
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

    def next_frame(self) -> tuple[int, bytes, bool] | None:
        """Return the next frame, or None if it is not complete yet.

        It is the opcode, the payload, and whether the frame is the last of its message.

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
            raise ProtocolError(
                f"The engine's WebSocket has data that cannot be read: {error}"
            ) from error
        # websocket-client receives bytes; only the data that it sends may be text.
        data = frame.data if isinstance(frame.data, bytes) else frame.data.encode()
        return frame.opcode, data, bool(frame.fin)

    def _take(self, size: int) -> bytes:
        if not self._received:
            raise _NeedData
        with memoryview(self._received) as view:  # A slice would be copied twice.
            data = bytes(view[:size])
        del self._received[:size]
        return data
