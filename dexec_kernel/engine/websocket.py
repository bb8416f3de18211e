"""A container's own streams over a WebSocket: the output of its main process, and its stdin.

Source: Docker Engine API, "Attach to a container via a websocket"; RFC 6455. Docker sends the
output in binary frames without framing of its own, so stdout and stderr are one stream, with a Tty
and without.
"""

from __future__ import annotations

import asyncio

from websocket import ABNF

from dexec_kernel.backend.models import Frame, Stream
from dexec_kernel.engine.answers import NOT_FOUND, error_of
from dexec_kernel.engine.http.answer import FIRST_ERROR_STATUS, Answer, message_of
from dexec_kernel.engine.http.stream import ByteStream, Closing
from dexec_kernel.engine.http.websocket import WebSocketDecoder, frame, open_websocket
from dexec_kernel.errors import (
    EngineApiError,
    EngineUnavailable,
    ProtocolError,
    StreamCutOff,
)


class WebSocketConnection(Closing):
    """A WebSocket to the engine. It has one reader; writes may come from another task.

    Closing it sends nothing to the process: it goes on, and its stdin stays open unless the
    container was created to have it closed then (``StdinOnce``).
    """

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._decoder = WebSocketDecoder()
        self._sending = asyncio.Lock()
        self._ended = False
        self._closed = False

    async def open(self, target: str, *, host: str, container: str) -> None:
        """Ask for the WebSocket, and read the answer's head.

        Raises the engine's error answer, :class:`EngineApiError` for an engine without it,
        :class:`ProtocolError`, or :class:`EngineUnavailable`.
        """
        answer = await open_websocket(self._stream, target, host=host)
        if isinstance(answer, Answer):
            raise self._refused(answer, container)
        self._decoder.receive_data(answer.rest)

    async def read(self) -> list[Frame]:
        """Return the next output of the process, at least one frame; an empty list at the end.

        All of it is stdout. Raises :class:`StreamCutOff` if the connection ends inside a frame,
        :class:`ProtocolError` if it is not a WebSocket, :class:`EngineUnavailable` if it is lost.
        """
        while not self._ended:
            found = self._decoder.next_frame()
            if found is None:
                await self._receive()
                continue
            opcode, data, _ = found
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
            await self._stream.write(frame(data, opcode))

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

    def _refused(self, answer: Answer, container: str) -> Exception:
        """Return what an answer means that opens no WebSocket."""
        status, message = answer.status, message_of(answer.body)
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
