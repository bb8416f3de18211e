"""Connects: over a unix socket, TCP, TLS or a tunnel. The bytes are :mod:`stream`'s to pass on."""

from __future__ import annotations

import asyncio
import socket

from dexec_kernel.engine.http.address import Address
from dexec_kernel.engine.http.stream import ByteStream, SocketStream, TunnelStream, reason
from dexec_kernel.engine.http.tls import PreparedTls, TlsStream, tls_context
from dexec_kernel.errors import EngineUnavailable

#: In seconds: how often a unix socket whose queue is full is tried again.
_CONNECT_INTERVAL = 0.02


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
            f"The {endpoint.noun} at {endpoint.url} cannot be reached: {reason(error)}.",
            advice=endpoint.advice_on(error),
        ) from error
    except BaseException:
        _close(sock)
        raise


def _prepared(endpoint: Address) -> PreparedTls | None:
    tls = endpoint.tls
    if tls is None or isinstance(tls, PreparedTls):
        return tls
    return PreparedTls(tls_context(tls), endpoint.host)


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
    try:
        addresses = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(f"{endpoint.host!r} is no host's name") from error
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
