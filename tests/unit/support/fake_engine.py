"""An engine over a unix socket that answers as a test tells it to, and notes the requests."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.endpoint import Endpoint
from tests.unit.support.clock import JumpingLoop

Handler = Callable[["Request", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PING_HEADERS = {"Api-Version": "1.41", "Ostype": "linux", "Server": "Docker/20.10 (linux)"}


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def answer(status: int, body: object = None, headers: dict[str, str] | None = None) -> bytes:
    """Return a whole answer; a ``body`` that is not bytes goes over as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def pong(**headers: str) -> bytes:
    wanted = {**PING_HEADERS, **{name.replace("_", "-"): text for name, text in headers.items()}}
    return answer(200, b"OK", {name: text for name, text in wanted.items() if text})


class FakeEngine:
    """A context manager. The latest rule that fits a request, ``METHOD PATH``, answers it."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "engine.sock"
        self._rules: list[tuple[re.Pattern[str], bytes | Handler]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._writers: list[asyncio.StreamWriter] = []
        self.requests: list[Request] = []
        self.connections = 0
        self.asked = asyncio.Event()
        self.on("GET /_ping", pong())

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("the test", path=str(self._path))

    @property
    def calls(self) -> list[str]:
        return [f"{request.method} {request.path}" for request in self.requests]

    def on(self, request: str, reply: bytes | Handler) -> None:
        """Answer requests that fit the pattern ``request`` with bytes, or call a handler."""
        self._rules.insert(0, (re.compile(request), reply))

    def client(self, **options: Any) -> EngineClient:
        return EngineClient(self.endpoint, **options)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        if isinstance(loop, JumpingLoop):
            # Its clients are in this loop, or in threads that are counted.
            loop.peers_are_here = True
        self._server = await asyncio.start_unix_server(self._accept, self._path)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def hang_up_all(self) -> None:
        """Close the connections that there are."""
        for writer in self._writers:
            writer.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        self._tasks.append(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await self._answer(await _read_request(reader), reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.requests.append(request)
        self.asked.set()
        line = f"{request.method} {request.path}"
        reply = next((r for pattern, r in self._rules if pattern.match(line)), None)
        if reply is None:
            reply = answer(404, {"message": "page not found"})
        if isinstance(reply, bytes):
            writer.write(reply)
            await writer.drain()
        else:
            await reply(request, reader, writer)


async def _read_request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, body)


def hang_up(data: bytes = b"") -> Handler:
    """Send ``data`` and close the connection."""

    async def handle(_: Request, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        raise ConnectionResetError

    return handle


async def stall(_: Request, reader: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """Answer nothing until the other side hangs up."""
    await reader.read()
