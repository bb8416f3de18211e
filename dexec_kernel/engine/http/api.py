"""The engine's JSON calls, through requests. Blocking: the client runs them in threads."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import requests
import requests_unixsocket.adapters
import urllib3

from dexec_kernel.engine.http.address import Address, TlsFiles
from dexec_kernel.engine.http.answer import FIRST_ERROR_STATUS, Answer, no_answer
from dexec_kernel.engine.http.calls import MAX_BODY
from dexec_kernel.engine.http.exchange import MAX_ERROR_BODY
from dexec_kernel.engine.http.tls import PreparedTls
from dexec_kernel.errors import ConfigurationError, EngineUnavailable, ProtocolError

#: In bytes.
_PIECE = 64 * 1024
#: In characters: what an error shows of a fault.
_SHOWN = 200
#: How many connections are kept.
_KEPT = 8
_UNIX_SCHEME = "http+unix://"


class _UnixConnection(requests_unixsocket.adapters.UnixHTTPConnection):  # type: ignore[misc] # untyped package
    """requests-unixsocket's connection, which leaves its socket open when nobody listens."""

    def connect(self) -> None:
        """Connect, or close the socket."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(self.timeout)
            sock.connect(unquote(urlsplit(self.unix_socket_url).netloc))
        except BaseException:
            sock.close()
            raise
        self.sock = sock


class _UnixPool(requests_unixsocket.adapters.UnixHTTPConnectionPool):  # type: ignore[misc] # untyped package
    """requests-unixsocket's pool, for several threads: it has room for one, and warns of more."""

    def __init__(self, socket_path: str, timeout: float) -> None:
        urllib3.HTTPConnectionPool.__init__(self, "localhost", timeout=timeout, maxsize=_KEPT)
        self.socket_path = socket_path
        self.timeout = timeout

    def _new_conn(self) -> _UnixConnection:
        return _UnixConnection(self.socket_path, self.timeout)


class _UnixAdapter(requests_unixsocket.adapters.UnixAdapter):  # type: ignore[misc] # untyped package
    """requests-unixsocket's adapter with one pool a socket, where it has one a URL.

    Every exec has URLs of its own, so that its connections would never be used again.
    """

    def get_connection(self, url: str, proxies: Mapping[str, str] | None = None) -> _UnixPool:  # noqa: ARG002 -- none apply
        """Return the pool of the socket that ``url`` names."""
        key = f"{_UNIX_SCHEME}{urlsplit(url).netloc}"
        with self.pools.lock:
            pool: _UnixPool | None = self.pools.get(key)
            if pool is None:
                pool = self.pools[key] = _UnixPool(key, self.timeout)
        return pool


class JsonApi:
    """One engine's JSON calls. Its connections are kept and used again, by several threads."""

    def __init__(self, endpoint: Address, *, connect_timeout: float, read_timeout: float) -> None:
        self._endpoint = endpoint
        self._timeout = (connect_timeout, read_timeout)
        self._session = requests.Session()
        # Do not use a proxy or a .netrc for the engine.
        self._session.trust_env = False
        tls = endpoint.tls
        assert not isinstance(tls, PreparedTls)  # noqa: S101 -- requests takes files
        self._tls = tls
        if endpoint.is_unix:
            self._session.mount(_UNIX_SCHEME, _UnixAdapter())
        elif tls is not None:
            self._use_tls(tls)

    @property
    def _base(self) -> str:
        """The beginning of every URL. A tunnel's socket is another after each new connection."""
        if self._endpoint.is_unix:
            return _UNIX_SCHEME + quote(self._endpoint.path, safe="")
        return self._endpoint.url.replace("tcp", "https" if self._endpoint.tls else "http", 1)

    def _use_tls(self, tls: TlsFiles) -> None:
        self._session.verify = (str(tls.ca) if tls.ca else True) if tls.verify else False
        if tls.cert is not None:
            self._session.cert = (str(tls.cert), str(tls.key)) if tls.key else str(tls.cert)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: Any = None,
        subject: str = "",
        timeout: float | None = None,
    ) -> Answer:
        """Do one call and return its answer. ``subject`` is its subject, in words.

        ``timeout`` bounds the answer, in seconds, None for the client's own. An answer with an
        error status is an answer. Raises :class:`EngineUnavailable` without an answer.
        """
        times = (self._timeout[0], timeout or self._timeout[1])
        try:
            response = self._session.request(
                method,
                self._base + path,
                params=params,
                json=body,
                timeout=times,
                stream=True,
                allow_redirects=False,
            )
            with response:
                content = _content_of(response)
        except requests.exceptions.Timeout as error:
            connecting = isinstance(error, requests.exceptions.ConnectTimeout)
            seconds = times[0 if connecting else 1]
            raise no_answer(self._endpoint, seconds, f"{method} {path}", subject=subject) from error
        except (requests.exceptions.RequestException, OSError) as error:
            # OSError: requests reports unreadable TLS files as it finds them.
            if isinstance(error, OSError) and self._tls_file_missing():
                raise ConfigurationError(f"The TLS files cannot be used: {error}.") from error
            cause = _innermost(error)
            if self._endpoint.is_tunnel and isinstance(cause, (ConnectionError, FileNotFoundError)):
                raise self._endpoint.early_end() from cause
            raise EngineUnavailable(
                f"The engine at {self._endpoint.url} cannot be reached: {_reason(cause)}.",
                advice=self._endpoint.advice_on(cause),
            ) from error
        return Answer(response.status_code, response.headers, content)

    def close(self) -> None:
        """Close the kept connections."""
        self._session.close()

    def _tls_file_missing(self) -> bool:
        tls = self._tls
        files = (tls.ca, tls.cert, tls.key) if tls else ()
        return any(file is not None and not file.is_file() for file in files)


def _content_of(response: requests.Response) -> bytes:
    """Return the answer's body; of an error page the beginning. Raises :class:`ProtocolError`."""
    limit = MAX_ERROR_BODY if response.status_code >= FIRST_ERROR_STATUS else MAX_BODY
    body = bytearray()
    for piece in response.iter_content(_PIECE):
        body += piece
        if len(body) > limit:
            if limit == MAX_BODY:
                raise ProtocolError(f"An answer of the engine has more than {limit:,} bytes.")
            break
    return bytes(body[:limit])


def _innermost(error: BaseException) -> BaseException:
    """Return the innermost cause; requests wraps it three or four times."""
    cause: BaseException = error
    while True:
        inner = cause.__cause__ or cause.__context__
        inner = inner or next((a for a in cause.args if isinstance(a, BaseException)), None)
        if inner is None:
            return cause
        cause = inner


def _reason(cause: BaseException) -> str:
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    # What is no HTTP is quoted there, as it came.
    said = str(cause)[:_SHOWN]
    return (said if said.isprintable() else repr(said)) or type(cause).__name__
