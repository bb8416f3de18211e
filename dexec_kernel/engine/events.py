"""The stream of the engine's events about containers.

Source: Docker Engine API, "Monitor events": one JSON object a line, without end. Podman sends the
same, with some different names (``died``, ``remove``).
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from dexec_kernel.engine import codec
from dexec_kernel.engine.answers import error_of
from dexec_kernel.engine.http.address import Address
from dexec_kernel.engine.http.answer import parse
from dexec_kernel.engine.http.exchange import Exchange
from dexec_kernel.engine.http.stream import Closing
from dexec_kernel.errors import ProtocolError

_log = logging.getLogger(__name__)

Filters = Mapping[str, Sequence[str]]

#: The events that change the list of usable containers or their names, with Podman's words.
STARTS = frozenset({"start", "unpause", "rename"})
ENDS = frozenset({"die", "died", "stop", "kill", "destroy", "remove", "pause", "oom"})
#: Events of containers that begin or end to be usable, as the engine's ``filters``.
LIFE: Filters = {"type": ["container"], "event": sorted(STARTS | ENDS)}

_OK = 200
#: In bytes: an event carries all labels of its container, which have no limit of their own.
_LONGEST = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ContainerEvent:
    """Something happened to a container. ``action`` is the engine's word for it, as ``start``."""

    action: str
    container_id: str
    name: str


#: An event whose text makes no sense.
UNREADABLE = ContainerEvent("unreadable", "", "")


class EventDecoder:
    """Bytes in, events out. No I/O."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def receive_data(self, data: bytes) -> list[ContainerEvent]:
        """Return the events that ``data`` completes.

        One that cannot be read is ``UNREADABLE``: something has happened, to some container. Raises
        :class:`ProtocolError` for what has no end.
        """
        self._pending += data
        if b"\n" not in data:
            if len(self._pending) > _LONGEST:
                raise ProtocolError(f"An event of the engine has more than {_LONGEST:,} bytes.")
            return []
        *lines, rest = bytes(self._pending).split(b"\n")
        self._pending = bytearray(rest)
        return [_read(line) for line in lines if line.strip()]


def _read(line: bytes) -> ContainerEvent:
    try:
        action, container_id, name = codec.event(parse(line, "event"))
    except ProtocolError as error:
        _log.warning("An event of the engine cannot be read: %s", error)
        return UNREADABLE
    return ContainerEvent(action, container_id, name)


class EventStream(Closing):
    """Events from now on; iterate over it. Close it, or use it as a context manager."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[ContainerEvent]:
        """Iterate over the events, until the engine ends the stream.

        Raises :class:`EngineUnavailable` when the connection is lost, :class:`ProtocolError`.
        """
        decoder = EventDecoder()
        async for data in self._exchange.body():
            for event in decoder.receive_data(data):
                yield event

    def close(self) -> None:
        """Close the connection, for a waiting reader too. May be called twice."""
        self._exchange.close()


async def open_events(endpoint: Address, version: str, filters: Filters = LIFE) -> EventStream:
    """Ask an engine, in that API version, for its events from now on. The caller closes them.

    Raises what :meth:`Exchange.send` raises, and :class:`EngineApiError` when it is refused, as by
    a proxy.
    """
    query = urlencode({"filters": json.dumps({key: list(words) for key, words in filters.items()})})
    exchange = await Exchange.open(endpoint, "GET", f"/v{version}/events?{query}")
    try:
        await exchange.send()
        fault = await exchange.error_message() if exchange.status != _OK else ""
    except BaseException:
        exchange.close()
        raise
    if exchange.status != _OK:
        exchange.close()
        raise error_of(exchange.status, fault)
    return EventStream(exchange)
