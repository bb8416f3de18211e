"""The API version that is spoken, and the calls that an engine is too old for."""

from __future__ import annotations

import asyncio

import pytest

from dexec_kernel.backend.models import ConsoleSize, ExecConfig
from dexec_kernel.engine.calls import subject_of
from dexec_kernel.engine.client import NEWEST_API, EngineClient, version_tuple
from dexec_kernel.engine.http.answer import no_answer
from dexec_kernel.engine.ssh.destination import SshDestination
from dexec_kernel.engine.ssh.route import SshRoute
from dexec_kernel.errors import (
    ApiVersionError,
    ConfigurationError,
    EngineUnavailable,
    ProtocolError,
)
from tests.unit.support.fake_engine import answer, pong


@pytest.fixture(autouse=True)
def containers(engine):
    engine.on(r"GET /v[\d.]+/containers/json", answer(200, []))
    engine.on(r"POST /v[\d.]+/containers/c/exec", answer(201, {"Id": "e1"}))


@pytest.mark.parametrize(
    ("offered", "spoken"),
    [("1.41", "1.41"), ("1.9999", NEWEST_API), ("2.0", NEWEST_API), ("1.24", "1.24"), ("", "1.24")],
)
async def test_highest_version_that_both_know(engine, client, offered, spoken):
    engine.on("GET /_ping", pong(Api_Version=offered))
    await client.container_list()
    assert await client.api_version() == spoken
    assert engine.requests[-1].path.startswith(f"/v{spoken}/")


async def test_version_is_asked_once(engine, client):
    await asyncio.gather(*(client.container_list() for _ in range(5)))
    assert engine.calls.count("GET /_ping") == 1


async def test_pinned_version_is_not_asked(engine):
    async with engine.client(api_version="v1.30") as client:
        await client.container_list()
    assert [call.split("?")[0] for call in engine.calls] == ["GET /v1.30/containers/json"]


async def test_version_and_engine_from_the_environment(engine):
    environ = {"DOCKER_HOST": engine.endpoint.url, "DOCKER_API_VERSION": "1.30"}
    async with await EngineClient.from_environment(environ) as client:
        assert await client.api_version() == "1.30"


@pytest.mark.parametrize("version", ["1", "1.2.3", "x.y", "one"])
async def test_malformed_pin_is_an_error_at_once(engine, version):
    with pytest.raises(ConfigurationError, match="not an API version"):
        engine.client(api_version=version)


async def test_engine_that_is_too_old(engine, client):
    engine.on("GET /_ping", pong(Api_Version="1.23"))
    with pytest.raises(ApiVersionError, match=r"1\.23"):
        await client.container_list()
    assert engine.calls == ["GET /_ping"]


async def test_engine_whose_version_makes_no_sense(engine, client):
    engine.on("GET /_ping", pong(Api_Version="new"))
    with pytest.raises(ProtocolError, match="'new'"):
        await client.container_list()


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b"\xff" * 5_000_000])
async def test_page_in_place_of_an_engine_is_no_old_engine(engine, client, body):
    engine.on("GET /_ping", answer(200, body))
    with pytest.raises(ProtocolError, match="no engine") as raised:
        await client.container_list()
    assert len(str(raised.value)) < 2_000
    engine.on("GET /_ping", pong())
    await client.container_list()


async def test_engine_that_was_too_old_is_asked_anew(engine, client):
    engine.on("GET /_ping", pong(Api_Version="1.24"))
    config = ExecConfig(["x"], env={"A": "b"})
    with pytest.raises(ApiVersionError):
        await client.container_exec_create("c", config)
    engine.on("GET /_ping", pong())
    assert await client.container_exec_create("c", config) == "e1"


async def test_what_is_no_http_is_quoted(engine, client):
    async def garbage(_request, _reader, writer):
        writer.write(b"\x07\x1b[31m\n\n" * 100)
        raise ConnectionResetError

    engine.on("GET /_ping", garbage)
    with pytest.raises(EngineUnavailable) as raised:
        await client.ping()
    assert raised.value.message.isprintable()
    assert raised.value.advice


async def test_refused_version_is_asked_anew(engine, client):
    await client.container_list()
    refusal = {"message": "client version 1.41 is too new. Maximum supported API version is 1.40"}
    engine.on(r"GET /v1\.41/", answer(400, refusal))
    engine.on("GET /_ping", pong(Api_Version="1.40"))
    with pytest.raises(ApiVersionError, match="too new"):
        await client.container_list()
    await client.container_list()
    assert "/v1.40/" in engine.requests[-1].path


