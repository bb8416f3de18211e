"""The archive verbs against an engine that answers as it likes."""

from __future__ import annotations

import base64
import json
import math

import pytest

from dexec_kernel.engine.http import exchange
from dexec_kernel.errors import (
    ConfigurationError,
    ContainerNotFound,
    EngineApiError,
    EngineUnavailable,
    FileSystemReadOnly,
    PathForbidden,
    PathNotFound,
    ProtocolError,
    StreamCutOff,
)
from tests.unit.support.fake_engine import FakeEngine, answer, hang_up, stall

INSPECT = answer(
    200, {"Id": "c1", "Name": "/web", "Config": {"Image": "i"}, "State": {"Running": True}}
)
STAT = {"name": "f", "size": 1, "mode": 0o644, "mtime": "", "linkTarget": ""}
ARCHIVE = r"\S+ /v[\d.]+/containers/web/archive"


def head(stat, more=""):
    encoded = base64.b64encode(json.dumps(stat).encode()).decode()
    return f"HTTP/1.1 200 OK\r\nX-Docker-Container-Path-Stat: {encoded}\r\n{more}\r\n".encode()


async def endless():
    while True:
        yield bytes(100_000)


@pytest.fixture
async def engine(tmp_path):
    async with FakeEngine(tmp_path) as fake:
        fake.on(r"GET /v[\d.]+/containers/web/json", INSPECT)
        yield fake


@pytest.fixture
async def api(engine):
    async with engine.client() as client:
        yield client


async def test_names_and_paths_are_quoted(engine, api):
    engine.on(".*archive", answer(404, {"message": "no"}))
    engine.on(".*json", answer(404, {"message": "no"}))
    with pytest.raises(ContainerNotFound):
        await api.container_stat_path("a/b", "/x y&z=ü\udcff")
    assert engine.calls[1].endswith("/containers/a%2Fb/archive?path=%2Fx+y%26z%3D%C3%BC%FF")
    for container, path in (("", "/"), ("web", ""), ("web", "/\0")):
        with pytest.raises(ConfigurationError):
            await api.container_stat_path(container, path)


@pytest.mark.parametrize("path", ["/proc/cpuinfo", "/sys", "//dev/shm/a"])
async def test_files_that_no_engine_reaches_may_well_be_there(engine, api, path):
    engine.on(ARCHIVE, answer(404, {"message": "no"}))
    with pytest.raises(PathNotFound, match=f"sees no {path} in") as caught:
        await api.container_stat_path("web", path)
    assert "in a cell" in caught.value.advice
    with pytest.raises(PathNotFound, match="There is no /process"):
        await api.container_stat_path("web", "/process")


@pytest.mark.parametrize(
    ("status", "message", "error"),
    [
        (404, "Could not find the file /f in container web", PathNotFound),
        (500, "lstat /f/x: not a directory", PathNotFound),
        (500, "container rootfs is marked read-only", FileSystemReadOnly),
        (403, "mounted volume is marked read-only", FileSystemReadOnly),
        (500, "open /f: permission denied", PathForbidden),
        (500, "something else", EngineApiError),
    ],
)
async def test_what_an_engine_refuses(engine, api, status, message, error):
    engine.on(ARCHIVE, hang_up(answer(status, {"message": message})))
    with pytest.raises(error) as caught:
        await api.copy_from_container("web", "/f")
    assert type(caught.value) is error
    # It does so while it is sent something, and without reading that.
    with pytest.raises(error):
        await api.copy_to_container("web", "/f", endless())


DEEP = json.loads("[" * 500 + "]" * 500)


@pytest.mark.parametrize(
    "stat",
    [
        *(None, {}, [], {**STAT, "mode": "x"}, {**STAT, "mode": math.inf}, {**STAT, "size": None}),
        *({**STAT, "size": 10**30}, {**STAT, "size": True}, {**STAT, "name": [1]}, DEEP),
    ],
)
async def test_a_stat_that_makes_no_sense(engine, api, stat):
    engine.on(ARCHIVE, head(stat, "Content-Length: 0\r\n"))
    with pytest.raises(ProtocolError):
        await api.container_stat_path("web", "/f")


@pytest.mark.parametrize("more", ["Content-Length: 9\r\n", "Transfer-Encoding: chunked\r\n"])
async def test_an_archive_that_is_cut_off(engine, api, more):
    engine.on(ARCHIVE, hang_up(head(STAT, more) + b"3\r\nabc\r\n"[: 8 if "chunked" in more else 3]))
    async with await api.copy_from_container("web", "/f") as archive:
        with pytest.raises(StreamCutOff):
            async for _ in archive:
                pass


async def test_an_engine_without_an_answer(engine, api, monkeypatch):
    engine.on(ARCHIVE, hang_up())
    with pytest.raises(EngineUnavailable):
        await api.copy_from_container("web", "/f")
    with pytest.raises(EngineUnavailable):
        await api.copy_to_container("web", "/f", endless())
    monkeypatch.setattr(exchange, "ANSWER_TIMEOUT", 0.1)
    engine.on(ARCHIVE, stall)
    with pytest.raises(EngineUnavailable, match="did not answer"):
        await api.container_stat_path("web", "/f")


async def test_what_the_content_raises_goes_through(engine, api):
    async def broken():
        yield b"x"
        raise KeyError

    engine.on(ARCHIVE, stall)
    with pytest.raises(KeyError):
        await api.copy_to_container("web", "/f", broken())
