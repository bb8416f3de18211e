"""The verbs for images against an engine that answers as it likes."""

from __future__ import annotations

import json

import pytest

from dexec_kernel.backend.images import PullProgress
from dexec_kernel.engine.images import split_name
from dexec_kernel.errors import (
    ConfigurationError,
    EngineApiError,
    ImageNotFound,
    ImageNotLoaded,
    ImageNotPulled,
    ProtocolError,
    StreamCutOff,
)
from tests.unit.support.fake_engine import answer, hang_up
from tests.unit.support.wire import CHUNKED, chunk


def stream(*reports) -> bytes:
    return CHUNKED + b"".join(chunk(json.dumps(item).encode() + b"\r\n") for item in reports)


async def archive():
    yield b"a tar"
    yield b" of images"


DOWNLOADING = {"status": "Downloading", "id": "a", "progressDetail": {"current": 1, "total": 4}}
CREATE, LOAD = r"POST /v[\d.]+/images/create", r"POST /v[\d.]+/images/load"


async def test_an_image_is_pulled(engine, client):
    done = {"status": "Pull complete", "id": "a"}
    engine.on(CREATE, hang_up(stream(DOWNLOADING, done) + chunk(b"")))
    found = []
    await client.image_pull("host:5000/a b@sha256:12", found.append)
    assert found == [PullProgress(1, 4), PullProgress(4, 4)]
    assert engine.calls[-1].endswith("?fromImage=host%3A5000%2Fa+b&tag=sha256%3A12")


@pytest.mark.parametrize(
    "reply",
    [
        stream(DOWNLOADING, {"error": "no route to host", "errorDetail": {}}) + chunk(b""),
        answer(404, {"message": "no route to host."}),
        answer(500, {"message": "Get registry: no route to host"}),
    ],
)
async def test_a_pull_that_is_refused_says_what_to_do(engine, client, reply):
    engine.on(CREATE, hang_up(reply))
    with pytest.raises(ImageNotPulled, match=r"no route to host\.") as caught:
        await client.image_pull("debian:1")
    assert isinstance(caught.value, ImageNotFound)
    assert caught.value.image == "debian:1"
    for word in ("docker pull debian:1", "docker save -o image.tar debian:1", "docker load"):
        assert word in caught.value.advice


async def test_a_stream_that_makes_no_sense(engine, client):
    engine.on(CREATE, hang_up(stream(DOWNLOADING)))
    with pytest.raises(StreamCutOff):
        await client.image_pull("debian:1")
    engine.on(CREATE, hang_up(CHUNKED + chunk(b"{\n") + chunk(b"")))
    with pytest.raises(ProtocolError):
        await client.image_pull("debian:1")


async def test_images_are_loaded(engine, client):
    said = [{"stream": "Loaded image: a:1\n"}, {"stream": "Loaded image: a:1\n"}]
    engine.on(LOAD, hang_up(stream(*said, {"stream": "Loaded image ID: sha256:1\n"}) + chunk(b"")))
    assert await client.image_load(archive()) == ("a:1", "sha256:1")


@pytest.mark.parametrize(
    "reply",
    [
        stream({"error": "invalid tar header"}) + chunk(b""),
        answer(500, {"message": "invalid tar header"}),
    ],
)
async def test_a_file_that_cannot_be_loaded(engine, client, reply):
    engine.on(LOAD, hang_up(reply))
    with pytest.raises(ImageNotLoaded, match=r"invalid tar header\.") as caught:
        await client.image_load(archive())
    assert "docker save" in caught.value.advice


async def test_other_refusals_of_inspect(engine, client):
    engine.on(r"GET /v[\d.]+/images/", answer(500, {"message": "broken"}))
    with pytest.raises(EngineApiError, match="broken"):
        await client.image_inspect("a/b:1")
    assert engine.calls[-1].endswith("/images/a/b:1/json")
    engine.on(r"GET /v[\d.]+/images/", answer(404, {"message": "no"}))
    with pytest.raises(ImageNotFound):
        await client.image_inspect("a/b:1")


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("debian", ("debian", "latest")),
        ("debian:stable", ("debian", "stable")),
        ("host:5000/x", ("host:5000/x", "latest")),
        ("host:5000/x:1", ("host:5000/x", "1")),
        ("x:1@sha256:ab", ("x", "sha256:ab")),
        ("x:", ("x", "latest")),
    ],
)
def test_names_are_split(image, parts):
    assert split_name(image) == parts


@pytest.mark.parametrize("image", ["", ":1", "@sha256:1"])
def test_what_is_no_name(image):
    with pytest.raises(ConfigurationError):
        split_name(image)
