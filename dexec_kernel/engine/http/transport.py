"""A connection's bytes, over a unix socket, TCP, TLS or a tunnel, read and written by asyncio.

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
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from dexec_kernel.engine.http.address import Address, TlsFiles
from dexec_kernel.errors import ConfigurationError, EngineUnavailable

#: In bytes: how much one read takes at most, nearly four of the engine's largest frames. For a
#: buffer of 128 KiB and more the allocator asks the system for new pages each time, which takes
#: longer than reading into them.
READ_SIZE = 124 * 1024
#: How much one takes while little comes: of a large buffer that is cut down, the allocator keeps a
#: hole, and the process grows by it.
_FIRST_SIZE = 16 * 1024

#: In seconds: how often a unix socket whose queue is full is tried again.
_CONNECT_INTERVAL = 0.02


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


async def open_stream(endpoint: Address, *, timeout: float) -> ByteStream:  # noqa: ASYNC109 -- bounds the connection alone
    """Connect to an engine within ``timeout`` seconds.

    Raises :class:`EngineUnavailable`, or :class:`ConfigurationError` for unusable TLS files.
    """
    await endpoint.ready()
    tls = _prepared(endpoint)
    sock: socket.socket | None = None
    try:
        async with asyncio.timeout(timeout):
            sock = await _connect(endpoint)
            if endpoint.is_tunnel:
                return TunnelStream(sock, endpoint)
            plain = SocketStream(sock)
            if tls is None:
                return plain
            if tls.before is not None:
                await tls.before(plain)
            secure = TlsStream(plain, tls.context, tls.server_name)
            await secure.handshake()
            return secure
    except TimeoutError as error:
        _close(sock)
        raise EngineUnavailable(
            f"The {endpoint.noun} at {endpoint.url} did not answer within {timeout:g} s.",
            advice=endpoint.advice,
        ) from error
    except OSError as error:
        _close(sock)
        raise EngineUnavailable(
            f"The {endpoint.noun} at {endpoint.url} cannot be reached: {_reason(error)}.",
            advice=endpoint.advice_on(error),
        ) from error
    except BaseException:
        _close(sock)
        raise


@dataclass(frozen=True, slots=True)
class PreparedTls:
    """A TLS context, and the name that the server's certificate has to have.

    ``before`` is what is agreed on the connection first: with a proxy, to pass it on.
    """

    context: ssl.SSLContext
    server_name: str
    before: Callable[[ByteStream], Awaitable[None]] | None = None


def _prepared(endpoint: Address) -> PreparedTls | None:
    tls = endpoint.tls
    if tls is None or isinstance(tls, PreparedTls):
        return tls
    return PreparedTls(tls_context(tls), endpoint.host)


def tls_context(config: TlsFiles) -> ssl.SSLContext:
    """Make a client's TLS context. Raises :class:`ConfigurationError` for unusable files."""
    try:
        context = ssl.create_default_context(cafile=config.ca)
        # Python before 3.11.4 takes a stream that was cut off for one that has ended.
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        if not config.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if config.cert is not None:
            context.load_cert_chain(config.cert, config.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"The TLS files cannot be used ({config.ca}, {config.cert}, {config.key}): {error}."
        ) from error
    return context


async def _connect(endpoint: Address) -> socket.socket:
    loop = asyncio.get_running_loop()
    while endpoint.is_tunnel:
        try:
            return await _connected(socket.AF_UNIX, endpoint.path)
        except (ConnectionRefusedError, FileNotFoundError):
            # The tunnel has ended a moment ago.
            await asyncio.sleep(_CONNECT_INTERVAL)
            await endpoint.ready()
    if endpoint.is_unix:
        return await _connected(socket.AF_UNIX, endpoint.path)
    fault: OSError = OSError("no address")
    addresses = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    for family, _, _, _, address in addresses:
        try:
            sock = await _connected(family, address)
        except OSError as error:
            fault = error
            continue
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A silent cell may last for hours. Keep-alive detects an engine that has vanished.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return sock
    raise fault


