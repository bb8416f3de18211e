"""TLS over a connected socket, on memory buffers: asyncio's own cannot half-close."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from dexec_kernel.engine.http.address import TlsFiles
from dexec_kernel.engine.http.stream import READ_SIZE, ByteStream, SocketStream, lost
from dexec_kernel.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class PreparedTls:
    """A TLS context, and the name that the server's certificate has to have.

    ``before`` is what is agreed on the connection first: with a proxy, to pass it on.
    """

    context: ssl.SSLContext
    server_name: str
    before: Callable[[ByteStream], Awaitable[None]] | None = None


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
            load_certificate(context, config.cert, config.key)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The TLS files cannot be used ({config.ca}, {config.cert}, {config.key}): {error}."
        ) from error
    return context


def load_certificate(
    context: ssl.SSLContext, certificate: str | Path, key: str | Path | None
) -> None:
    """Load a client's certificate. Raises :class:`OSError`, :class:`ValueError`.

    OpenSSL would ask for the passphrase of an encrypted key, on a terminal that nobody looks at.
    """

    def refuse() -> str:
        raise ValueError("the key is encrypted, and nobody can be asked for its passphrase")

    context.load_cert_chain(certificate, key, refuse)


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
                raise lost(error) from error

    async def write(self, data: bytes) -> None:
        """Send all of ``data``."""
        view = memoryview(data)
        while view:
            try:
                view = view[self._tls.write(view[:READ_SIZE]) :]
            except ssl.SSLError as error:
                raise lost(error) from error
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
            raise lost(error) from error
        try:
            self._tls.unwrap()
        except ssl.SSLWantReadError:
            await self._flush()
        except ssl.SSLError as error:
            raise lost(error) from error

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
