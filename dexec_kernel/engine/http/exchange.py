"""One HTTP request on a connection of its own, with bodies that stream either way.

It is for bodies that do not fit into memory, archives; :mod:`api` does short JSON calls. h11 frames
the bodies; only one piece of them is in memory at a time, and closing the connection ends the
transfer at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol, Self

import h11

from dexec_kernel.engine.http.address import Address
from dexec_kernel.engine.http.answer import message_of, no_answer
from dexec_kernel.engine.http.stream import ByteStream, Closing
from dexec_kernel.engine.http.transport import open_stream
from dexec_kernel.errors import EngineUnavailable, ProtocolError, StreamCutOff

#: In seconds: to connect; and for the head of an answer, once the request is sent.
CONNECT_TIMEOUT, ANSWER_TIMEOUT = 5.0, 60.0

#: In bytes: more than this of an error page is neither kept nor shown.
MAX_ERROR_BODY = 64 * 1024


class Source(Protocol):
    """The bytes of an answer."""

    async def read(self) -> bytes:
        """Return the next bytes; nothing at the end. Raises :class:`EngineUnavailable`."""
        ...


async def read_error_body(http: h11.Connection, stream: Source) -> bytes:
    """Return the beginning of an error answer's body; what breaks it off is no error of its own."""
    body = bytearray()
    with suppress(ProtocolError, EngineUnavailable):  # The status says enough.
        while len(body) < MAX_ERROR_BODY and isinstance(
            event := await next_event(http, stream), h11.Data
        ):
            body += event.data
    return bytes(body[:MAX_ERROR_BODY])


async def next_event(
    http: h11.Connection, stream: Source
) -> h11.Event | type[h11.PAUSED | h11.NEED_DATA]:
    """Return the next event of the engine's answer.

    Raises :class:`EngineUnavailable` if the connection ends before the answer,
    :class:`StreamCutOff` if it ends inside, :class:`ProtocolError` if it is not HTTP.
    """
    data: bytes | None = None
    state = http.their_state
    try:
        while (event := http.next_event()) is h11.NEED_DATA:
            data = await stream.read()
            http.receive_data(data)
    except h11.RemoteProtocolError as error:
        if data == b"" and state is h11.SEND_RESPONSE:
            raise EngineUnavailable(
                "The engine closed the connection without an answer."
            ) from error
        if data == b"":
            raise StreamCutOff("The engine's answer ended too early.") from error
        raise ProtocolError(f"The engine's answer is not HTTP: {error}.") from error
    return event


class Exchange(Closing):
    """A request and its answer. Open it with :meth:`open`, close it, or use it as a context."""

    def __init__(
        self,
        endpoint: Address,
        stream: ByteStream,
        *,
        method: str,
        target: str,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._endpoint = endpoint
        self._more = headers
        self._stream = stream
        self._what = f"{method} {target.partition('?')[0]}"
        self._http = h11.Connection(our_role=h11.CLIENT)
        self._request = (method, target)
        self.status = 0
        self.headers: Mapping[str, str] = {}

    @classmethod
    async def open(
        cls,
        endpoint: Address,
        method: str,
        target: str,
        *,
        headers: Callable[[], Sequence[tuple[str, str]]] = tuple,
    ) -> Self:
        """Connect. Nothing is sent yet. Raises as :func:`transport.open_stream` does."""
        stream = await open_stream(endpoint, timeout=CONNECT_TIMEOUT)
        return cls(endpoint, stream, method=method, target=target, headers=headers())

    async def send(
        self, content: AsyncIterator[bytes] | None = None, *, answer_timeout: float | None = None
    ) -> None:
        """Send the request, with ``content`` as a chunked tar, and read the answer's head.

        An engine that answers early has refused the request: the rest of ``content`` is not read.
        Errors of ``content`` are passed on and leave the request unfinished, so that the engine
        notices the missing part. The head may take ``answer_timeout`` seconds, once all is sent.
        Raises :class:`EngineUnavailable`, :class:`ProtocolError`.
        """
        method, target = self._request
        patience = ANSWER_TIMEOUT if answer_timeout is None else answer_timeout
        headers = [("Host", self._endpoint.http_host), ("Connection", "close"), *self._more]
        if content is not None:
            headers += [("Content-Type", "application/x-tar"), ("Transfer-Encoding", "chunked")]
        await self._write(h11.Request(method=method, target=target, headers=headers))
        if content is None:
            await self._write(h11.EndOfMessage())
            await self._read_head(timeout=patience)
            return
        answer = asyncio.ensure_future(self._read_head(timeout=None))
        sending = asyncio.ensure_future(self._send_content(content))
        try:
            await asyncio.wait({answer, sending}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done() and not isinstance(sending.exception(), EngineUnavailable):
                sending.result()
            # A connection that broke while we sent may yet have the reason to read.
            try:
                async with asyncio.timeout(patience):
                    await answer
            except TimeoutError as error:
                raise no_answer(self._endpoint, patience, self._what) from error
        finally:
            for task in (answer, sending):
                task.cancel()
            await asyncio.gather(answer, sending, return_exceptions=True)

    async def body(self) -> AsyncIterator[bytes]:
        """Iterate over the answer's body as it comes.

        Raises :class:`StreamCutOff` when it ends too early, :class:`EngineUnavailable`.
        """
        while isinstance(event := await next_event(self._http, self._stream), h11.Data):
            yield bytes(event.data)

    async def error_message(self) -> str:
        """Return the message in the body of an error answer, "" if it has none."""
        body = await read_error_body(self._http, self._stream)
        return message_of(body)

    def close(self) -> None:
        """Close the connection. May be called twice."""
        self._stream.close()

    async def _send_content(self, content: AsyncIterator[bytes]) -> None:
        async for data in content:
            await self._write(h11.Data(data=data))
        await self._write(h11.EndOfMessage())

    async def _write(self, event: h11.Event) -> None:
        if data := self._http.send(event):
            await self._stream.write(data)

    async def _read_head(self, *, timeout: float | None) -> None:  # noqa: ASYNC109 -- none while we send
        try:
            async with asyncio.timeout(timeout):
                event = await next_event(self._http, self._stream)
                while isinstance(event, h11.InformationalResponse):
                    event = await next_event(self._http, self._stream)
        except TimeoutError as error:
            raise no_answer(self._endpoint, timeout or 0, self._what) from error
        if not isinstance(event, h11.Response):
            raise ProtocolError("The engine closed the connection instead of answering.")
        self.status = event.status_code
        self.headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