async def _connected(family: int, address: str | tuple[object, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(0)
        if family == socket.AF_UNIX:
            await _connect_unix(sock, address)
        else:
            await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


async def _connect_unix(sock: socket.socket, path: object) -> None:
    """Connect at once, or wait for a listener that has too many waiting for it already.

    The event loop's own connect takes such a one for connected.
    """
    while True:
        try:
            sock.connect(path)  # type: ignore[arg-type] # an address of the socket's family
        except BlockingIOError:
            await asyncio.sleep(_CONNECT_INTERVAL)
        else:
            return


def _close(sock: socket.socket | None) -> None:
    if sock is not None:
        sock.close()


def _lost(error: OSError) -> EngineUnavailable:
    return EngineUnavailable(f"The connection to the engine was lost: {_reason(error)}.")


def _reason(error: OSError) -> str:
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
        with self._using():
            while True:
                try:
                    data = self._sock.recv(self._size)
                    break
                except (BlockingIOError, InterruptedError):
                    self._was_there = False
                    await self._readable()
        self._size = READ_SIZE if len(data) >= _FIRST_SIZE else _FIRST_SIZE
        return data

    async def write(self, data: bytes) -> None:
        """Send all of ``data``."""
        with self._using():
            try:
                sent = self._sock.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            if sent < len(data):
                await self._loop.sock_sendall(self._sock, memoryview(data)[sent:])

    async def write_eof(self) -> None:
        """End our side; the other goes on."""
        with self._using():
            self._sock.shutdown(socket.SHUT_WR)

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
        self._loop.add_reader(self._sock, _set, readable)
        try:
            await readable
        finally:
            self._loop.remove_reader(self._sock)

    @contextmanager
    def _using(self) -> Iterator[None]:
        self._pending += 1
        try:
            yield
        except OSError as error:
            raise _lost(error) from error
        finally:
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


class TlsStream:
    """TLS over a connected socket, on memory buffers."""

    def __init__(self, stream: SocketStream, context: ssl.SSLContext, hostname: str) -> None:
        self._stream = stream
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)
        self._decrypted = bytearray()
        self._sending = asyncio.Lock()

    async def handshake(self) -> None:
        """Agree on keys. Raises ``ssl.SSLError``, an OSError, as the caller's connect does."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._receive()
            else:
                await self._flush()
                return

    async def read(self) -> bytes:
        """Return the next bytes, at most ``READ_SIZE``; nothing at the end."""
        if self._decrypted:
            data = bytes(self._decrypted)
            self._decrypted.clear()
            return data
        while True:
            try:
                return self._tls.read(READ_SIZE)
            except ssl.SSLWantReadError:
                # A reader must not wait for a writer, which may be waiting for the reader. The
                # next write sends the bytes that OpenSSL has produced here.
                if not self._sending.locked():
                    await self._flush()
                await self._receive()
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLError as error:
                raise _lost(error) from error

    async def write(self, data: bytes) -> None:
        """Send all of ``data``."""
        view = memoryview(data)
        while view:
            try:
                view = view[self._tls.write(view[:READ_SIZE]) :]
            except ssl.SSLError as error:
                raise _lost(error) from error
            await self._flush()

    async def write_eof(self) -> None:
        """End our side with a close_notify; the other goes on.

        OpenSSL refuses the half close while data waits to be read, so that is read first, and
        kept. Then ``unwrap`` sends the notice and wants the other side's, which is not awaited.
        """
        try:
            while True:
                self._decrypted += self._tls.read(READ_SIZE)
        except ssl.SSLWantReadError:
            pass  # Nothing waits any more.
        except ssl.SSLZeroReturnError:
            return
        except ssl.SSLError as error:
            raise _lost(error) from error
        try:
            self._tls.unwrap()
        except ssl.SSLWantReadError:
            await self._flush()
        except ssl.SSLError as error:
            raise _lost(error) from error

    def close(self) -> None:
        """Close the connection. May be called twice."""
        self._stream.close()

    async def _flush(self) -> None:
        async with self._sending:
            while data := self._outgoing.read():
                await self._stream.write(data)

    async def _receive(self) -> None:
        if data := await self._stream.read():
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
