"""A container's log: the body of a GET, its two streams in one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from dexec_kernel.backend.models import Frame, Stream
from dexec_kernel.engine.http.exchange import Exchange
from dexec_kernel.errors import EngineUnavailable, StreamCutOff
from dexec_kernel.kube.api import KubeApi
from dexec_kernel.kube.names import PodName


class LogStream:
    """A container's log as it comes: see :class:`backend.protocol.FrameStream`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._body: AsyncIterator[bytes] = exchange.body()
        self.is_closed = False

    async def read(self) -> list[Frame]:
        """Return what comes next; all of it is stdout. An empty list at the end."""
        while not self.is_closed:
            try:
                data = await anext(self._body)
            except StopAsyncIteration:
                break
            except (EngineUnavailable, StreamCutOff):
                if not self._was_closed():
                    raise
                break
            if data:
                return [Frame(Stream.STDOUT, data)]
        return []

    def _was_closed(self) -> bool:
        """Return whether it was closed while a read was waiting."""
        return self.is_closed

    def close(self) -> None:
        """Close the connection, for a waiting reader too. May be called twice."""
        self.is_closed = True
        self._exchange.close()


async def open_log(
    api: KubeApi, name: PodName, *, follow: bool, tail: int | None, since: int
) -> LogStream:
    """Begin to read the log of a container, by its whole name."""
    options: dict[str, str | int] = {"container": name.container}
    if follow:
        options["follow"] = "true"
    if tail is not None:
        options["tailLines"] = tail
    if since:
        options["sinceTime"] = datetime.fromtimestamp(since, UTC).isoformat()
    pod = f"/api/v1/namespaces/{quote(name.namespace)}/pods/{quote(name.pod)}"
    exchange = await api.open_exchange(
        f"{pod}/log?{urlencode(options)}", name=str(name), namespace=name.namespace
    )
    return LogStream(exchange)
