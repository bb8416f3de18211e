"""The few JSON calls that a cell waits for, on the event loop, over pooled connections.

The calls of :mod:`api` cost a cell a millisecond or two more each: for requests, and for threads,
which the interpreter runs one at a time.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import h11
import orjson

from dexec_kernel.engine.http.address import Address
from dexec_kernel.engine.http.answer import FIRST_ERROR_STATUS, Answer, no_answer
from dexec_kernel.engine.http.exchange import MAX_ERROR_BODY, next_event, read_error_body
from dexec_kernel.engine.http.quick import Unread, request_bytes, whole_answer
from dexec_kernel.engine.http.stream import ByteStream
from dexec_kernel.engine.http.transport import open_stream
from dexec_kernel.errors import EngineUnavailable, ProtocolError, StreamCutOff

#: How many connections wait for the next call at most.
_MAX_IDLE = 4
#: In bytes: no answer that the kernel asks for is as long as this.
MAX_BODY = 16 * 1024 * 1024


class KeptCalls:
    """Calls of one engine, for one event loop. Times are in seconds.

    ``headers`` returns those that each request has besides.
    """

    def __init__(
        self,
        endpoint: Address,
        *,
        connect_timeout: float,
        read_timeout: float,
        headers: Callable[[], Sequence[tuple[str, str]]] = tuple,
    ) -> None:
        self._endpoint = endpoint
        self._headers = headers
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._idle: list[_Connection] = []
        self._busy: set[_Connection] = set()
        self._is_closed = False

    async def request(
        self, method: str, path: str, *, body: object = None, subject: str = ""
    ) -> Answer:
        """Do one call and return its answer. ``subject`` is its subject, in words.

        The call must be safe to repeat: it is repeated if the engine has closed a pooled
        connection. An answer with an error status is an answer. Raises
        :class:`EngineUnavailable` without an answer, :class:`ProtocolError`.
        """
        content = b"" if body is None else _encoded(body)
        await self._endpoint.ready()
        try:
            async with asyncio.timeout(self._read_timeout):
                return await self._exchange(method, path, content)
        except TimeoutError as error:
            what = f"{method} {path}"
            raise no_answer(self._endpoint, self._read_timeout, what, subject=subject) from error

    def drop_idle(self) -> None:
        """Close the connections that wait for a call."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def close(self) -> None:
        """Close the connections; calls that still wait fail."""
        self._is_closed = True
        for connection in (*self._idle, *self._busy):
            connection.close()
        self._idle.clear()

    async def _exchange(self, method: str, path: str, content: bytes) -> Answer:
        while True:
            kept = self._idle.pop() if self._idle else None
            connection = kept or await self._open()
            self._busy.add(connection)
            try:
                answer = await connection.exchange(method, path, content, self._headers())
            except (EngineUnavailable, StreamCutOff):
                connection.close()
                # The engine may have closed a pooled connection. Try the next, then a new one.
                if kept is None or self._is_closed:
                    raise
                continue
            except BaseException:
                connection.close()
                raise
            finally:
                self._busy.discard(connection)
            if connection.may_be_kept and len(self._idle) < _MAX_IDLE and not self._is_closed:
                self._idle.append(connection)
            else:
                connection.close()
            return answer

    async def _open(self) -> _Connection:
        stream = await open_stream(self._endpoint, timeout=self._connect_timeout)
        return _Connection(stream, self._endpoint.http_host)


class _Connection:
    """One connection, for one call at a time."""

    def __init__(self, stream: ByteStream, host: str) -> None:
        self._stream = stream
        self._host = host
        #: Whether another call can follow.
        self.may_be_kept = False

    async def exchange(
        self, method: str, path: str, content: bytes, more: Sequence[tuple[str, str]]
    ) -> Answer:
        """Do a call. Raises the errors of :func:`next_event` and of writing."""
        headers = [("Host", self._host), ("Content-Length", str(len(content))), *more]
        if content:
            headers.append(("Content-Type", "application/json"))
        self.may_be_kept = False
        await self._stream.write(request_bytes(method, path, headers, content))
        data = await self._stream.read()
        answer = whole_answer(data)
        if answer is None:
            sent = h11.Request(method=method, target=path, headers=headers)
            return await self._read_answer(sent, content, Unread(self._stream, data))
        self.may_be_kept = True
        if answer.status >= FIRST_ERROR_STATUS:
            return replace(answer, body=answer.body[:MAX_ERROR_BODY])
        return answer

    async def _read_answer(self, sent: h11.Request, content: bytes, source: Unread) -> Answer:
        """Read an answer of any form to the request that was ``sent``."""
        http = h11.Connection(our_role=h11.CLIENT)
        for event in (sent, h11.Data(data=content), h11.EndOfMessage()):
            http.send(event)
        head = await next_event(http, source)
        while isinstance(head, h11.InformationalResponse):
            head = await next_event(http, source)
        if not isinstance(head, h11.Response):
            raise ProtocolError("The engine closed the connection instead of answering.")
        if head.status_code >= FIRST_ERROR_STATUS:
            body = await read_error_body(http, source)
        else:
            body = await _body(http, source)
        # Bytes after the answer belong to no call.
        is_done = http.our_state is http.their_state is h11.DONE
        self.may_be_kept = is_done and not http.trailing_data[0]
        found = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
        return Answer(head.status_code, found, body)

    def close(self) -> None:
        """Close it. May be called twice."""
        self._stream.close()


def _encoded(body: object) -> bytes:
    """Return JSON. The scripts in an exec's environment take json a hundred times as long."""
    try:
        return orjson.dumps(body)
    except TypeError:  # Half a surrogate pair: json escapes it, and engines replace it.
        return json.dumps(body).encode()


async def _body(http: h11.Connection, source: Unread) -> bytes:
    body = bytearray()
    while isinstance(event := await next_event(http, source), h11.Data):
        body += event.data
        if len(body) > MAX_BODY:
            raise ProtocolError(f"An answer of the engine has more than {MAX_BODY:,} bytes.")
    return bytes(body)
