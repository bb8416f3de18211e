"""How the engine is called: by one client, in the newest API version that both speak.

JSON calls run in the client's own threads; streams are read by the event loop.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from dexec_kernel.backend.models import Ping
from dexec_kernel.engine.answers import NOT_FOUND, checked
from dexec_kernel.engine.connection import HijackedConnection
from dexec_kernel.engine.endpoint import Endpoint
from dexec_kernel.engine.http.address import Address
from dexec_kernel.engine.http.answer import Answer, no_answer, shown
from dexec_kernel.engine.http.calls import KeptCalls
from dexec_kernel.engine.http.late import LateApi
from dexec_kernel.engine.http.stream import ByteStream
from dexec_kernel.engine.http.transport import open_stream
from dexec_kernel.engine.ssh.route import SshRoute
from dexec_kernel.engine.threads import DaemonThreads
from dexec_kernel.errors import (
    ApiVersionError,
    ConfigurationError,
    DexecError,
    EngineApiError,
    EngineUnavailable,
    ProtocolError,
    StreamCutOff,
)

if TYPE_CHECKING:
    # Only %attach needs it.
    from dexec_kernel.engine.websocket import WebSocketConnection

#: The newest API version that this client was written for, and the oldest that it speaks.
NEWEST_API, OLDEST_API = "1.51", "1.24"

#: In seconds: to connect; for an answer, or its head where what follows is a stream; and for the
#: answer of a call that takes its time, and that no cell waits for.
CONNECT_TIMEOUT, READ_TIMEOUT, PATIENT_TIMEOUT = 5.0, 10.0, 60.0
_THREADS = 8
#: How many connections of a tunnel are tried that end before a call gets through: ssh does so where
#: no command may be run on the other machine, and connects again without one.
_CONNECTIONS = 3
#: What connecting to a tunnel that has ended raises. Nothing was sent.
_NOBODY_THERE = (FileNotFoundError, ConnectionRefusedError)
#: What an engine answers to a ping, whatever its version.
_PONG = b"OK"
#: A container's whole id, and how many characters of it an error shows.
_ID, _SHORT_ID = re.compile("[0-9a-f]{64}"), 12


def version_tuple(version: str) -> tuple[int, ...]:
    """Return ``"1.41"`` as ``(1, 41)``. Raises :class:`ConfigurationError`."""
    try:
        major, minor = version.lstrip("v").split(".")
        return int(major), int(minor)
    except ValueError as error:
        raise ConfigurationError(
            f"{version!r} is not an API version; it should look like {NEWEST_API}."
        ) from error


def common_version(offered: str) -> str:
    """Return the newest API version that we and an engine speak that offers ``offered``.

    Raises :class:`ApiVersionError` for an engine that is too old, :class:`ProtocolError`.
    """
    try:
        newest = version_tuple(offered)
    except ConfigurationError as error:
        raise ProtocolError(f"The engine says that it speaks API {offered!r}.") from error
    if newest < version_tuple(OLDEST_API):
        raise ApiVersionError(
            f"The engine speaks API {offered}; {OLDEST_API} or newer is needed.",
            advice="Update the engine.",
        )
    return min(offered, NEWEST_API, key=version_tuple)


def route_of(endpoint: Endpoint) -> SshRoute | None:
    """Return the way to an engine behind ssh, None for one that is reached directly."""
    return None if endpoint.ssh is None else SshRoute(endpoint.ssh, endpoint.advice)


class EngineCalls:
    """The base of :class:`client.EngineClient`'s verbs: life cycle, API version, calls."""

    def __init__(self, endpoint: Endpoint, *, api_version: str = "") -> None:
        if api_version:
            version_tuple(api_version)
        self.endpoint = endpoint
        self._pinned = api_version.lstrip("v")
        self._negotiated = ""
        self._negotiating = asyncio.Lock()
        self._closed = False
        self._ssh = route_of(endpoint)
        #: Where connections go; ``endpoint`` is what was named.
        self._address: Address = self._ssh or endpoint
        self._api = LateApi(
            self._address, connect_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT
        )
        self._kept = KeptCalls(
            self._address, connect_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT
        )
        self._threads = DaemonThreads(_THREADS, name="dexec-engine")

    @property
    def url(self) -> str:
        """Where the engine is, as DOCKER_HOST has it."""
        return self.endpoint.url

    async def aclose(self) -> None:
        """Close what the client holds open. Calls that still wait for the engine fail."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._api.close()
        self._kept.close()
        if self._ssh is not None:
            await self._ssh.aclose()

    @property
    def is_remote(self) -> bool:
        """True for an engine whose PIDs are another machine's; False says nothing."""
        return self._ssh is not None

    @property
    def tunnel(self) -> Address | None:
        """The connection that all calls share, where the engine is behind ssh."""
        return self._ssh

    async def ready(self) -> None:
        """Connect ssh, where the engine is behind it. Every call does so by itself."""
        await self._address.ready()

    async def answers(self) -> bool:
        """Return whether the engine answers at all, with an error, say; no call of Go's.

        It may take as long as the engine does, and is cancelled at once.
        """
        try:
            await self._kept.request("GET", "/_ping")
        except EngineApiError:
            return True
        except DexecError:
            return False
        return True

    async def ping(self) -> Ping:
        """Ask who is there (Go's ``Ping``). An engine that names no API version speaks 1.24."""
        answer = await self._ping()
        if answer.status == NOT_FOUND:
            raise ProtocolError(
                f"There is no engine at {self.url}; the answer to a ping is status 404.",
                advice=self.endpoint.advice,
            )
        headers = checked(answer).headers
        if "api-version" not in headers and answer.body.strip() != _PONG:
            raise ProtocolError(
                f"There is no engine at {self.url}; the answer to a ping is {shown(answer.body)}.",
                advice=self.endpoint.advice,
            )
        return Ping(
            api_version=headers.get("api-version") or OLDEST_API,
            os_type=headers.get("ostype") or "linux",
            server=headers.get("server") or "",
            is_podman="libpod-api-version" in headers,
        )

    async def _ping(self) -> Answer:
        if self._address.is_unix and not self._address.is_tunnel and not self._closed:
            try:
                return await self._kept.request("GET", "/_ping")
            except (EngineUnavailable, StreamCutOff, ProtocolError) as error:
                if self._closed:
                    raise _closed() from error
                if isinstance(error.__cause__, TimeoutError):
                    raise
                # The other way has the words for what is wrong.
        return await self._in_thread(partial(self._api.request, "GET", "/_ping"))

    async def api_version(self) -> str:
        """Return the API version that is spoken: the pinned one, or the newest both know.

        Raises :class:`ApiVersionError` for an engine that is too old.
        """
        if self._pinned or self._negotiated:
            return self._pinned or self._negotiated
        async with self._negotiating:
            if not self._negotiated:
                self._negotiated = common_version((await self.ping()).api_version)
        return self._negotiated

    async def _open_stream(self) -> ByteStream:
        return await open_stream(self._address, timeout=CONNECT_TIMEOUT)

    async def _begin(
        self,
        connection: HijackedConnection | WebSocketConnection,
        request: Callable[[], Awaitable[None]],
        what: str,
        *,
        bounded: bool = True,
        container: str = "",
    ) -> None:
        """Send a streaming request and read its answer's head; close when it fails.

        ``bounded`` gives the answer ``READ_TIMEOUT`` seconds, else it may be as late as it likes.
        """
        try:
            async with asyncio.timeout(READ_TIMEOUT if bounded else None):
                await request()
        except TimeoutError as error:
            connection.close()
            raise no_answer(
                self._address, READ_TIMEOUT, what, subject=subject_of(container)
            ) from error
        except BaseException:
            connection.close()
            raise

    async def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: object = None,
        container: str = "",
        exec_id: str = "",
        timeout: float | None = None,  # noqa: ASYNC109 -- passed on to the thread
    ) -> Answer:
        version = await self.api_version()
        try:
            answer = await self._in_thread(
                partial(
                    self._api.request,
                    method,
                    f"/v{version}{path}",
                    params=params,
                    body=body,
                    subject=subject_of(container),
                    timeout=timeout,
                )
            )
            return checked(answer, container=container, exec_id=exec_id)
        except ApiVersionError:
            self._negotiated = ""  # Another engine has taken the place: ask it anew next time.
            raise

    async def _quick_call(
        self, method: str, path: str, *, body: object = None, container: str = "", exec_id: str = ""
    ) -> Answer:
        """Do a call that a cell waits for, and that may be done twice."""
        if self._closed:
            raise _closed()
        target = f"/v{await self.api_version()}{path}"
        try:
            answer = await self._kept.request(
                method, target, body=body, subject=subject_of(container)
            )
            return checked(answer, container=container, exec_id=exec_id)
        except ApiVersionError:
            self._negotiated = ""  # Another engine has taken the place: ask it anew next time.
            raise
        except EngineUnavailable as error:
            if self._closed:
                raise _closed() from error
            raise

    async def _in_thread(self, call: Callable[[], Answer]) -> Answer:
        for _ in range(_CONNECTIONS - 1):
            try:
                return await self._try_in_thread(call)
            except EngineUnavailable as error:
                if not (self._address.is_tunnel and isinstance(error.__cause__, _NOBODY_THERE)):
                    raise
        return await self._try_in_thread(call)

    async def _try_in_thread(self, call: Callable[[], Answer]) -> Answer:
        await self._address.ready()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except RuntimeError as error:
            if self._closed:
                raise _closed() from error
            raise
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closed and task is not None and not task.cancelling():
                raise _closed() from None  # The call was cancelled, and not who waits for it.
            raise

    async def _knows(self, version: str) -> bool:
        return version_tuple(await self.api_version()) >= version_tuple(version)

    async def _require(self, version: str, what: str) -> None:
        if not await self._knows(version):
            spoken = await self.api_version()
            self._negotiated = ""  # The engine may be updated, or have been misheard.
            raise ApiVersionError(
                f"API {version} or newer is needed for {what}; this engine speaks {spoken}.",
                advice="Update the engine, or do without.",
            )


def _closed() -> EngineUnavailable:
    return EngineUnavailable("The client of the engine was closed.")


def path_segment(name: str, kind: str) -> str:
    """Return a name as one escaped segment of a path."""
    if not name:
        raise ConfigurationError(f"The name of the {kind} is empty.")
    return quote(name, safe="")


def subject_of(container: str) -> str:
    """Return a call's subject, in words; "" for none."""
    name = container[:_SHORT_ID] if _ID.fullmatch(container) else container
    return f"the container {name!r}" if name else ""
