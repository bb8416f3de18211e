"""The calls to a cluster's API server: get, list, watch, ask for rights, open an exec."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from urllib.parse import quote, urlencode

from dexec_kernel.engine.http.answer import FIRST_ERROR_STATUS, Answer, no_answer, parse
from dexec_kernel.engine.http.calls import KeptCalls
from dexec_kernel.engine.http.exchange import Exchange
from dexec_kernel.engine.http.stream import ByteStream
from dexec_kernel.engine.http.transport import open_stream
from dexec_kernel.engine.http.websocket import Opened, open_websocket
from dexec_kernel.errors import EngineApiError, ProtocolError
from dexec_kernel.kube.address import KubeAddress
from dexec_kernel.kube.answers import GONE, UNAUTHORIZED, checked, error_of
from dexec_kernel.kube.credentials import Credentials
from dexec_kernel.kube.kubeconfig import ClusterAccess
from dexec_kernel.kube.names import PodName
from dexec_kernel.kube.wire import OFFERED, Version, version_of

#: In seconds: to connect; for an answer, or its head where what follows is a stream.
CONNECT_TIMEOUT, READ_TIMEOUT = 5.0, 20.0
_SWITCHING_PROTOCOLS = 101
#: How many pods one answer has; more are asked for.
_PAGE = 500
#: In bytes: no line of a watch is as long as this.
_MAX_LINE = 8 * 1024 * 1024


class _HasStatus(Protocol):
    @property
    def status(self) -> int: ...


_Answered = TypeVar("_Answered", bound=_HasStatus)


@dataclass(frozen=True, slots=True)
class _Attached:
    """An exec that has begun, and what has come of it already."""

    stream: ByteStream
    version: Version
    rest: bytes
    status: int = _SWITCHING_PROTOCOLS


class KubeApi:
    """One cluster. Close it with :meth:`close`.

    Every call raises :class:`EngineUnavailable` without an answer, :class:`CredentialsRefused`,
    :class:`RightMissing`, :class:`ConfigurationError` for unusable credentials,
    :class:`ProtocolError`, and :class:`EngineApiError` for other refusals.
    """

    def __init__(self, access: ClusterAccess, environ: Mapping[str, str] | None = None) -> None:
        self.access = access
        environ = os.environ if environ is None else environ
        self._credentials = Credentials(access, environ)
        self._address = KubeAddress(access, self._credentials, environ)
        self._kept = KeptCalls(
            self._address,
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            headers=self._credentials.headers,
        )

    @property
    def url(self) -> str:
        """The server's address."""
        return self._address.url

    @property
    def namespace(self) -> str:
        """The context's namespace."""
        return self.access.namespace

    def close(self) -> None:
        """Close the connections; calls that still wait fail."""
        self._kept.close()

    async def call(
        self, method: str, path: str, *, body: object = None, name: str = "", namespace: str = ""
    ) -> Any:
        """Do a call and return its answer's JSON. ``name`` is the container's that it is about."""
        target = f"{self._address.prefix}{path}"
        answer = await self._renewing(lambda: self._kept.request(method, target, body=body))
        return checked(answer, name=name, namespace=namespace).json()

    async def version(self) -> str:
        """Return the cluster's version, such as ``v1.31.0``."""
        content = await self.call("GET", "/version")
        return str(content.get("gitVersion", "")) if isinstance(content, dict) else ""

    async def pod(self, name: PodName) -> Any:
        """Return a pod. Raises :class:`ContainerNotFound`."""
        path = f"{_pods(name.namespace)}/{quote(name.pod, safe='')}"
        return await self.call("GET", path, name=str(name), namespace=name.namespace)

    async def pods(
        self, namespace: str, *, labels: str = "", fields: str = ""
    ) -> tuple[list[Any], str]:
        """Return the pods of a namespace, "" for all of them, and the list's resource version."""
        found: list[Any] = []
        more = ""
        while True:
            options: dict[str, str | int] = {"limit": _PAGE}
            options |= _selectors(labels, fields)
            if more:
                options["continue"] = more
            path = f"{_pods(namespace)}?{urlencode(options)}"
            content = await self.call("GET", path, namespace=namespace)
            if not isinstance(content, dict) or not isinstance(content.get("items"), list):
                raise ProtocolError("The cluster's list of pods is not a list.")
            found += content["items"]
            metadata = content.get("metadata")
            metadata = metadata if isinstance(metadata, dict) else {}
            more = str(metadata.get("continue") or "")
            if not more:
                return found, str(metadata.get("resourceVersion") or "")

    async def watch_pods(
        self,
        namespace: str,
        version: str,
        *,
        labels: str = "",
        fields: str = "",
        seconds: int = 300,
    ) -> AsyncIterator[tuple[str, Any]]:
        """Iterate over changes since a resource version, as (type, pod), for some ``seconds``.

        Bookmarks are among them: keep their version. A version that is too old raises
        :class:`EngineApiError` with the status 410; list again then.
        """
        options: dict[str, str | int] = {
            "watch": 1,
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": seconds,
        }
        options |= _selectors(labels, fields)
        async with self.streamed(f"{_pods(namespace)}?{urlencode(options)}") as lines:
            async for line in _lines(lines):
                content = parse(line, "watch")
                if not isinstance(content, dict):
                    raise ProtocolError("The cluster's watch sends something that is not an event.")
                kind, item = str(content.get("type")), content.get("object")
                if kind == "ERROR":
                    status = item.get("code") if isinstance(item, dict) else None
                    status = status if isinstance(status, int) else GONE
                    message = str(item.get("message", "")) if isinstance(item, dict) else ""
                    raise error_of(status, message, namespace=namespace)
                yield kind, item

    async def may(
        self, verb: str, resource: str, namespace: str, *, subresource: str = "", name: str = ""
    ) -> bool:
        """Return whether the cluster allows something, to everything of a kind or by ``name``.

        Everybody may ask for that, unless somebody has forbidden it: :class:`RightMissing`.
        """
        attributes = {"namespace": namespace, "verb": verb, "resource": resource}
        if name:
            attributes["name"] = name
        if subresource:
            attributes["subresource"] = subresource
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        content = await self.call("POST", path, body=body)
        status = content.get("status") if isinstance(content, dict) else None
        return isinstance(status, dict) and status.get("allowed") is True

    @asynccontextmanager
    async def streamed(
        self, path: str, *, name: str = "", namespace: str = ""
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Do a GET whose answer's body is iterated over as it comes."""
        exchange = await self.open_exchange(path, name=name, namespace=namespace)
        async with exchange:
            yield exchange.body()

    async def open_exchange(self, path: str, *, name: str = "", namespace: str = "") -> Exchange:
        """Do a GET and read its answer's head. The caller closes the exchange."""
        target = f"{self._address.prefix}{path}"
        message = ""

        async def ask() -> Exchange:
            nonlocal message
            exchange = await Exchange.open(
                self._address, "GET", target, headers=self._credentials.headers
            )
            try:
                await exchange.send()
                if exchange.status >= FIRST_ERROR_STATUS:
                    message = await exchange.error_message()
                    exchange.close()
            except BaseException:
                exchange.close()
                raise
            return exchange

        exchange = await self._renewing(ask)
        if exchange.status >= FIRST_ERROR_STATUS:
            raise error_of(exchange.status, message, name=name, namespace=namespace)
        return exchange

    async def open_exec(
        self,
        name: PodName,
        command: Sequence[str],
        *,
        stdin: bool,
        tty: bool,
        unanswered: Callable[[], None] = lambda: None,
    ) -> tuple[ByteStream, Version, bytes]:
        """Begin an exec: return its stream, its protocol, and what has come of it already.

        Without a ``command`` it is the main process of the container that is attached to.

        The caller closes the stream. Raises :class:`ContainerNotFound`,
        :class:`ContainerNotRunning`. ``unanswered`` is called before an error that leaves open
        whether the exec has begun.
        """
        options = [("command", word) for word in command]
        options += [("container", name.container), ("stdout", "true")]
        options += [("stdin", "true")] if stdin else []
        # A terminal has one stream.
        options += [("tty", "true")] if tty else [("stderr", "true")]
        verb = "exec" if command else "attach"
        path = f"{_pods(name.namespace)}/{quote(name.pod, safe='')}/{verb}?{urlencode(options)}"
        target = f"{self._address.prefix}{path}"
        found = await self._renewing(lambda: self._try_exec(target, unanswered))
        if isinstance(found, _Attached):
            return found.stream, found.version, found.rest
        checked(found, name=str(name), namespace=name.namespace)
        raise EngineApiError(
            "Something between here and the cluster passes no WebSocket on: it answered"
            f" {found.status}.",
            status=found.status,
        )

    async def _try_exec(self, target: str, unanswered: Callable[[], None]) -> _Attached | Answer:
        """Ask for an exec once; an answer that begins none is returned."""
        stream = await open_stream(self._address, timeout=CONNECT_TIMEOUT)
        try:
            answer = await self._upgrade(stream, target)
            if isinstance(answer, Opened):
                version = version_of(answer.headers.get("sec-websocket-protocol"))
                return _Attached(stream, version, answer.rest)
        except BaseException:
            unanswered()
            stream.close()
            raise
        stream.close()
        return answer

    async def _renewing(self, ask: Callable[[], Awaitable[_Answered]]) -> _Answered:
        """Ask, and once more with new credentials where those that we have are refused."""
        found = await ask()
        if found.status == UNAUTHORIZED and await self._credentials.renew():
            # A connection that is kept has the old certificate.
            self._kept.drop_idle()
            found = await ask()
        return found

    async def _upgrade(self, stream: ByteStream, target: str) -> Opened | Answer:
        headers = [("Sec-WebSocket-Protocol", OFFERED), *self._credentials.headers()]
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                return await open_websocket(
                    stream, target, host=self._address.http_host, headers=headers
                )
        except TimeoutError as error:
            raise no_answer(self._address, READ_TIMEOUT, "exec") from error


def _pods(namespace: str) -> str:
    return f"/api/v1/namespaces/{quote(namespace, safe='')}/pods" if namespace else "/api/v1/pods"


def _selectors(labels: str, fields: str) -> dict[str, str]:
    found = {"labelSelector": labels, "fieldSelector": fields}
    return {key: value for key, value in found.items() if value}


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Split a stream into lines that are not empty."""
    rest = b""
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in filter(None, lines):
            yield line
        if len(rest) > _MAX_LINE:
            raise ProtocolError(f"A line of the cluster's watch has more than {_MAX_LINE:,} bytes.")
    if rest:
        yield rest