@pytest.mark.parametrize(
    ("version", "config", "what"),
    [
        ("1.24", ExecConfig(["x"], env={"A": "secret"}), "environment"),
        ("1.34", ExecConfig(["x"], working_dir="/w"), "working directory"),
    ],
)
async def test_what_the_engine_is_too_old_for_is_not_sent(engine, client, version, config, what):
    engine.on("GET /_ping", pong(Api_Version=version))
    with pytest.raises(ApiVersionError, match=what) as caught:
        await client.container_exec_create("c", config)
    assert version in caught.value.message
    assert engine.calls == ["GET /_ping"]


@pytest.mark.parametrize(
    ("version", "config"),
    [
        ("1.25", ExecConfig(["x"], env={"A": "b"})),
        ("1.35", ExecConfig(["x"], working_dir="/w")),
        ("1.24", ExecConfig(["x"], user="u")),
    ],
)
async def test_what_the_engine_just_knows_is_sent(engine, client, version, config):
    engine.on("GET /_ping", pong(Api_Version=version))
    assert await client.container_exec_create("c", config) == "e1"


@pytest.mark.parametrize(("version", "sent"), [("1.25", None), ("1.34", None), ("1.35", "/")])
async def test_a_command_begins_in_root_where_the_engine_can_have_it_so(
    engine, client, version, sent
):
    """One that goes to its folder by itself needs no newer engine for that."""
    engine.on("GET /_ping", pong(Api_Version=version))
    await client.container_exec_create("c", ExecConfig(["x"], in_root=True))
    assert engine.requests[-1].json.get("WorkingDir") == sent


@pytest.mark.parametrize(("version", "sent"), [("1.41", None), ("1.42", [24, 80])])
async def test_console_size_goes_to_engines_that_know_it(engine, client, version, sent):
    engine.on("GET /_ping", pong(Api_Version=version))
    size = ConsoleSize(24, 80)
    await client.container_exec_create("c", ExecConfig(["x"], tty=True, console_size=size))
    assert engine.requests[-1].json.get("ConsoleSize") == sent


async def test_impossible_config_is_refused_before_anything_is_sent(engine, client):
    with pytest.raises(ConfigurationError):
        await client.container_exec_create("c", ExecConfig(["x" * 131_072]))
    assert engine.calls == []


async def test_ping_tells_podman_from_docker(engine, client):
    assert not (await client.ping()).is_podman
    engine.on("GET /_ping", pong(Libpod_Api_Version="4.3.1", Server="Libpod/4.3.1 (linux)"))
    found = await client.ping()
    assert found.is_podman
    assert (found.api_version, found.server) == ("1.41", "Libpod/4.3.1 (linux)")


def test_versions_compare_as_numbers():
    assert version_tuple("1.9") < version_tuple("v1.41") < version_tuple("2.0")


class Tunnel(SshRoute):
    """A route whose connections end, so many times, between getting ready and being used."""

    def __init__(self, path: str, *, losses: int) -> None:
        super().__init__(SshDestination("far"), "advice")
        self.paths = ["/nobody/is/there"] * losses + [path]
        self.times_ready = 0

    @property
    def path(self) -> str:
        return self.paths[min(self.times_ready, len(self.paths)) - 1]

    async def ready(self) -> None:
        self.times_ready += 1


@pytest.mark.parametrize("losses", [0, 1, 2, 9])
async def test_a_tunnel_that_ends_before_it_is_used_is_made_again(engine, monkeypatch, losses):
    tunnel = Tunnel(engine.endpoint.path, losses=losses)
    monkeypatch.setattr("dexec_kernel.engine.calls.route_of", lambda _: tunnel)
    async with engine.client() as client:
        if losses < 3:
            assert (await client.ping()).api_version
        else:
            with pytest.raises(EngineUnavailable, match="ended before the engine answered"):
                await client.ping()
    assert tunnel.times_ready == min(losses + 1, 3)


async def test_a_call_without_an_answer_through_a_tunnel(engine):
    """The engine may be well, and the connection frozen."""
    for container, advised in (("", "Try again: that makes a new connection. advice"), ("c", "c")):
        error = no_answer(Tunnel("", losses=0), 10, "GET /_ping", subject=container)
        assert "Its connection may be frozen." in error.message
        assert error.advice.startswith("Try again: that makes a new connection. ")
        assert advised in error.advice
    assert "connection" not in no_answer(engine.endpoint, 10, "GET /_ping", subject="c").message


async def test_a_server_that_is_no_engine(engine, client):
    engine.on("GET /_ping", answer(404))
    with pytest.raises(ProtocolError, match="There is no engine at") as caught:
        await client.container_list()
    assert engine.endpoint.url in caught.value.message


async def test_an_error_shows_the_beginning_of_an_id():
    assert subject_of("0123456789abcdef" * 4) == "the container '0123456789ab'"
    assert (subject_of("web"), subject_of("")) == ("the container 'web'", "")
