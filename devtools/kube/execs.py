"""Execs through the front: v4 byte for byte, v5 translated to SPDY as an apiserver does it.

Source: Kubernetes, k8s.io/apimachinery/pkg/util/remotecommand (protocols), KEP-4006.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import grpc
from tornado.iostream import IOStream, StreamClosedError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from devtools.kube.pods import Run
from devtools.kube.rest import Front, Handler, container_of
from devtools.kube.spdy import Data, Reset, SpdyClient
from devtools.kube.status import ApiFault, exec_fault, exec_success, translated

V4, V5 = "v4.channel.k8s.io", "v5.channel.k8s.io"

_STDIN, _STDOUT, _STDERR, _ERROR, _RESIZE, _CLOSE = 0, 1, 2, 3, 4, 255
_PIECE = 1 << 18
#: In seconds: between two pings, as an apiserver sends them.
_PING = 5.0
_NAMES = {_STDIN: "stdin", _STDOUT: "stdout", _STDERR: "stderr"}


class ExecHandler(Handler, WebSocketHandler):
    """The exec call. ``newest`` is the newest protocol that this apiserver speaks."""

    def initialize(self, front: Front, newest: str = V5) -> None:
        """Take what all handlers share. Called by tornado."""
        self.front = front
        self._newest = newest
        self._line: _Translated | None = None

    async def get(self, namespace: str, name: str) -> None:
        """Check the call; then upgrade the connection."""
        # The verb of a WebSocket's GET, and the one that newer servers ask for as well.
        self.require("get", "pods/exec", namespace, name)
        if self._newest == V5:
            self.require("create", "pods/exec", namespace, name)
        pod = self.front.pods.get(namespace, name)
        run: Run = container_of(pod, self.get_query_argument("container", ""))
        self._pod = f"{namespace}/{name}"
        await self.front.pods.refresh()
        offered = self.request.headers.get("Sec-WebSocket-Protocol", "")
        protocols = {word.strip() for word in offered.split(",")}
        url = "" if not run.runs else await self._url(run)
        if V5 in protocols and self._newest == V5:
            self._line = _Translated(self, self.front, self._pod, url, self._streams())
            await super(Handler, self).get(namespace, name)
        elif protocols == {V5}:
            self.set_status(403)
            await self.finish()
        elif not url:
            self.set_status(500)
            await self.finish(f'container not found ("{run.name}")')
        else:
            await self._splice(url)

    async def post(self, namespace: str, name: str) -> None:
        """Pass a SPDY client on, such as an older kubectl."""
        self.require("create", "pods/exec", namespace, name)
        pod = self.front.pods.get(namespace, name)
        run: Run = container_of(pod, self.get_query_argument("container", ""))
        self._pod = f"{namespace}/{name}"
        url = await self._url(run) if run.runs else ""
        if not url:
            raise ApiFault(500, f'container not found ("{run.name}")')
        await self._splice(url)

    async def _url(self, run: Run) -> str:
        streams = self._streams()
        if not streams:
            raise ApiFault(400, "you must specify at least 1 of stdin, stdout, stderr")
        tty = self._is("tty")
        try:
            return await asyncio.to_thread(
                self.front.cri.exec_url,
                run.id,
                self.get_query_arguments("command", strip=False),
                stdin=_STDIN in streams,
                stdout=_STDOUT in streams,
                stderr=_STDERR in streams and not tty,
                tty=tty,
            )
        except grpc.RpcError:
            return ""  # It has ended since.

    def _streams(self) -> list[int]:
        found = [number for number, name in _NAMES.items() if self._is(name)]
        if self._is("tty"):
            return [*(number for number in found if number != _STDERR), _RESIZE]
        return found

    def _is(self, name: str) -> bool:
        return self.get_query_argument(name, "") in {"1", "true"}

    async def _splice(self, url: str) -> None:
        """Send all bytes on, both ways, from the head of the request."""
        headers = "".join(f"{key}: {value}\r\n" for key, value in self.request.headers.get_all())
        reader, writer = await _connect(url)
        head = f"{self.request.method} {urlsplit(url).path} HTTP/1.1\r\n{headers}\r\n"
        writer.write(head.encode("latin-1"))
        client = self.detach()
        line = _Spliced(self._pod, client, writer)
        self.front.lines.add(line)
        try:
            await asyncio.gather(_up(client, writer), _down(reader, client))
        finally:
            self.front.lines.remove(line)
            writer.close()
            client.close()

    # --- v5: called by tornado ------------------------------------------------------------------

    def check_origin(self, origin: str) -> bool:
        """Take any."""
        return bool(origin) or True

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Choose v5; for v4 there is no WebSocket of ours."""
        return V5 if V5 in subprotocols else None

    async def open(self, *_path: str, **_more: str) -> None:
        """Begin to translate."""
        if self._line is not None:
            self.front.lines.add(self._line)
            await self._line.begin()

    async def on_message(self, message: str | bytes) -> None:
        """Send it on."""
        data = message.encode() if isinstance(message, str) else message
        if self._line is not None:
            await self._line.take(data)

    def on_close(self) -> None:
        """Leave the process behind, with the end of its stdin."""
        if self._line is not None:
            self.front.lines.remove(self._line)
            self._line.leave()

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Take no streamed body."""
        raise NotImplementedError


class _Spliced:
    """A v4 exec. Whichever side is broken, the other one ends as well."""

    def __init__(self, pod: str, client: IOStream, server: asyncio.StreamWriter) -> None:
        self.pod = pod
        self._client = client
        self._server = server

    def drop_client(self) -> None:
        self._client.close()

    def drop_server(self) -> None:
        self._server.transport.abort()
        self._client.close()


async def _up(client: IOStream, server: asyncio.StreamWriter) -> None:
    try:
        while True:
            server.write(await client.read_bytes(_PIECE, partial=True))
            await server.drain()
    except (StreamClosedError, ConnectionError):
        server.close()


async def _down(server: asyncio.StreamReader, client: IOStream) -> None:
    try:
        while data := await server.read(_PIECE):
            await client.write(data)
    except (StreamClosedError, ConnectionError):
        pass
    client.close()


class _Translated:
    """A v5 exec: a WebSocket towards the client, SPDY towards the runtime."""

    def __init__(
        self, client: WebSocketHandler, front: Front, pod: str, url: str, streams: list[int]
    ) -> None:
        self.pod = pod
        self._client = client
        self._front = front
        self._url = url
        self._wanted = streams
        self._spdy = SpdyClient()
        self._server: asyncio.StreamWriter | None = None
        #: The numbers of the streams by their channels.
        self._streams: dict[int, int] = {}
        self._status = b""
        self._tasks: list[asyncio.Task[None]] = []
        self._is_left = False

    def drop_client(self) -> None:
        stream = self._client.ws_connection
        if stream is not None:
            stream._abort()  # noqa: SLF001 -- without a close frame
        self.drop_server()

    def drop_server(self) -> None:
        if self._server is not None:
            self._server.transport.abort()

    def leave(self) -> None:
        """Go on without the client: the process gets end of file, and writes into the void."""
        self._is_left = True
        number = self._streams.pop(_STDIN, None)
        if number is not None and self._server is not None:
            self._server.write(self._spdy.send(number, b"", fin=True))

    async def begin(self) -> None:
        """Open the streams, in the order that the runtime has them."""
        await self._send(_STDOUT, b"")
        if not self._url:
            await self._end(exec_fault("unable to upgrade connection: container not found"))
            return
        reader, self._server = await _connect(self._url)
        url = urlsplit(self._url)
        head = (
            f"POST {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: Upgrade\r\n"
            f"Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: {V4}\r\nContent-Length: 0\r\n\r\n"
        )
        self._server.write(head.encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in answer.partition(b"\r\n")[0]:
            await self._end(exec_fault(f"unable to upgrade connection: {answer.decode()}"))
            return
        kinds = {_ERROR: "error", **_NAMES, _RESIZE: "resize"}
        for channel in (_ERROR, *self._wanted):
            number, frame = self._spdy.open({"streamtype": kinds[channel]})
            self._streams[channel] = number
            self._server.write(frame)
            if channel in {_ERROR, _STDOUT, _STDERR}:
                # Nothing is sent on these.
                self._server.write(self._spdy.send(number, b"", fin=True))
        if self._is_left:
            self.leave()
        self._tasks = [
            asyncio.create_task(self._read(reader, self._server)),
            asyncio.create_task(self._ping()),
        ]

    async def _ping(self) -> None:
        with suppress(WebSocketClosedError):
            while True:
                await asyncio.sleep(_PING)
                self._client.ping()

    async def take(self, data: bytes) -> None:
        """Take a message of the client."""
        if self._server is None or not data:
            return
        channel, body = data[0], data[1:]
        fin = channel == _CLOSE
        if fin:
            channel, body = (body or b"\xff")[0], b""
        number = self._streams.get(channel)
        if number is None or channel not in {_STDIN, _RESIZE}:
            return
        if channel == _RESIZE and self._front.keeps_sizes:
            return
        self._server.write(self._spdy.send(number, body, fin=fin))
        if fin:
            del self._streams[channel]
        try:
            await self._server.drain()
        except ConnectionError:
            return

    async def _read(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        channels = {number: channel for channel, number in self._streams.items()}
        left = {number for number, channel in channels.items() if channel in _OUTPUTS}
        try:
            while left and (data := await reader.read(_PIECE)):
                for event in self._spdy.receive(data):
                    if isinstance(event, bytes):
                        server.write(event)
                    elif isinstance(event, Reset):
                        left.discard(event.stream)
                    else:
                        await self._hand_on(channels.get(event.stream, _CLOSE), event)
                        if event.fin:
                            left.discard(event.stream)
        except ConnectionError:
            pass
        # A line that broke has left no status, and that counts as success: so do apiservers.
        status = json.loads(self._status) if self._status else exec_success()
        await self._end(translated(status))

    async def _hand_on(self, channel: int, event: Data) -> None:
        if channel == _ERROR:
            self._status += event.data
        elif channel in _OUTPUTS and event.data:
            await self._send(channel, event.data)

    async def _send(self, channel: int, data: bytes) -> None:
        with suppress(WebSocketClosedError):
            await self._client.write_message(bytes([channel]) + data, binary=True)

    async def _end(self, status: dict[str, Any]) -> None:
        await self._send(_ERROR, json.dumps(status).encode())
        self.drop_server()
        self._client.close(1000)


_OUTPUTS = frozenset({_STDOUT, _STDERR, _ERROR})


async def _connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(url)
    return await asyncio.open_connection(parts.hostname, parts.port)
