"""The engine's HTTP API as far as tests and demo need it: synchronous, standard library only."""

import http.client
import json
import socket
import ssl
from collections.abc import Mapping, Sequence
from typing import IO, Any
from urllib.parse import urlencode, urlsplit

Query = Mapping[str, str] | Sequence[tuple[str, str]]


class ApiError(Exception):
    """The engine answered with an error status, or reported an error in its answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _connect(host: str, timeout: float, tls: ssl.SSLContext | None) -> http.client.HTTPConnection:
    parts = urlsplit(host)
    if parts.scheme == "unix":
        return _UnixConnection(parts.path, timeout)
    if parts.scheme not in {"tcp", "http", "https"} or parts.hostname is None:
        raise ValueError(f"not a host that devtools can talk to: {host!r}")
    if tls is None:
        return http.client.HTTPConnection(parts.hostname, parts.port or 2375, timeout=timeout)
    return http.client.HTTPSConnection(
        parts.hostname, parts.port or 2376, timeout=timeout, context=tls
    )


def call(
    host: str,
    method: str,
    path: str,
    *,
    query: Query | None = None,
    body: object = None,
    upload: IO[bytes] | None = None,
    timeout: float = 120,
    tls: ssl.SSLContext | None = None,
) -> bytes:
    """Make one request of the engine at `host` and return the answer's body.

    `body` is sent as JSON, `upload` (a seekable file) as a tar archive. Raises ApiError for a
    status of 400 or more, OSError or http.client.HTTPException when there is no answer.
    """
    headers = {}
    payload: bytes | IO[bytes] | None = None
    if upload is not None:
        headers["Content-Type"] = "application/x-tar"
        # With a length, http.client does not resort to chunks.
        headers["Content-Length"] = str(upload.seek(0, 2))
        upload.seek(0)
        payload = upload
    elif body is not None:
        headers["Content-Type"] = "application/json"
        payload = json.dumps(body).encode()
    target = f"{path}?{urlencode(query)}" if query else path
    connection = _connect(host, timeout, tls)
    try:
        connection.request(method, target, body=payload, headers=headers)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status >= http.client.BAD_REQUEST:
        raise ApiError(answer.status, _message(content))
    return content


def call_json(
    host: str,
    method: str,
    path: str,
    *,
    query: Query | None = None,
    body: object = None,
    timeout: float = 120,
    tls: ssl.SSLContext | None = None,
) -> Any:
    """Do as `call` does and return the answer's JSON, parsed. Raises what `call` raises."""
    content = call(host, method, path, query=query, body=body, timeout=timeout, tls=tls)
    return json.loads(content)


def ping(host: str, *, timeout: float = 2, tls: ssl.SSLContext | None = None) -> bool:
    """Tell whether an engine answers at `host` within `timeout` seconds. Raises nothing."""
    try:
        return call(host, "GET", "/_ping", timeout=timeout, tls=tls).strip() == b"OK"
    except (ApiError, OSError, ValueError, http.client.HTTPException):
        return False


def _message(content: bytes) -> str:
    try:
        answer = json.loads(content)
    except ValueError:
        return content.decode(errors="replace").strip()
    return str(answer.get("message", answer)) if isinstance(answer, dict) else str(answer)
