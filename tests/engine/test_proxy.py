"""Proxies before the engine that drop the upgrade, or forbid calls."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

import pytest

from dexec_kernel.backend.models import ExecConfig
from dexec_kernel.cells.outcome import Exited, Interrupted
from dexec_kernel.cells.workspace import Workspaces
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.endpoint import parse_host
from dexec_kernel.errors import EngineApiError
from tests.engine.execs import Cell, collect, gone

_upgrade = re.compile(rb"(?im)^(connection: upgrade|upgrade: .*)\r\n")
_length = re.compile(rb"(?im)^content-length: (\d+)\r\n")


class Proxy:
    """Passes requests on without their upgrade; one that ``forbidden`` fits is answered 403."""

    def __init__(self, target: str, path: Path) -> None:
        self._target = target
        self._path = path
        self._tasks: set[asyncio.Task[None]] = set()
        self.forbidden = re.compile(rb"(?!)")
        self.creates = 0

    @property
    def host(self) -> str:
        return f"unix://{self._path}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._accept, self._path)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        engine_reader, engine_writer = await asyncio.open_unix_connection(self._target)
        try:
            while head := await self._request(reader, writer, engine_writer):
                if b"/start " in head:
                    # Bytes of the client that follow the request go nowhere.
                    gone = asyncio.create_task(reader.read())
                    answering = asyncio.create_task(_copy(engine_reader, writer))
                    await asyncio.wait({gone, answering}, return_when=asyncio.FIRST_COMPLETED)
                    answering.cancel()
                    gone.cancel()
                    return
                await _answer(engine_reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            engine_writer.close()
            writer.close()

    async def _request(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        engine: asyncio.StreamWriter,
    ) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        length = _length.search(head)
        body = await reader.readexactly(int(length[1])) if length else b""
        self.creates += bool(re.match(rb"POST \S+/exec ", head))
        if self.forbidden.search(head):
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
            raise ConnectionResetError
        engine.write(_upgrade.sub(b"", head) + body)
        return head


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    writer.write(head)
    if length := _length.search(head):
        writer.write(await reader.readexactly(int(length[1])))
        return
    size = 1
    while b"chunked" in head.lower() and size:
        line = await reader.readuntil(b"\r\n")
        size = int(line, 16)
        writer.write(line + await reader.readexactly(size + 2))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


@pytest.fixture
async def proxy(host) -> AsyncIterator[Proxy]:
    with tempfile.TemporaryDirectory(prefix="dexec-") as folder:
        async with Proxy(host.removeprefix("unix://"), Path(folder) / "s") as ours:
            yield ours


@pytest.fixture
async def proxied(proxy) -> AsyncIterator[EngineClient]:
    async with EngineClient(parse_host(proxy.host, source="the test")) as ours:
        yield ours


async def test_output_and_exit_code_come_without_an_upgrade(proxied, busybox):
    config = ExecConfig(["sh", "-c", "echo out; echo err >&2; exit 3"])
    exec_id = await proxied.container_exec_create(busybox, config)
    async with await proxied.container_exec_attach(exec_id) as connection:
        assert not connection.upgraded
        assert await collect(connection) == (b"out\n", b"err\n")
    assert (await proxied.container_exec_wait(exec_id)).exit_code == 3


@pytest.mark.parametrize("name", ["busybox", "debian"])
async def test_cells_run_all_the_same_and_once(proxied, proxy, host, request, name):
    container = request.getfixturevalue(name)
    workspaces = Workspaces()
    source = "echo 'a  é'\necho oh >&2; cat; exit 5"
    for _ in range(2):
        cell = Cell(proxied, container, source, workspaces=workspaces)
        assert await cell.outcome() == Exited(5, "")
        assert (cell.stdout, cell.stderr) == ("a  é\n", "oh\n")
    # bash, sh where there is no bash, once more without stdin, and the second cell.
    assert proxy.creates == (4 if name == "busybox" else 3)
    await gone(host, container)


async def test_large_cell(proxied, debian):
    cell = Cell(proxied, debian, "printf %s '" + "é" * 300_000 + "' | wc -c")
    assert await cell.outcome() == Exited(0, "")
    assert cell.stdout.strip() == "600000"


async def test_interrupt(proxied, host, debian):
    cell = Cell(proxied, debian, "echo begun; sleep 84")
    task = await cell.started()
    cell.run.interrupt()
    assert await task == Interrupted("SIGINT", "")
    await gone(host, debian)


async def test_proxy_that_forbids_execs_is_named(proxied, proxy, debian):
    proxy.forbidden = re.compile(rb"POST \S+/exec ")
    outcome = await Cell(proxied, debian, "true").outcome()
    assert isinstance(outcome.error, EngineApiError)
    assert outcome.error.status == 403
    assert "containers/*/exec" in outcome.error.advice


async def test_proxy_that_forbids_the_start(proxied, proxy, debian):
    proxy.forbidden = re.compile(rb"POST \S+/start ")
    outcome = await Cell(proxied, debian, "true").outcome()
    assert outcome.error.status == 403
