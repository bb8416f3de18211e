"""A real engine that takes TLS with client certificates only."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from devtools import containers, images
from devtools.engine import LeanEngine
from devtools.ports import free_port
from devtools.tls import make_certificates
from dexec_kernel.backend.models import ConsoleSize, ExecConfig, Stream
from dexec_kernel.cells.outcome import Exited
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.endpoint import find_endpoint
from dexec_kernel.errors import ConfigurationError, EngineApiError, EngineUnavailable
from tests.engine.execs import Cell, collect, echoed, execute
from tests.waiting import GUARD

NAME = "behind-tls"
FIFTY_MB = 50_000_000


@dataclass(frozen=True)
class Secured:
    url: str
    folder: Path

    def environ(self, folder: Path | None = None) -> dict[str, str]:
        return {
            "DOCKER_HOST": self.url,
            "DOCKER_TLS_VERIFY": "1",
            "DOCKER_CERT_PATH": str(folder or self.folder),
        }


@pytest.fixture(scope="module")
def secured(tmp_path_factory) -> Iterator[Secured]:
    files = make_certificates(tmp_path_factory.mktemp("tls"))
    address = f"tcp://127.0.0.1:{free_port()}"
    with LeanEngine([f"--host={address}", *files.server_args()]) as engine:
        images.ensure_image(engine.host, images.BUSYBOX)
        containers.run_container(engine.host, images.BUSYBOX, NAME)
        yield Secured(address, files.directory)


@pytest.fixture
async def client(secured) -> AsyncIterator[EngineClient]:
    async with EngineClient(find_endpoint(secured.environ())) as ours:
        yield ours


async def test_verbs(client):
    assert (await client.ping()).api_version == "1.41"
    found, out, err = await execute(client, NAME, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (found.exit_code, out, err) == (3, "out\n", "err\n")


async def test_cells(client):
    cell = Cell(client, NAME, "cat; echo é; echo oh >&2; exit 4")
    assert await cell.outcome() == Exited(4, "")
    assert (cell.stdout, cell.stderr) == ("é\n", "oh\n")


@pytest.mark.parametrize("size", [0, 1, 16_384, 3_000_000])
async def test_half_close_loses_nothing_of_what_follows(client, size):
    script = "seq 20000; wc -c; seq 20000"
    config = ExecConfig(["sh", "-c", script], attach_stdin=True)
    exec_id = await client.container_exec_create(NAME, config)
    async with await client.container_exec_attach(exec_id) as connection:
        await connection.write(b"x" * size)
        first = await connection.read()  # The rest waits to be read when the end is sent.
        await connection.close_write()
        rest, err = await asyncio.wait_for(collect(connection), GUARD)
    out = b"".join(frame.data for frame in first) + rest
    numbers = "".join(f"{n}\n" for n in range(1, 20_001))
    assert out.decode() == f"{numbers}{size}\n{numbers}"
    assert err == b""
    assert (await client.container_exec_wait(exec_id)).exit_code == 0


async def test_eight_megabytes_there_and_back(client):
    data = bytes(range(256)) * (8 * 1024 * 4)
    back = await echoed(client, NAME, data)
    assert hashlib.sha256(back).digest() == hashlib.sha256(data).digest()


async def test_fifty_megabytes(client):
    config = ExecConfig(["head", "-c", str(FIFTY_MB), "/dev/zero"])
    exec_id = await client.container_exec_create(NAME, config)
    count = 0
    async with await client.container_exec_attach(exec_id) as connection:
        async for frame in connection:
            assert frame.stream is Stream.STDOUT
            count += len(frame.data)
    assert count == FIFTY_MB


async def test_tty(client):
    config = ExecConfig(["sh", "-c", "read -r x; stty size"], attach_stdin=True, tty=True)
    exec_id = await client.container_exec_create(NAME, config)
    async with await client.container_exec_attach(exec_id, tty=True) as connection:
        await client.container_exec_resize(exec_id, ConsoleSize(12, 34))
        await connection.write(b"\n")
        out, _ = await asyncio.wait_for(collect(connection), GUARD)
    assert out.endswith(b"12 34\r\n")


async def test_another_ca_is_refused(secured, tmp_path):
    make_certificates(tmp_path)
    async with EngineClient(find_endpoint(secured.environ(tmp_path))) as client:
        with pytest.raises(EngineUnavailable, match=r"(?i)certificate verify failed"):
            await client.ping()


@pytest.mark.parametrize("pinned", ["", "1.41"])
async def test_missing_client_certificate_is_named(secured, tmp_path, pinned):
    (tmp_path / "ca.pem").write_bytes((secured.folder / "ca.pem").read_bytes())
    endpoint = find_endpoint(secured.environ(tmp_path))
    async with EngineClient(endpoint, api_version=pinned) as client:
        call = client.container_exec_attach("0" * 64) if pinned else client.ping()
        with pytest.raises(EngineUnavailable, match=r"(?i)certificate"):
            await call


@pytest.mark.parametrize("broken", ["cert", "key"])
async def test_unusable_files_are_named(secured, tmp_path, broken):
    for name in ("ca", "cert", "key"):
        content = (secured.folder / f"{name}.pem").read_bytes()
        (tmp_path / f"{name}.pem").write_bytes(b"" if name == broken else content)
    async with EngineClient(find_endpoint(secured.environ(tmp_path))) as client:
        with pytest.raises((ConfigurationError, EngineUnavailable)):
            await client.ping()
    async with EngineClient(find_endpoint(secured.environ(tmp_path)), api_version="1.41") as client:
        with pytest.raises(ConfigurationError, match=f"{broken}.pem"):
            await client.container_exec_attach("0" * 64)


async def test_plain_connection_to_a_secured_engine_is_an_error(secured):
    endpoint = find_endpoint({"DOCKER_HOST": secured.url})
    async with EngineClient(endpoint) as client:
        with pytest.raises(EngineApiError, match=r"(?i)HTTPS server"):
            await client.ping()
