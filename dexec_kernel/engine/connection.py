"""The attached (hijacked) connection of an exec: frames out, stdin in.

Source: Docker Engine API, "Start an exec instance": a POST whose connection turns into a raw
stream after the answer's head: 101 if ``Upgrade`` reached the engine, 200 if a proxy dropped it.
Further bytes from the read that has the head belong to the stream and are kept.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import h11

from dexec_kernel.backend.models import Frame
from dexec_kernel.engine.answers import error_of
from dexec_kernel.engine.frames import Decoder, FrameDecoder, RawDecoder
from dexec_kernel.engine.http.answer import message_of
from dexec_kernel.engine.http.exchange import next_event, read_error_body
from dexec_kernel.engine.http.quick import Unread, head_of, request_bytes
from dexec_kernel.engine.http.stream import ByteStream, Closing
from dexec_kernel.errors import EngineUnavailable, ProtocolError, StreamCutOff

_SWITCHING_PROTOCOLS, _OK = 101, 200
_END_OF_TRANSMISSION = b"\x04"


class HijackedConnection(Closing):
    """An exec's streams. It has one reader; writes may come from another task.

    ``upgraded`` is False if a proxy dropped the upgrade: output and exit code still arrive, stdin
    does not.

    Closing it does not end the process: the engine has no call for that. A process that reads
    its stdin sees end of file, one that writes gets EPIPE.
    """

    def __init__(self, stream: ByteStream, *, tty: bool) -> None:
        self._stream = stream
        self._tty = tty
        self._decoder: Decoder = RawDecoder() if tty else FrameDecoder()
        self._http = h11.Connection(our_role=h11.CLIENT)
        self._pending = b""
        self._ended = False
        self._closed = False
        self.upgraded = False

    async def start(
        self, target: str, body: bytes, *, host: str, exec_id: str = "", container: str = ""
    ) -> None:
        """Send the start request and read the answer's head.

        The subject is an exec, or a container that is attached to.

        Raises the engine's error answer, :class:`ProtocolError`, or :class:`EngineUnavailable`.
        """
        headers = [
            ("Host", host),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Connection", "Upgrade"),
            ("Upgrade", "tcp"),
        ]
        # In one write, and nothing after it: what follows before the answer is lost.
        await self._stream.write(request_bytes("POST", target, headers, body))
        data = await self._stream.read()
        head = head_of(data)
        if head is not None and head.status == _SWITCHING_PROTOCOLS:
            self._pending = data[head.size :]
            self.upgraded = True
            return
        request = h11.Request(method="POST", target=target, headers=headers)
        for event in (request, h11.Data(data=body), h11.EndOfMessage()):
            self._http.send(event)
        source = Unread(self._stream, data)
        answer = await next_event(self._http, source)
        if isinstance(answer, h11.InformationalResponse):
            if answer.status_code != _SWITCHING_PROTOCOLS:
                raise ProtocolError(
                    f"The engine answered {answer.status_code} to the start of a command."
                )
            self._pending, _ = self._http.trailing_data
            self.upgraded = True
        elif not isinstance(answer, h11.Response):
            raise ProtocolError("The engine closed the connection instead of answering.")
        elif answer.status_code != _OK:
            message = message_of(await read_error_body(self._http, source))
            raise error_of(answer.status_code, message, exec_id=exec_id, container=container)

    async def get(self, target: str, *, host: str, container: str) -> None:
        """Send a GET instead, whose answer's body is the stream: a container's log.

        Raises as :meth:`start` does.
        """
        request = h11.Request(method="GET", target=target, headers=[("Host", host)])
        events = (request, h11.EndOfMessage())
        await self._stream.write(b"".join(self._http.send(event) or b"" for event in events))
        answer = await next_event(self._http, self._stream)
        if not isinstance(answer, h11.Response):
            raise ProtocolError("The engine did not answer the GET with a response.")
        if answer.status_code != _OK:
            message = message_of(await read_error_body(self._http, self._stream))
            raise error_of(answer.status_code, message, container=container)

    async def read(self) -> list[Frame]:
        """Return the next frames, or pieces of frames, at least one; an empty list at the end.

        Raises :class:`StreamCutOff` when the stream ends inside a frame, :class:`ProtocolError`
        for an unknown type of frame, :class:`StreamFault` for an error that the engine reports in
        the stream, :class:`EngineUnavailable` when the connection is lost.
        """
        # An error after the last returned frames is due now; more bytes may never arrive.
        self._decoder.receive_data(b"")
        while not self._ended:
            try:
                data = await self._read_bytes()
            except (EngineUnavailable, StreamCutOff):
                if self._closed:
                    break
                raise
            if self._closed:
                break
            if not data:
                self._ended = True
                self._decoder.receive_eof()
            elif frames := self._decoder.receive_data(data):
                return frames
        return []

    async def __aiter__(self) -> AsyncIterator[Frame]:
        """Iterate over the frames until the end of the stream. Raises as :meth:`read` does."""
        while frames := await self.read():
            for frame in frames:
                yield frame

    async def write(self, data: bytes) -> None:
        """Send ``data`` to the process's stdin; waits while the process does not read it.

        Raises :class:`EngineUnavailable` when the connection is lost.
        """
        await self._stream.write(data)

    async def close_write(self) -> None:
        """Give the process end of file on its stdin; its output goes on.

        With a Tty that is Ctrl-D, since a half close would end the stream: it works where the
        program reads lines, at the beginning of one.
        """
        if self._tty:
            await self._stream.write(_END_OF_TRANSMISSION)
        else:
            await self._stream.write_eof()

    def close(self) -> None:
        """Close the connection, for a waiting reader too. The process is not ended by it.

        May be called twice.
        """
        self._ended = self._closed = True
        self._stream.close()

    async def _read_bytes(self) -> bytes:
        """Return the stream's next bytes, without the HTTP around them where there is any."""
        if self._pending:
            data, self._pending = self._pending, b""
            return data
        if self.upgraded:
            return await self._stream.read()
        event = await next_event(self._http, self._stream)
        return bytes(event.data) if isinstance(event, h11.Data) else b""
