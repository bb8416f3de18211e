"""A container's log: what is asked for, what comes, and its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from dexec_kernel.backend.models import Frame, Stream
from dexec_kernel.errors import ContainerNotFound, StreamCutOff
from dexec_kernel.kube.api import KubeApi
from dexec_kernel.kube.kubeconfig import Cluster, ClusterAccess, User
from dexec_kernel.kube.logs import open_log
from dexec_kernel.kube.names import PodName

NAME = PodName("lab", "web", "main")
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PIECE, END = b"5\r\nline\n\r\n", b"0\r\n\r\n"


class Server:
    """Answers each request with bytes that it was given, and may then leave the line open."""

    def __init__(self) -> None:
        self.answer = b""
        self.stays = False
        self.targets: list[str] = []
        self.port = 0
        self._handlers: list[asyncio.Task[None]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.append(task)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.targets.append(head.split()[1])
        writer.write(self.answer)
        if self.stays:
            await reader.read()
        writer.close()

    def api(self) -> KubeApi:
        cluster = Cluster(f"http://127.0.0.1:{self.port}")
        return KubeApi(ClusterAccess(cluster, User(), "lab", "x", "file"), {})

    async def ended(self) -> None:
        await asyncio.gather(*self._handlers)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    yield made
    listening.close()
    await made.ended()


async def everything(read: Callable[[], object]) -> list[Frame]:
    found: list[Frame] = []
    while frames := await read():  # type: ignore[misc] # a coroutine function
        found += frames
    return found


async def test_a_log_is_read_to_its_end_as_stdout(server):
    server.answer = HEAD + PIECE + PIECE + END
    log = await open_log(server.api(), NAME, follow=False, tail=None, since=0)
    frames = await everything(log.read)
    assert {frame.stream for frame in frames} == {Stream.STDOUT}
    assert b"".join(frame.data for frame in frames) == b"line\nline\n"
    assert server.targets == ["/api/v1/namespaces/lab/pods/web/log?container=main"]
    log.close()


async def test_what_is_asked_for_is_in_the_query(server):
    server.answer = HEAD + END
    log = await open_log(server.api(), NAME, follow=True, tail=0, since=1_700_000_000)
    assert await log.read() == []
    log.close()
    [target] = server.targets
    query = target.partition("?")[2].split("&")
    assert query == [
        "container=main",
        "follow=true",
        "tailLines=0",
        "sinceTime=2023-11-14T22%3A13%3A20%2B00%3A00",
    ]


async def test_a_pod_that_is_gone_is_named(server):
    server.answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"
    with pytest.raises(ContainerNotFound, match="lab/web"):
        await open_log(server.api(), NAME, follow=False, tail=None, since=0)


async def test_a_log_that_is_cut_off_says_so(server):
    server.answer = HEAD + PIECE
    log = await open_log(server.api(), NAME, follow=True, tail=None, since=0)
    with pytest.raises(StreamCutOff):
        await everything(log.read)
    log.close()


async def test_a_log_that_is_closed_ends_a_reader_that_waits(server):
    server.answer, server.stays = HEAD + PIECE, True
    log = await open_log(server.api(), NAME, follow=True, tail=None, since=0)
    assert await log.read() == [Frame(Stream.STDOUT, b"line\n")]
    waiting = asyncio.create_task(log.read())
    await asyncio.sleep(0)
    log.close()
    assert await waiting == []
    log.close()
    assert await log.read() == []
