"""The containers that can be used, kept up to date by the engine's events.

All of it runs on the event loop, over connections that are closed with the task: no thread is left
waiting for an engine that hangs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from typing import Any

from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.engine import codec
from dexec_kernel.engine.answers import checked
from dexec_kernel.engine.calls import CONNECT_TIMEOUT, OLDEST_API, common_version, route_of
from dexec_kernel.engine.endpoint import find_endpoint
from dexec_kernel.engine.events import STARTS, EventStream, open_events
from dexec_kernel.engine.http.address import Address
from dexec_kernel.engine.http.calls import KeptCalls
from dexec_kernel.errors import DexecError, EngineApiError, EngineError, EngineUnavailable

_log = logging.getLogger(__name__)

#: What to do with the running containers: all of them, in the engine's order.
OnContainers = Callable[[list[ContainerSummary]], Awaitable[None]]

#: In seconds: the time for gathering events before the containers are listed once. A container that
#: has ended may be starting again (``docker restart``).
_GATHER, _GATHER_ENDS = 0.1, 1.0
#: In seconds: at least this between two lists, however much happens.
_BREATH = 0.4
#: In seconds: the list is asked for again even without an event, which also shows an engine that
#: hangs; more often where a proxy refuses the events.
_REFRESH, _REFRESH_WITHOUT_EVENTS = 60.0, 10.0
#: In seconds: for a whole answer.
_ANSWER_TIMEOUT = 20.0
#: In seconds: before the engine is tried again, and the longest that this grows to.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
#: In seconds: the same where ssh does not connect. Servers shut out who fails too often.
_LONGEST_PAUSE_SSH = 300.0


class EngineWatch:
    """Follows the engine that ``environ`` leads to, and calls ``on_containers`` with each list.

    ``on_lost`` is called with the reason whenever the engine cannot be followed; it is tried again
    after a pause. Nothing is known of the containers then. ``check`` is called with the engine's
    address before it is asked anything, and may raise.
    ``tunnel`` returns a connection that there is already and that the watch is to share, or None.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        on_containers: OnContainers,
        on_lost: Callable[[DexecError], None] = lambda _error: None,
        check: Callable[[str], None] = lambda _url: None,
        tunnel: Callable[[], Awaitable[Address | None]] | None = None,
    ) -> None:
        self._environ = environ
        self._check = check
        self._on_containers = on_containers
        self._on_lost = on_lost
        self._tunnel = tunnel
        self._pause = _FIRST_PAUSE
        self._longest_pause = _LONGEST_PAUSE

    async def run(self) -> None:
        """Follow the engine until the task is cancelled."""
        while True:
            try:
                await self._follow()
            except DexecError as error:
                self._on_lost(error)
            except Exception as error:  # noqa: BLE001 -- it serves for days: nothing may end it
                _log.exception("The watch of the engine begins again.")
                self._on_lost(EngineError(f"The containers could not be listed: {error!r}."))
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2, self._longest_pause)

    async def _follow(self) -> None:
        if self._tunnel is not None and (shared := await self._tunnel()) is not None:
            await self._follow_through(shared)
            return
        endpoint = await asyncio.to_thread(find_endpoint, self._environ)
        self._check(endpoint.url)
        ssh = route_of(endpoint)
        if ssh is None:
            await self._follow_at(endpoint)
            return
        try:
            await self._follow_through(ssh)
        finally:
            await ssh.aclose()

    async def _follow_through(self, ssh: Address) -> None:
        self._longest_pause = _LONGEST_PAUSE_SSH
        await ssh.ready()
        self._longest_pause = _LONGEST_PAUSE
        await self._follow_at(ssh)

    async def _follow_at(self, endpoint: Address) -> None:
        kept = KeptCalls(endpoint, connect_timeout=CONNECT_TIMEOUT, read_timeout=_ANSWER_TIMEOUT)
        with closing(kept) as calls:
            version = self._environ.get("DOCKER_API_VERSION", "").lstrip("v")
            if not version:
                version = common_version(await _offered_version(calls))
            try:
                # Before the list, so that nothing happens unseen between the two.
                stream = await open_events(endpoint, version)
            except EngineApiError:
                await self._follow_without_events(calls, version)
            else:
                async with stream:
                    await self._follow_events(stream, calls, version)

    async def _follow_without_events(self, calls: KeptCalls, version: str) -> None:
        """Follow an engine through a proxy that refuses events."""
        while True:
            await self._list(calls, version)
            await asyncio.sleep(_REFRESH_WITHOUT_EVENTS)

    async def _follow_events(self, stream: EventStream, calls: KeptCalls, version: str) -> None:
        happened, started = asyncio.Event(), asyncio.Event()

        async def read() -> None:
            async for event in stream:
                happened.set()
                if event.action in STARTS:
                    started.set()

        reader = asyncio.create_task(read())
        try:
            while True:
                happened.clear()
                started.clear()
                await self._list(calls, version)
                await asyncio.sleep(_BREATH)
                await _wait(happened, reader, _REFRESH)
                await _wait(started, reader, _GATHER_ENDS)
                await asyncio.sleep(_GATHER)
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def _list(self, calls: KeptCalls, version: str) -> None:
        answer = checked(await calls.request("GET", f"/v{version}/containers/json"))
        self._pause = _FIRST_PAUSE
        await self._on_containers(running(answer.json()))


def running(body: Any) -> list[ContainerSummary]:
    """Read the engine's list, without what takes no exec. Raises :class:`ProtocolError`."""
    found = codec.container_list(body)
    return [container for container in found if container.state == "running"]


async def _wait(event: asyncio.Event, reader: asyncio.Task[None], seconds: float) -> None:
    """Wait for the event, at most so long. Raises what ended the reader."""
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({waiting, reader}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    if reader.done():
        await reader
        raise EngineUnavailable("The engine has ended its stream of events.")


async def _offered_version(calls: KeptCalls) -> str:
    try:
        headers = checked(await calls.request("GET", "/_ping")).headers
    except EngineApiError:  # A proxy lets no ping through.
        return OLDEST_API
    return headers.get("api-version") or OLDEST_API
