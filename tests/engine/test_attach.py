"""A container's main process over the WebSocket: unix sockets, TCP, TLS, with and without a Tty."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import pytest

from devtools import api, containers, images
from devtools.engine import LeanEngine
from devtools.ports import free_port
from devtools.tls import make_certificates
from dexec_kernel.backend.models import Stream
from dexec_kernel.engine.client import EngineClient, version_tuple
from dexec_kernel.engine.endpoint import find_endpoint
from dexec_kernel.errors import ContainerNotFound, ContainerPaused, EngineApiError
from tests.waiting import GUARD, waiting

READER = 'while read -r x; do echo "got $x"; done; echo EOF; exec sleep 2147483647'
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def engines(tmp_path_factory) -> Iterator[dict[str, tuple[str, dict[str, str]]]]:
    """Kinds of endpoints, each with the engine's unix socket and our environment."""
    files = make_certificates(tmp_path_factory.mktemp("tls"))
    plain, secure = (f"tcp://127.0.0.1:{free_port()}" for _ in range(2))
    tls = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(files.directory)}
    with (
        LeanEngine([f"--host={plain}", "--tls=false"]) as open_engine,
        LeanEngine([f"--host={secure}", *files.server_args()]) as secured,
    ):
        for engine in (open_engine, secured):
            images.ensure_image(engine.host, images.BUSYBOX)
        yield {
            "unix": (open_engine.host, {"DOCKER_HOST": open_engine.host}),
            "tcp": (open_engine.host, {"DOCKER_HOST": plain}),
            "tls": (secured.host, {"DOCKER_HOST": secure, **tls}),
        }


@dataclass(frozen=True)
class Place:
    client: EngineClient
    host: str
    run: Callable[..., str]

    def alive(self, name: str) -> bool:
        return containers.inspect(self.host, name)["State"]["Status"] == "running"

    def log(self, name: str) -> bytes:
        query = {"stdout": "1", "stderr": "1"}
        return api.call(self.host, "GET", f"/containers/{name}/logs", query=query)


@pytest.fixture(params=["unix", "tcp", "tls"])
async def place(engines, request) -> AsyncIterator[Place]:
    host, environ = engines[request.param]
    made: list[str] = []

    def run(script: str = READER, **options: object) -> str:
        made.append(f"attach-{next(_numbers)}")
        command = ["sh", "-c", script]
        containers.run_container(host, images.BUSYBOX, made[-1], cmd=command, **options)
        return made[-1]

    async with EngineClient(find_endpoint(environ)) as client:
        yield Place(client, host, run)
    for name in made:
        containers.remove_container(host, name)


async def until(connection, part: bytes) -> bytes:
    """Read until a part has come; return all of the text."""
    text = b""
    async with asyncio.timeout(GUARD):
        while part not in text:
            frames = await connection.read()
            assert frames, text
            assert {frame.stream for frame in frames} == {Stream.STDOUT}
            text += b"".join(frame.data for frame in frames)
    return text


@pytest.mark.parametrize("tty", [False, True])
async def test_lines_in_and_out_and_the_process_outlives_us(place, tty):
    name = place.run(open_stdin=True, tty=tty)
    end = b"\r\n" if tty else b"\n"
    # Each but the first proves that the stdin was left open.
    for word in (b"one", "zwei \xfc".encode(), b"three"):
        async with await place.client.container_attach_ws(name, stdin=True) as connection:
            await connection.write(word + b"\n")
            text = await until(connection, b"got " + word + end)
        assert text == (word + end if tty else b"") + b"got " + word + end
    assert place.alive(name)
    assert b"EOF" not in place.log(name)


async def test_stdout_and_stderr_are_one(place):
    name = place.run("while sleep .05; do echo out; echo oh >&2; done")
    async with await place.client.container_attach_ws(name) as connection:
        text = b""
        while not (b"out\n" in text and b"oh\n" in text):
            frames = await asyncio.wait_for(connection.read(), GUARD)
            text += b"".join(frame.data for frame in frames)
    assert set(text.split(b"\n")) <= {b"out", b"oh", b""}
    assert place.alive(name)


@pytest.mark.parametrize("stdin", [False, True])
async def test_stdin_once_is_closed_with_any_connection_of_an_old_api(place, stdin):
    # Why %attach does not attach there.
    assert version_tuple(await place.client.api_version()) < (1, 42)
    script = f"(while sleep .1; do echo tick; done) & {READER}"
    name = place.run(script, open_stdin=True, stdin_once=True)
    async with await place.client.container_attach_ws(name, stdin=stdin) as connection:
        await until(connection, b"tick\n")  # The engine has joined us to the process.
    async with await place.client.container_logs(name, follow=True) as log:
        assert b"got" not in await until(log, b"EOF\n")
    assert place.alive(name)


async def test_stdin_once_stays_open_with_a_tty(place):
    name = place.run(open_stdin=True, stdin_once=True, tty=True)
    for word in (b"one", b"two"):
        async with await place.client.container_attach_ws(name, stdin=True) as connection:
            await connection.write(word + b"\n")
            await until(connection, b"got " + word + b"\r\n")
    assert place.alive(name)


async def test_a_lot_of_output(place):
    size = 8_000_000
    name = place.run(
        f"read -r x; head -c {size} /dev/zero; echo end; sleep 2147483647", open_stdin=True
    )
    async with await place.client.container_attach_ws(name, stdin=True) as connection:
        await connection.write(b"\n")
        assert len(await until(connection, b"end\n")) == size + 4


async def test_a_waiting_read_can_be_given_up_and_be_closed(place):
    name = place.run("exec sleep 2147483647")
    async with await place.client.container_attach_ws(name) as connection:
        reading = await waiting(asyncio.create_task(connection.read()))
        reading.cancel()
        async with asyncio.timeout(GUARD):
            await asyncio.gather(reading, return_exceptions=True)
        assert reading.cancelled()
        reading = await waiting(asyncio.create_task(connection.read()))
        connection.close()
        async with asyncio.timeout(GUARD):
            assert await reading == []
    assert place.alive(name)


async def test_the_end_of_the_process_is_the_end_of_the_stream(place):
    name = place.run("exec sleep 2147483647")
    async with await place.client.container_attach_ws(name) as connection:
        containers.kill(place.host, name)
        assert await asyncio.wait_for(connection.read(), GUARD) == []
        assert await connection.read() == []


async def test_refusals(place):
    with pytest.raises(ContainerNotFound, match="nowhere"):
        await place.client.container_attach_ws("nowhere")
    name = place.run()
    containers.pause(place.host, name)
    with pytest.raises(ContainerPaused, match=name):
        await place.client.container_attach_ws(name)
    containers.unpause(place.host, name)


async def test_podman_has_none(podman, podman_busybox):
    async with EngineClient(find_endpoint({"DOCKER_HOST": podman.host})) as client:
        with pytest.raises(EngineApiError, match="over a WebSocket") as caught:
            await client.container_attach_ws(podman_busybox)
    assert "Podman cannot" in caught.value.advice
    assert not isinstance(caught.value, ContainerNotFound)
