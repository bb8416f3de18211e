"""A cluster's API server as the transport knows it: host, port, TLS, and a proxy before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import h11

from dexec_kernel.engine.http.exchange import next_event
from dexec_kernel.engine.http.stream import ByteStream
from dexec_kernel.engine.http.tls import PreparedTls
from dexec_kernel.errors import (
    ConfigurationError,
    EngineUnavailable,
    ProtocolError,
    StreamCutOff,
)
from dexec_kernel.kube.credentials import Credentials
from dexec_kernel.kube.kubeconfig import ClusterAccess
from dexec_kernel.kube.proxy import KUBECONFIG, Proxy, proxy_from_environment, proxy_of

_PORTS = {"https": 443, "http": 80}
_OK, _FIRST_ERROR = 200, 300


@dataclass(frozen=True, slots=True)
class _Place:
    host: str
    port: int

    @property
    def netloc(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class KubeAddress:
    """Where the API server is: see :class:`engine.http.address.Address`."""

    path = ""
    is_unix = is_tunnel = False
    noun = "cluster"
    advice = (
        "Does `kubectl get pods` work here? It uses the same kubeconfig. A VPN may be needed, or"
        " the cluster is stopped."
    )

    def __init__(
        self, access: ClusterAccess, credentials: Credentials, environ: Mapping[str, str]
    ) -> None:
        server = access.cluster.server
        try:
            parts = urlsplit(server if "://" in server else f"https://{server}")
            self._server = _Place(parts.hostname or "", parts.port or _PORTS[parts.scheme])
        except (ValueError, KeyError) as error:
            raise _no_address(server) from error
        if not self._server.host:
            raise _no_address(server)
        self._is_secure = parts.scheme == "https"
        self._credentials = credentials
        self._tls_name = access.cluster.tls_server_name or self._server.host
        self._proxy = self._find_proxy(access.cluster.proxy_url, environ)
        #: What stands before the paths of all requests.
        self.prefix = parts.path.rstrip("/")
        self.url = f"{parts.scheme}://{self._server.netloc}{self.prefix}"
        place = self._proxy or self._server
        self.host, self.port = place.host, place.port
        if self._proxy is not None:
            self.advice = f"{self._proxy.named_by} has a proxy before the cluster. {self.advice}"

    @property
    def http_host(self) -> str:
        """The ``Host`` of requests."""
        return self._server.netloc

    @property
    def tls(self) -> PreparedTls | None:
        """The context of TLS. Raises :class:`ConfigurationError`."""
        if not self._is_secure:
            return None
        before = self._ask_proxy if self._proxy else None
        return PreparedTls(self._credentials.tls(), self._tls_name, before)

    async def ready(self) -> None:
        """Have credentials. Raises :class:`CredentialsRefused`."""
        await self._credentials.ready()

    def early_end(self) -> EngineUnavailable:
        """Return the error for a connection that ends before an answer."""
        return EngineUnavailable("The cluster closed the connection without an answer.")

    def advice_on(self, error: BaseException) -> str:
        """Return what to do when ``error`` keeps us from connecting."""
        said = str(error).lower()
        if "hostname mismatch" in said or "ip address mismatch" in said:
            return (
                "The server's certificate is for other names. The kubeconfig's server is to have"
                " one of them, or its tls-server-name."
            )
        if "certificate verify failed" in said:
            return (
                "The server's certificate is not signed by the authority that the kubeconfig"
                " names (certificate-authority-data): get a new kubeconfig."
            )
        return self.advice

    def _find_proxy(self, url: str, environ: Mapping[str, str]) -> Proxy | None:
        if not url:
            if not self._is_secure:
                return None
            return proxy_from_environment(self._server.host, self._server.port, environ)
        if not self._is_secure:
            raise ConfigurationError("A server without TLS is not reached through a proxy.")
        return proxy_of(url, KUBECONFIG)

    async def _ask_proxy(self, stream: ByteStream) -> None:
        http = h11.Connection(our_role=h11.CLIENT)
        headers = [("Host", self._server.netloc)]
        if self._proxy is not None and self._proxy.credentials:
            headers.append(("Proxy-Authorization", f"Basic {self._proxy.credentials}"))
        request = h11.Request(method="CONNECT", target=self._server.netloc, headers=headers)
        events = (request, h11.EndOfMessage())
        await stream.write(b"".join(http.send(event) or b"" for event in events))
        try:
            answer = await next_event(http, stream)
        except ProtocolError as error:
            raise self._not_passed("what is not HTTP") from error
        except (EngineUnavailable, StreamCutOff) as error:
            raise self._not_passed("nothing") from error
        if not isinstance(answer, h11.Response):
            raise self._not_passed("nothing")
        if not _OK <= answer.status_code < _FIRST_ERROR:
            raise self._not_passed(str(answer.status_code))

    def _not_passed(self, answer: str) -> EngineUnavailable:
        return EngineUnavailable(
            f"The proxy {self.host}:{self.port} does not pass on to {self.url}: it answered"
            f" {answer}.",
            advice=self.advice,
        )


def _no_address(server: str) -> ConfigurationError:
    return ConfigurationError(f"The kubeconfig's server {server!r} is not an address.")
