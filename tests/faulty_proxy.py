"""A proxy between the kernel and a real engine, which spoils what a test tells it to spoil.

It listens on a unix socket and on TCP, where a connection can be reset. Requests are told apart by
:class:`Kind`. A fault of an answer is in ``tests.faults``; one of an attached stream begins at a
moment of the stream: with the frame that contains given bytes.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Self

_HEADER = 8
_last_word = re.compile(rb"dexec:[0-9a-f]{32}:(state|end|part)")
_content_length = re.compile(rb"(?im)^content-length: *(\d+)\r\n")


class Kind(Enum):
    """The kinds of requests, by their first line."""

    PING = rb"GET \S*/_ping"
    LIST = rb"GET \S*/containers/json"
    LOOK = rb"GET \S*/containers/[^/?]+/json"
    CREATE = rb"POST \S*/containers/[^/?]+/exec "
    START = rb"POST \S*/exec/[^/]+/start"
    INSPECT = rb"GET \S*/exec/[^/]+/json"
    EVENTS = rb"GET \S*/events"
    ARCHIVE = rb"(GET|PUT|HEAD) \S*/containers/[^/?]+/archive"
    OTHER = rb""


def kind_of(request: bytes) -> Kind:
    return next(kind for kind in Kind if re.match(kind.value, request))


class HungUp(Exception):
    """The connection is not to be used any more."""


class Link:
    """One connection of the kernel's, with one of its own to the engine."""

    def __init__(
        self,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        engine: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.reader, self.writer = client
        self.engine_reader, self.engine_writer = engine
        #: A fault for the stream of this link, from outside.
        self.sudden: asyncio.Future[StreamFault] = asyncio.get_running_loop().create_future()
        self.kind = Kind.OTHER
        #: Frames that were read ahead; whether the last of the output has been passed on.
        self.ahead: list[bytes] = []
        self.has_output = False

    async def read_request(self) -> bytes:
        """Return the next request, whole; of one in chunks the head alone."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = _content_length.search(head)
        return head + (await self.reader.readexactly(int(length[1])) if length else b"")

    async def forward(self, request: bytes) -> None:
        self.engine_writer.write(request)
        await self.engine_writer.drain()

    async def answer(self) -> tuple[bytes, bytes]:
        """Return the engine's answer, head and body; of a stream the head alone."""
        head = await self.engine_reader.readuntil(b"\r\n\r\n")
        body = b""
        if length := _content_length.search(head):
            body = await self.engine_reader.readexactly(int(length[1]))
        elif b"chunked" in head.lower() and self.kind not in {Kind.EVENTS, Kind.ARCHIVE}:
            size = 1
            while size:
                line = await self.engine_reader.readuntil(b"\r\n")
                size = int(line, 16)
                body += line + await self.engine_reader.readexactly(size + 2)
        return head, body

    async def frame(self, output_end: bytes) -> bytes:
        """Return the next frame of a stream, b"" at its end.

        An engine passes stdout and stderr on in no order of their own, and a cut between the last
        word of a shell and the last of the output cannot be told from an end. So that word comes
        after the frame with ``output_end`` here, b"" for any order.
        """
        if self.ahead:
            return self.ahead.pop(0)
        data = await _read_frame(self.engine_reader)
        if output_end and not self.has_output and _last_word.search(data):
            while data and output_end not in data:
                self.ahead.append(data)
                data = await _read_frame(self.engine_reader)
            if not data:
                self.ahead.append(data)
                data = self.ahead.pop(0)
            self.has_output = True
        self.has_output = self.has_output or (bool(output_end) and output_end in data)
        return data

    async def send(self, data: bytes, *, slowly: bool = False) -> None:
        for piece in [data[i : i + 1] for i in range(len(data))] if slowly else [data]:
            self.writer.write(piece)
            await self.writer.drain()
            if slowly:
                await asyncio.sleep(0)

    async def stall(self) -> None:
        """Take all that comes and answer nothing, until the kernel hangs up."""
        while await self.reader.read(65536):
            pass
        raise HungUp

    def hang_up(self) -> None:
        raise HungUp

    def reset(self) -> None:
        """Close with RST; over a unix socket that is only an end."""
        sock = self.writer.get_extra_info("socket")
        if sock.family == socket.AF_INET:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
        raise HungUp

    async def leave_to_engine(self) -> None:
        """End the kernel's side; the engine's stays open, and is read to its end."""
        self.writer.close()
        while await self.engine_reader.read(65536):
            pass
        raise HungUp


#: Deals with a request in place of the proxy.
AnswerFault = Callable[[Link, bytes], Awaitable[None]]
#: Deals with a frame of a stream, header and payload; returns what goes on in its place.
StreamFault = Callable[[Link, bytes], Awaitable[bytes]]


@dataclass
class _Rule:
    kind: Kind
    answer: AnswerFault | None
    stream: StreamFault | None
    at: bytes
    skip: int
    times: int


@dataclass
class FaultyProxy:
    """Passes everything on, but for the faults that were asked for."""

    target: str
    folder: Path
    hits: int = 0
    requests: list[Kind] = field(default_factory=list)
    #: Whether streams go over one byte at a time.
    slowly: bool = False
    #: The last of a cell's output, which passes before the last word of its shell.
    output_end: bytes = b""
    _rules: list[_Rule] = field(default_factory=list)
    #: In the order in which they were opened.
    _links: dict[Link, None] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def host(self) -> str:
        return f"unix://{self.folder / 's'}"

    @property
    def tcp(self) -> str:
        port = self._tcp_server.sockets[0].getsockname()[1]
        return f"tcp://127.0.0.1:{port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._accept, self.folder / "s")
        self._tcp_server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self._tcp_server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- faults -----------------------------------------------------------------------------------

    def spoil(self, kind: Kind, fault: AnswerFault, *, skip: int = 0, times: int = 1) -> None:
        """Let a fault deal with the next requests of a kind, after the first ``skip``."""
        self._rules.append(_Rule(kind, fault, None, b"", skip, times))

    def spoil_stream(self, fault: StreamFault, *, at: bytes = b"", skip: int = 0) -> None:
        """Let a fault deal with the next frame of a stream that contains ``at``."""
        self._rules.append(_Rule(Kind.START, None, fault, at, skip, 1))

    def spoil_now(self, fault: StreamFault, *, latest: bool = False) -> int:
        """Let a fault meet all streams that are open now, or the latest; return their number."""
        links = [link for link in self._links if link.kind is Kind.START]
        links = links[-1:] if latest else links
        for link in links:
            if not link.sudden.done():
                link.sudden.set_result(fault)
        self.hits += len(links)
        return len(links)

    def heal(self) -> None:
        """Have no faults from now on; what is spoilt already stays so."""
        self._rules.clear()

    def _take(self, kind: Kind, frame: bytes | None = None) -> _Rule | None:
        for rule in self._rules:
            is_answers = rule.answer is not None
            if rule.kind is not kind or is_answers is (frame is not None):
                continue
            if frame is not None and rule.at not in frame:
                continue
            if rule.skip:
                rule.skip -= 1
                continue
            rule.times -= 1
            if not rule.times:
                self._rules.remove(rule)
            self.hits += 1
            return rule
        return None

    # --- passing on -------------------------------------------------------------------------------

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(task := asyncio.create_task(self._serve(reader, writer)))
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            engine = await asyncio.open_unix_connection(self.target)
        except OSError:
            writer.close()
            return
        link = Link((reader, writer), engine)
        self._links[link] = None
        try:
            while True:
                await self._pass(link, await link.read_request())
        except (HungUp, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            del self._links[link]
            engine[1].close()
            writer.close()

    async def _pass(self, link: Link, request: bytes) -> None:
        link.kind = kind_of(request)
        self.requests.append(link.kind)
        if (rule := self._take(link.kind)) is not None and rule.answer is not None:
            await rule.answer(link, request)
            return
        await link.forward(request)
        if link.kind is Kind.ARCHIVE and request.startswith(b"PUT"):
            await self._both_ways(link, self._copy(link))
        head, body = await link.answer()
        await link.send(head + body, slowly=self.slowly)
        if link.kind is Kind.START and head.split(b" ")[1] in {b"101", b"200"}:
            await self._both_ways(link, self._pass_frames(link))
        if link.kind in {Kind.EVENTS, Kind.ARCHIVE} and not body:
            await self._both_ways(link, self._copy(link))

    async def _both_ways(self, link: Link, answering: Awaitable[None]) -> None:
        """Pass on what the kernel sends, beside the answer, and hang up after that."""

        async def send() -> None:
            while data := await link.reader.read(65536):
                await link.forward(data)
            if link.engine_writer.can_write_eof():
                link.engine_writer.write_eof()

        sending = asyncio.ensure_future(send())
        answer = asyncio.ensure_future(answering)
        try:
            await answer
        finally:
            sending.cancel()
            answer.cancel()
            await asyncio.gather(sending, answer, return_exceptions=True)
        link.hang_up()

    async def _copy(self, link: Link) -> None:
        while data := await link.engine_reader.read(65536):
            await link.send(data)

    async def _pass_frames(self, link: Link) -> None:
        while True:
            frame = asyncio.ensure_future(link.frame(self.output_end))
            await asyncio.wait({frame, link.sudden}, return_when=asyncio.FIRST_COMPLETED)
            if link.sudden.done():
                frame.cancel()
                await asyncio.gather(frame, return_exceptions=True)
                await link.sudden.result()(link, b"\1\0\0\0\0\0\0\6sudden")
                link.hang_up()
            data = await frame
            if rule := self._take(Kind.START, data):
                assert rule.stream is not None
                data = await rule.stream(link, data)
            if not data:
                return
            await link.send(data, slowly=self.slowly)


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    """Return the next frame with its header, b"" at the end."""
    try:
        head = await reader.readexactly(_HEADER)
        return head + await reader.readexactly(int.from_bytes(head[4:], "big"))
    except (asyncio.IncompleteReadError, OSError):
        return b""
