"""The bytes of a connection, over real sockets and real TLS."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Self

import pytest

from devtools.tls import TlsFiles, make_certificates
from dexec_kernel.engine.connection import HijackedConnection
from dexec_kernel.engine.endpoint import Endpoint, TlsConfig
from dexec_kernel.engine.http.stream import ByteStream, SocketStream
from dexec_kernel.engine.http.transport import open_stream
from dexec_kernel.errors import ConfigurationError, EngineUnavailable
from tests.unit.support.clock import settle
from tests.unit.support.wire import SWITCHED, out

Talk = Callable[[ssl.SSLSocket], None]
BIG = 8_000_000
#: In seconds: when a peer is taken for one that hangs.
GUARD = 240


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> TlsFiles:
    return make_certificates(tmp_path_factory.mktemp("tls"))


class TlsServer:
    """Talks to one client, in a thread."""

    def __init__(self, files: TlsFiles, talk: Talk) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        folder = files.directory
        self._context.load_cert_chain(folder / "server-cert.pem", folder / "server-key.pem")
        self._context.load_verify_locations(folder / "ca.pem")
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._talk = talk
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(GUARD)
        self._listener.close()

    def _serve(self) -> None:
        raw, _ = self._listener.accept()
        raw.settimeout(GUARD)
        with raw:
            try:
                with self._context.wrap_socket(raw, server_side=True) as secure:
                    self._talk(secure)
            except OSError:
                pass  # The test looks at the client's end of it.


def endpoint(port: int, files: TlsFiles, *, cert: bool = True) -> Endpoint:
    folder = files.directory
    pair = (folder / "cert.pem", folder / "key.pem") if cert else (None, None)
    return Endpoint(
        "the test", host="127.0.0.1", port=port, tls=TlsConfig(folder / "ca.pem", *pair)
    )


async def read_all(stream: ByteStream) -> bytes:
    data = b""
    while piece := await stream.read():
        data += piece
    return data


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    with ours, theirs:
        yield ours, theirs


# --- sockets --------------------------------------------------------------------------------------


async def test_half_close_leaves_the_other_direction_open(pair):
    stream = SocketStream(pair[0])
    await stream.write(b"in")
    await stream.write_eof()
    assert pair[1].recv(10) == b"in"
    assert pair[1].recv(10) == b""
    pair[1].sendall(b"out")
    assert await stream.read() == b"out"
    stream.close()


async def test_close_ends_a_waiting_read_and_may_be_repeated(pair):
    stream = SocketStream(pair[0])
    reading = asyncio.create_task(stream.read())
    await settle()
    stream.close()
    stream.close()
    assert await reading == b""
    assert pair[0].fileno() == -1


async def test_close_ends_a_waiting_write(pair):
    stream = SocketStream(pair[0])
    writing = asyncio.create_task(stream.write(b"x" * BIG))
    await settle()
    stream.close()
    with pytest.raises(EngineUnavailable, match="lost"):
        await writing


async def test_connection_closed_while_it_is_read_just_ends(pair):
    pair[1].sendall(SWITCHED + out(b"x"))
    connection = HijackedConnection(SocketStream(pair[0]), tty=False)
    await connection.start("/x", b"{}", host="docker", exec_id="e")
    assert len(await connection.read()) == 1
    reading = asyncio.create_task(connection.read())
    await settle()
    connection.close()
    assert await reading == []


@pytest.mark.parametrize("use", ["read", "write", "write_eof"])
async def test_closed_stream_is_a_lost_connection(pair, use):
    stream = SocketStream(pair[0])
    stream.close()
    with pytest.raises(EngineUnavailable, match="lost"):
        await (stream.write(b"x") if use == "write" else getattr(stream, use)())


async def test_other_side_that_is_gone(pair):
    stream = SocketStream(pair[0])
    pair[1].close()
    assert await stream.read() == b""
    with pytest.raises(EngineUnavailable, match=r"(?i)broken pipe"):
        await stream.write(b"x" * BIG)
    stream.close()


async def test_connection_waits_for_a_listener_with_a_full_queue(tmp_path):
    here = os.open(tmp_path, os.O_RDONLY)
    path = f"/proc/self/fd/{here}/s"
    waiting = [socket.socket(socket.AF_UNIX) for _ in range(2)]
    try:
        with closing(socket.socket(socket.AF_UNIX)) as server:
            server.bind(path)
            server.listen(0)
            for client in waiting:
                client.settimeout(0)
                client.connect_ex(path)
            opening = asyncio.create_task(open_stream(Endpoint("t", path=path), timeout=GUARD))
            await settle()
            assert not opening.done()
            first, _ = server.accept()
            stream = await opening
            await stream.write(b"x")
            second, _ = server.accept()
            assert second.recv(1) == b"x"
            stream.close()
            first.close()
            second.close()
    finally:
        os.close(here)
        for client in waiting:
            client.close()


async def test_connecting_is_bounded(certificates):
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(EngineUnavailable, match=r"did not answer within 0\.1 s"):
            await open_stream(endpoint(port, certificates), timeout=0.1)


async def test_refused_and_unknown_hosts():
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    with pytest.raises(EngineUnavailable, match=r"(?i)refused"):
        await open_stream(Endpoint("t", host="127.0.0.1", port=port), timeout=GUARD)
    with pytest.raises(EngineUnavailable, match="cannot be reached"):
        await open_stream(Endpoint("t", host="no-such-host.invalid", port=1), timeout=GUARD)


# --- TLS ------------------------------------------------------------------------------------------


async def test_tls_half_close_loses_nothing_of_what_follows(certificates):
    def talk(server: ssl.SSLSocket) -> None:
        server.sendall(b"before " * 1000)
        received = b""
        while piece := server.recv(65536):
            received += piece
        server.sendall(b"got %d" % len(received))
        server.unwrap()

    with TlsServer(certificates, talk) as server:
        stream = await open_stream(endpoint(server.port, certificates), timeout=GUARD)
        await stream.write(b"x" * 300_000)
        await stream.write_eof()
        await stream.write_eof()
        assert await read_all(stream) == b"before " * 1000 + b"got 300000"
        stream.close()


async def test_tls_reader_goes_on_while_a_writer_waits(certificates):
    """An echo with small buffers: a peer that does not read blocks the one that writes."""

    def talk(server: ssl.SSLSocket) -> None:
        while data := server.recv(65536):
            server.sendall(data)

    with TlsServer(certificates, talk) as server:
        stream = await open_stream(endpoint(server.port, certificates), timeout=GUARD)

        async def write() -> None:
            await stream.write(b"0123456789abcdef" * (BIG // 16))

        writing = asyncio.create_task(write())
        count = 0
        while count < BIG:
            count += len(await stream.read())
        await writing
        stream.close()


async def test_tls_stream_that_is_cut_off_is_an_error(certificates):
    def talk(server: ssl.SSLSocket) -> None:
        server.sendall(b"half")
        server.detach_raw = socket.socket(fileno=server.detach())  # type: ignore[attr-defined]
        server.detach_raw.close()

    with TlsServer(certificates, talk) as server:
        stream = await open_stream(endpoint(server.port, certificates), timeout=GUARD)
        assert await stream.read() == b"half"
        with pytest.raises(EngineUnavailable, match=r"(?i)eof"):
            await stream.read()
        stream.close()


async def test_tls_connection_closed_while_it_is_read_just_ends(certificates):
    def talk(server: ssl.SSLSocket) -> None:
        server.sendall(SWITCHED)
        while server.recv(65536):
            pass

    with TlsServer(certificates, talk) as server:
        stream = await open_stream(endpoint(server.port, certificates), timeout=GUARD)
        connection = HijackedConnection(stream, tty=False)
        await connection.start("/x", b"{}", host="docker", exec_id="e")
        reading = asyncio.create_task(connection.read())
        await settle()
        connection.close()
        assert await reading == []


async def test_tls_without_the_clients_certificate_says_what_is_missing(certificates):
    with TlsServer(certificates, lambda server: None) as server:
        stream = await open_stream(endpoint(server.port, certificates, cert=False), timeout=GUARD)
        with pytest.raises(EngineUnavailable, match=r"(?i)certificate.required"):
            await stream.read()
        stream.close()


async def test_tls_with_another_ca_is_refused(certificates, tmp_path):
    other = make_certificates(tmp_path)
    with (
        TlsServer(certificates, lambda server: None) as server,
        pytest.raises(EngineUnavailable, match=r"(?i)certificate verify failed"),
    ):
        await open_stream(endpoint(server.port, other), timeout=GUARD)


@pytest.mark.parametrize("broken", ["ca", "cert", "key"])
async def test_tls_files_that_cannot_be_used(certificates, tmp_path, broken):
    folder = certificates.directory
    files = {name: folder / f"{name}.pem" for name in ("ca", "cert", "key")}
    for bad in (tmp_path / "missing.pem", tmp_path / "empty.pem"):
        if bad.stem == "empty":
            bad.touch()
        config = TlsConfig(**(files | {broken: bad}))
        with pytest.raises(ConfigurationError, match=Path(bad).name):
            await open_stream(Endpoint("t", host="127.0.0.1", port=1, tls=config), timeout=GUARD)
