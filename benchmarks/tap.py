"""A tap between a kernel and its engine: passes everything on, and notes each message's time.

The kernel's requests are observed from outside; nothing is changed in the kernel.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

_READ_SIZE = 256 * 1024
_REQUEST = re.compile(rb"^(GET|POST) (?:/v[0-9.]+)?/([a-z]+)/([^/ ?]+)(?:/([a-z]+))?[ ?]")
_CREATED = re.compile(rb'"Id":"([0-9a-f]{64})"')
_NAMES = {
    ("containers", "json"): "container inspect",
    ("containers", "exec"): "exec create",
    ("exec", "start"): "exec start",
    ("exec", "json"): "exec inspect",
}
_HIJACKED = b"HTTP/1.1 101"
_END_OF_HEAD = b"\r\n\r\n"
_CLOSE_TIMEOUT = 5.0


@dataclass
class Event:
    """A message that passed: its time by the machine's clock, its kind, and its exec if any."""

    at: float
    what: str
    exec_id: str


@dataclass
class _Link:
    """The observations of one connection."""

    request: str = ""
    exec_id: str = ""
    asked: Event | None = None
    #: The received part of the head that turns it into a stream.
    head: bytes = b""
    is_stream: bool = False


@dataclass
class Tap:
    """Listens on the unix socket ``path`` and connects to ``target``; a context manager."""

    path: Path
    target: str
    events: list[Event] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tap")
        self._thread.start()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_CLOSE_TIMEOUT)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_unix_server(self._serve, self.path, limit=_READ_SIZE)

    async def _close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        link = _Link()
        there, to_engine = await asyncio.open_unix_connection(self.target, limit=_READ_SIZE)
        try:
            asking = asyncio.create_task(self._pass(reader, to_engine, link, self._asked))
            try:
                await self._pass(there, writer, link, self._answered)
                self._note(link, "stream ended" if link.is_stream else "")
            finally:
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
        except (asyncio.CancelledError, ConnectionError):
            pass  # The kernel has gone, or the tap is closed.
        finally:
            writer.close()
            to_engine.close()
            self._tasks.discard(task)

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        link: _Link,
        note: Callable[[_Link, bytes], None],
    ) -> None:
        while data := await reader.read(_READ_SIZE):
            note(link, data)
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    def _asked(self, link: _Link, data: bytes) -> None:
        if link.is_stream:
            self._note(link, "stdin")
        elif match := _REQUEST.match(data):
            _verb, kind, name, action = (part.decode() for part in match.groups(b""))
            link.request = _NAMES.get((kind, action), f"{kind} {action}")
            link.exec_id = name if kind == "exec" else ""
            self._note(link, f"{link.request} asked")

    def _answered(self, link: _Link, data: bytes) -> None:
        if link.is_stream:
            self._note(link, "output")
            return
        if link.request == "exec create" and (match := _CREATED.search(data)):
            link.exec_id = match[1].decode()
            if link.asked is not None:
                link.asked.exec_id = link.exec_id
        if link.request:
            self._note(link, f"{link.request} answered")
            link.request = ""
        if link.head or data.startswith(_HIJACKED):
            # The engine may send it in pieces, with output directly after it.
            link.head += data
            end = link.head.find(_END_OF_HEAD)
            link.is_stream = end >= 0
            if link.is_stream and len(link.head) > end + len(_END_OF_HEAD):
                self._note(link, "output")

    def _note(self, link: _Link, what: str) -> None:
        if what:
            event = Event(time.time(), what, link.exec_id)
            self.events.append(event)
            if what.endswith(" asked"):
                link.asked = event
