"""A cluster's address: TLS, the prefix of its paths, and an HTTP proxy before it."""

from __future__ import annotations

import asyncio
import base64
import ssl
from contextlib import suppress
from dataclasses import replace

import pytest

from devtools.tls import make_certificates
from dexec_kernel.errors import ConfigurationError, EngineUnavailable
from dexec_kernel.kube.address import KubeAddress
from dexec_kernel.kube.api import KubeApi
from dexec_kernel.kube.credentials import Credentials
from dexec_kernel.kube.kubeconfig import Cluster, ClusterAccess, User

VERSION = b"HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n" + b'{"gitVersion":"v1.31"}'
PASSED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Servers:
    """A cluster with TLS, and a proxy that passes on to it whatever is asked for."""

    def __init__(self, folder) -> None:
        self.tls = make_certificates(folder).directory
        #: The heads of the requests to the cluster, and to the proxy.
        self.asked: list[str] = []
        self.passed: list[str] = []
        #: What the proxy answers.
        self.answer = PASSED
        self._servers: list[asyncio.Server] = []
        self._handlers: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.tls / "server-cert.pem", self.tls / "server-key.pem")
        cluster = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        proxy = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self._servers = [cluster, proxy]
        self.port, self.proxy_port = (s.sockets[0].getsockname()[1] for s in self._servers)

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        await asyncio.gather(*self._handlers)

    def _note(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)

    @property
    def proxy(self) -> str:
        return f"http://me:s3cret@127.0.0.1:{self.proxy_port}"

    def api(self, server: str, environ: dict[str, str], **changes: object) -> KubeApi:
        cluster = Cluster(server, ca_file=str(self.tls / "ca.pem"), tls_server_name="localhost")
        return KubeApi(access(replace(cluster, **changes)), environ)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._note()
        self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(VERSION)
        await reader.read()
        await _end(writer)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._note()
        self.passed.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(self.answer)
        if self.answer == PASSED:
            there = await asyncio.open_connection("127.0.0.1", self.port)
            await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer))
        await _end(writer)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
    await _end(writer)


async def _end(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):  # The other side may have gone without a word.
        await writer.wait_closed()


def access(cluster: Cluster) -> ClusterAccess:
    return ClusterAccess(cluster, User(token="t"), "lab", "x", "file")


def address(cluster: Cluster, environ: dict[str, str] | None = None) -> KubeAddress:
    found = access(cluster)
    return KubeAddress(found, Credentials(found, {}), environ or {})


@pytest.fixture
async def servers(tmp_path):
    made = Servers(tmp_path / "tls")
    await made.start()
    yield made
    await made.close()


@pytest.mark.parametrize("where", ["environment", "kubeconfig"])
async def test_a_proxy_passes_the_connection_on(servers, where):
    named = {"HTTPS_PROXY": servers.proxy} if where == "environment" else {}
    if where == "kubeconfig":  # It is stronger.
        named = {"HTTPS_PROXY": "http://127.0.0.1:1"}
    changes = {"proxy_url": servers.proxy} if where == "kubeconfig" else {}
    api = servers.api("https://k8s.test:6443/prefix", named, **changes)
    try:
        assert await api.version() == "v1.31"
    finally:
        api.close()
    [passed], [asked] = servers.passed, servers.asked
    user = base64.b64encode(b"me:s3cret").decode()
    assert passed.startswith("CONNECT k8s.test:6443 HTTP/1.1\r\n")
    assert f"Basic {user}\r\n" in passed
    assert "Bearer" not in passed
    assert asked.startswith("GET /prefix/version HTTP/1.1\r\n")
    assert "k8s.test:6443\r\n" in asked
    assert "Proxy" not in asked


async def test_a_server_that_no_proxy_excepts_is_reached_directly(servers):
    environ = {"HTTPS_PROXY": servers.proxy, "NO_PROXY": "elsewhere"}
    api = servers.api(f"https://127.0.0.1:{servers.port}", environ)
    try:
        assert await api.version() == "v1.31"
    finally:
        api.close()
    assert not servers.passed


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "407"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "403"),
        (b"", "nothing"),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", "not HTTP"),
    ],
)
async def test_a_proxy_that_does_not_pass_on_is_named_without_its_password(servers, answer, said):
    servers.answer = answer
    api = servers.api("https://k8s.test", {"HTTPS_PROXY": servers.proxy})
    try:
        with pytest.raises(EngineUnavailable, match=said) as raised:
            await api.version()
    finally:
        api.close()
    assert "HTTPS_PROXY" in raised.value.advice
    assert "s3cret" not in f"{raised.value}{raised.value.advice}"


async def test_a_proxy_that_does_not_answer_is_named(servers):
    await servers.close()
    api = servers.api("https://k8s.test", {"HTTPS_PROXY": "http://127.0.0.1:1"})
    try:
        with pytest.raises(EngineUnavailable) as raised:
            await api.version()
    finally:
        api.close()
    assert "HTTPS_PROXY" in raised.value.advice


def test_a_server_without_tls_has_no_proxy():
    plain = address(Cluster("http://k8s.test:8080"), {"HTTPS_PROXY": "http://p:1"})
    assert (plain.host, plain.port, plain.tls) == ("k8s.test", 8080, None)
    with pytest.raises(ConfigurationError, match="without TLS"):
        address(Cluster("http://k8s.test", proxy_url="http://p:1"))


@pytest.mark.parametrize(
    ("server", "url", "prefix"),
    [
        ("https://k8s.test", "https://k8s.test:443", ""),
        ("k8s.test:6443", "https://k8s.test:6443", ""),
        ("https://[fd00::1]/k8s/c-1/", "https://[fd00::1]:443/k8s/c-1", "/k8s/c-1"),
    ],
)
def test_an_address_is_a_host_a_port_and_a_prefix(server, url, prefix):
    found = address(Cluster(server))
    assert (found.url, found.prefix) == (url, prefix)
    assert found.http_host == url.removeprefix("https://").removesuffix(prefix)


@pytest.mark.parametrize("server", ["ftp://k8s.test", "https://k8s.test:port", "https://[k8s", ""])
def test_what_is_no_address_is_refused(server):
    with pytest.raises(ConfigurationError, match="is not an address"):
        address(Cluster(server))


async def test_a_name_that_no_host_can_have_cannot_be_reached():
    api = KubeApi(access(Cluster("https://a..b:6443")), {})
    try:
        with pytest.raises(EngineUnavailable, match="no host's name"):
            await api.version()
    finally:
        api.close()


async def test_a_certificate_of_another_authority_is_told(servers, tmp_path):
    make_certificates(tmp_path / "other")
    api = servers.api(
        f"https://127.0.0.1:{servers.port}", {}, ca_file=str(tmp_path / "other" / "ca.pem")
    )
    try:
        with pytest.raises(EngineUnavailable) as raised:
            await api.version()
    finally:
        api.close()
    assert "certificate-authority-data" in raised.value.advice


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("Hostname mismatch, certificate is not valid for 'k8s.test'", "tls-server-name"),
        ("IP address mismatch, certificate is not valid for '10.0.0.1'", "tls-server-name"),
        ("self-signed certificate in certificate chain", "certificate-authority-data"),
    ],
)
def test_a_certificate_that_is_not_accepted_has_its_remedy(words, advice):
    error = OSError(f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {words}.")
    assert advice in address(Cluster("https://c")).advice_on(error)
