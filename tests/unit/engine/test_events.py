"""The engine's events: decoded however they are cut, and followed through faults."""

from __future__ import annotations

import asyncio
import json

import pytest

from dexec_kernel.engine.events import UNREADABLE, ContainerEvent, EventDecoder
from dexec_kernel.engine.watch import EngineWatch
from dexec_kernel.errors import EngineApiError, ProtocolError
from tests.unit.support.fake_engine import FakeEngine, answer


def line(action: str, name: str = "web") -> bytes:
    actor = {"ID": f"{name}-id", "Attributes": {"name": name}}
    return json.dumps({"Type": "container", "Action": action, "Actor": actor}).encode() + b"\n"


def test_events_are_decoded_however_they_are_cut():
    data = line("start") + b"\r\n" + line("exec_create: sh -c true", "db") + line("die")
    expected = [
        ContainerEvent("start", "web-id", "web"),
        ContainerEvent("exec_create", "db-id", "db"),
        ContainerEvent("die", "web-id", "web"),
    ]
    for size in (1, 7, len(data)):
        decoder = EventDecoder()
        found = []
        for start in range(0, len(data), size):
            found += decoder.receive_data(data[start : start + size])
        assert found == expected


@pytest.mark.parametrize(
    "data",
    [b"{", b"[]", b'{"Action": "die"}', b"1", b"9" * 5_000, b"[" * 5_000, b"\xff", b'{"Actor": 3}'],
)
def test_what_cannot_be_read_is_an_event_all_the_same(data):
    found = EventDecoder().receive_data(data + b"\n" + line("die"))
    assert found == [UNREADABLE, ContainerEvent("die", "web-id", "web")]


def test_an_event_without_end_is_a_protocol_error():
    decoder = EventDecoder()
    decoder.receive_data(b"x" * 4_000_000)
    with pytest.raises(ProtocolError, match="more than"):
        decoder.receive_data(b"x" * 1_000_000)


def container(name: str) -> dict[str, object]:
    return {"Id": f"{name}-id", "Names": [f"/{name}"], "State": "running", "Image": "i"}


async def test_refused_events_are_an_error(engine, client):
    engine.on(r"GET /v1\.41/events", answer(403, {"message": "not for you"}))
    with pytest.raises(EngineApiError, match="not for you"):
        await client.events()


class Watched:
    """A watch on a fake engine: the lists of names and the errors that it told."""

    def __init__(self, engine: FakeEngine) -> None:
        self.lists: list[list[str]] = []
        self.changed = asyncio.Event()
        self.failed = asyncio.Queue[str]()

        #: Raised once, where a test sets it.
        self.fault: Exception | None = None

        async def on_containers(containers):
            fault, self.fault = self.fault, None
            if fault is not None:
                raise fault
            self.lists.append([item.name for item in containers])
            self.changed.set()

        environ = {"DOCKER_HOST": f"unix://{engine.endpoint.path}"}
        self.watch = EngineWatch(
            environ,
            on_containers=on_containers,
            on_lost=lambda error: self.failed.put_nowait(error.name),
        )

    async def until(self, names: list[str]) -> None:
        async with asyncio.timeout(10):
            while not self.lists or self.lists[-1] != names:
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
async def watched(engine: FakeEngine):
    watched = Watched(engine)
    task = asyncio.create_task(watched.watch.run())
    yield watched
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class Events:
    """Answers with a stream that a test feeds."""

    def __init__(self) -> None:
        self.writers: list[asyncio.StreamWriter] = []
        self.over = asyncio.Event()

    async def __call__(self, _request, _reader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.writers.append(writer)
        await self.over.wait()
        raise ConnectionResetError

    def hang_up(self) -> None:
        self.over.set()
        self.over = asyncio.Event()

    def send(self, data: bytes) -> None:
        self.writers[-1].write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


async def test_the_list_follows_the_events_and_a_connection_that_is_lost(engine, watched):
    events = Events()
    engine.on(r"GET /v1\.41/events", events)
    engine.on(r"GET /v1\.41/containers/json", answer(200, [container("web")]))
    await watched.until(["web"])

    engine.on(r"GET /v1\.41/containers/json", answer(200, [container("web"), container("db")]))
    events.send(line("start", "db"))
    await watched.until(["web", "db"])

    stopped = {**container("db"), "State": "paused"}
    engine.on(r"GET /v1\.41/containers/json", answer(200, [stopped]))
    events.send(line("pause", "db"))
    await watched.until([])

    engine.on(r"GET /v1\.41/containers/json", answer(200, [container("new")]))
    events.hang_up()
    await watched.until(["new"])
    assert not watched.failed.empty()
    assert len(events.writers) >= 2


async def test_an_engine_that_answers_nonsense_is_tried_again(engine, watched):
    engine.on(r"GET /v1\.41/events", Events())
    engine.on(r"GET /v1\.41/containers/json", answer(200, {"no": "list"}))
    async with asyncio.timeout(10):
        assert [await watched.failed.get() for _ in range(2)] == ["ProtocolError"] * 2
    engine.on(r"GET /v1\.41/containers/json", answer(200, [container("web")]))
    await watched.until(["web"])


async def test_without_events_the_containers_are_listed_all_the_same(engine, watched):
    engine.on(r"GET /v1\.41/events", answer(403, {"message": "no"}))
    engine.on(r"GET /v1\.41/containers/json", answer(200, [container("web")]))
    await watched.until(["web"])
    assert watched.failed.empty()


@pytest.mark.parametrize("fault", [ValueError("a label of 5,000 digits"), RecursionError()])
async def test_a_watch_begins_again_whatever_is_raised(engine, watched, caplog, fault):
    watched.fault = fault
    engine.on(r"GET /v1\.41/events", answer(403, {"message": "not for you"}))
    engine.on(r"GET /v1\.41/containers/json", answer(200, [container("web")]))
    assert await watched.failed.get() == "EngineError"
    await watched.until(["web"])
    assert "begins again" in caplog.text


async def test_a_container_that_cannot_be_read_drops_itself_alone(engine, watched):
    bad = {**container("bad"), "Labels": {"a": ["b"]}}
    engine.on(r"GET /v1\.41/events", answer(403, {"message": "not for you"}))
    engine.on(r"GET /v1\.41/containers/json", answer(200, [bad, container("web")]))
    await watched.until(["web"])
