"""Calls whose credentials are refused: asked once more with new ones, where there are any."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from dexec_kernel.errors import CredentialsRefused, DexecError, EngineUnavailable, RightMissing
from dexec_kernel.kube.api import KubeApi
from dexec_kernel.kube.kubeconfig import Cluster, ClusterAccess, ExecPlugin, User
from dexec_kernel.kube.names import PodName

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n" + b'{"gitVersion":"v1.31"}'
REFUSED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}"
OPENED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nlog\r\n0\r\n\r\n"


@pytest.fixture
async def cluster(tmp_path):
    """Return a function that makes a cluster that gives answers in turn; it notes the tokens."""
    servers = []

    async def make(*answers: bytes) -> tuple[KubeApi, list[str]]:
        waiting, tokens = list(answers), []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while head := await _head(reader):
                tokens.append(head.partition("Bearer ")[2].split("\r\n")[0])
                answer = waiting.pop(0)
                writer.write(answer)
                if not answer:
                    break
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        servers.append(server)
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        access = ClusterAccess(Cluster(address), User(plugin=_plugin(tmp_path)), "n", "c", "file")
        return KubeApi(access, {"PATH": "/usr/bin:/bin"}), tokens

    yield make
    for server in servers:
        server.close()


async def _head(reader: asyncio.StreamReader) -> str:
    try:
        return (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return ""


def _plugin(folder) -> ExecPlugin:
    """Print another token each time."""
    path, count = folder / "plugin", folder / "count"
    path.write_text(
        f"#!/bin/sh\necho >>{count}\n"
        'echo "{\\"status\\": {\\"token\\": \\"t$(grep -c "" ' + str(count) + ')\\"}}"\n'
    )
    path.chmod(0o755)
    return ExecPlugin("client.authentication.k8s.io/v1", str(path))


async def _version(api: KubeApi) -> str:
    return await api.version()


async def _log(api: KubeApi) -> str:
    async with api.streamed("/log") as pieces:
        return b"".join([piece async for piece in pieces]).decode()


@pytest.mark.parametrize(
    ("call", "answer", "result"), [(_version, OK, "v1.31"), (_log, OPENED, "log")]
)
async def test_refused_credentials_are_fetched_anew_once(
    cluster: Callable[..., object], call, answer, result
):
    api, tokens = await cluster(REFUSED, answer)
    assert await call(api) == result
    assert tokens == ["t1", "t2"]
    api.close()

    api, tokens = await cluster(REFUSED, REFUSED, answer)
    with pytest.raises(CredentialsRefused):
        await call(api)
    assert len(tokens) == 2
    api.close()


async def test_who_logs_in_again_on_a_terminal_is_let_in(cluster, tmp_path, monkeypatch):
    api, tokens = await cluster(OK, REFUSED, OK, REFUSED, REFUSED)
    file = tmp_path / "kubeconfig"

    def write(token: str, server: str = "") -> None:
        content = {
            "current-context": "other",
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "clusters": [{"name": "k", "cluster": {"server": server or access.cluster.server}}],
            "users": [{"name": "u", "user": {"token": token}}],
        }
        file.write_text(json.dumps(content))

    access = replace(api.access, user=User(token="old"))
    api = KubeApi(access, {"KUBECONFIG": str(file)})
    write("old")
    assert await api.version() == "v1.31"
    write("new")
    assert await api.version() == "v1.31"
    assert tokens == ["old", "old", "new"]
    # No other cluster is told the token of this one, nor this one the other's.
    write("other", "https://elsewhere")
    with pytest.raises(CredentialsRefused):
        await api.version()
    file.unlink()
    with pytest.raises(CredentialsRefused):
        await api.version()
    assert tokens == ["old", "old", "new", "new", "new"]
    api.close()


FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 15\r\n\r\n" + b'{"message":"x"}'


@pytest.mark.parametrize(
    ("answer", "error", "is_open"),
    [
        (FORBIDDEN, RightMissing, False),
        (b"", EngineUnavailable, True),
        (b"x\r\n\r\n", DexecError, True),
    ],
)
async def test_an_exec_may_have_begun_unless_it_was_refused(
    cluster: Callable[..., object], answer, error, is_open
):
    api, _ = await cluster(answer)
    said: list[bool] = []
    with pytest.raises(error):
        await api.open_exec(
            PodName("lab", "web", "main"),
            ["ls"],
            stdin=False,
            tty=False,
            unanswered=lambda: said.append(True),
        )
    assert bool(said) is is_open
    api.close()
