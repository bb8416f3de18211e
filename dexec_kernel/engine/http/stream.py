"""A connection's bytes, read and written by asyncio: a socket, or one to a tunnel.

asyncio's own streams buffer ahead and cannot half-close TLS; an attached exec needs neither read
ahead (the process should wait when nobody reads) nor a lost half close (it is end of file for the
process while its output goes on). So this is the socket itself, and TLS on memory buffers.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from abc import ABC, abstractmethod
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self

from dexec_kernel.engine.http.address import Address
from dexec_kernel.errors import EngineUnavailable

#: In bytes: how much one read takes at most, nearly four of the engine's largest frames. For a
#: buffer of 128 KiB and more the allocator asks the system for new pages each time, which takes
#: longer than reading into them.
READ_SIZE = 124 * 1024
#: How much one takes while little comes: of a large buffer that is cut down, the allocator keeps a
#: hole, and the process grows by it.
_FIRST_SIZE = 16 * 1024


class Closing(ABC):
    """An asynchronous context manager whose exit is :meth:`close`."""

    @abstractmethod
    def close(self) -> None:
        """Close it. May be called twice."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class ByteStream(Protocol):
    """The transport of a connection. Every method raises :class:`EngineUnavailable`."""

    async def read(self) -> bytes:
        """Return the next bytes, at most ``READ_SIZE``; nothing at the end."""
        ...

    async def write(self, data: bytes) -> None:
        """Send all of ``data``."""
        ...

    async def write_eof(self) -> None:
        """End our side; the other goes on."""
        ...

    def close(self) -> None:
        """Close the connection. May be called twice."""
        ...


def lost(error: OSError) -> EngineUnavailable:
    """Return the error of a connection that broke."""
    return EngineUnavailable(f"The connection to the engine was lost: {reason(error)}.")


def reason(error: OSError) -> str:
    """Return what an error of the system says, for people."""
    # These two have numbers of their own. Of the others, asyncio words some for programmers.
    if isinstance(error, ssl.SSLError | socket.gaierror) or not error.errno:
        return error.strerror or str(error)
    return os.strerror(error.errno)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class SocketStream:
    """A connected socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._pending = 0
        #: Whether the last read found something at once.
        self._was_there = False
        self._size = _FIRST_SIZE

    async def read(self) -> bytes:
        """Return the next bytes, at most ``READ_SIZE``; nothing at the end."""
        if self._was_there:
            await asyncio.sleep(0)  # Let the others have a turn.
        self._was_there = True
        self._pending += 1
        try:
            while True:
                try:
                    data = self._sock.recv(self._size)
                    break
                except (BlockingIOError, InterruptedError):
                    self._was_there = False
                    await self._readable()
        except OSError as error:
            raise lost(error) from error
        finally:
            self._done()
        self._size = READ_SIZE if len(data) >= _FIRST_SIZE else _FIRST_SIZE
        return data

    async def write(self, data: bytes) -> None:
        """Send all of ``data``."""
        self._pending += 1
        try:
            try:
                sent = self._sock.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            if sent < len(data):
                await self._loop.sock_sendall(self._sock, memoryview(data)[sent:])
        except OSError as error:
            raise lost(error) from error
        finally:
            self._done()

    async def write_eof(self) -> None:
        """End our side; the other goes on."""
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise lost(error) from error

    def close(self) -> None:
        """Close the connection, and end what waits for it. May be called twice."""
        if self._closed:
            return
        self._closed = True
        if self._pending:
            # The event loop would never tell a closed socket's reader that it is closed.
            with suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
        else:
            self._sock.close()

    async def _readable(self) -> None:
        """Wait until there is something to read. The event loop's own call tries that first."""
        readable = self._loop.create_future()
        # By its number: for a socket, selectors would describe it in an error that nobody sees.
        number = self._sock.fileno()
        self._loop.add_reader(number, _set, readable)
        try:
            await readable
        finally:
            self._loop.remove_reader(number)

    def _done(self) -> None:
        """Take note of the end of a call that may have waited; the last one closes the socket."""
        self._pending -= 1
        if self._closed and not self._pending:
            self._sock.close()


class TunnelStream(SocketStream):
    """A socket to a tunnel, which accepts it even if no engine is at the other end."""

    def __init__(self, sock: socket.socket, endpoint: Address) -> None:
        super().__init__(sock)
        self._endpoint = endpoint
        self._is_answered = False

    async def read(self) -> bytes:
        """Return the next bytes, at most ``READ_SIZE``; nothing at the end."""
        data = await super().read() if self._is_answered else await self._first()
        self._is_answered = True
        return data

    async def write(self, data: bytes) -> None:
        """Send all of ``data``."""
        try:
            await super().write(data)
        except EngineUnavailable as error:
            if self._is_answered:
                raise
            raise self._endpoint.early_end() from error

    async def _first(self) -> bytes:
        try:
            data = await super().read()
        except EngineUnavailable as error:
            raise self._endpoint.early_end() from error
        if not data and not self._closed:
            raise self._endpoint.early_end()
        return data
