"""The verbs of Docker's Go client that a cell needs, with Go's names in snake_case.

Every verb is a coroutine. JSON calls run in the client's own threads; the attached connection is
read by the event loop. Besides the errors named at each verb, all raise
:class:`EngineUnavailable` when the engine does not answer and :class:`ProtocolError` when its
answer makes no sense.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlencode

from dexec_kernel.engine import answers
from dexec_kernel.engine.api import Answer, JsonApi
from dexec_kernel.engine.connection import HijackedConnection
from dexec_kernel.engine.endpoint import Endpoint, find_endpoint
from dexec_kernel.engine.errors import (
    ApiVersionError,
    ConfigurationError,
    DexecError,
    EngineApiError,
    EngineError,
    EngineUnavailable,
    ExecLost,
    ExecNotFound,
    ProtocolError,
)
from dexec_kernel.engine.models import (
    ConsoleSize,
    ContainerInspect,
    ContainerSummary,
    ContainerTop,
    ExecConfig,
    ExecInspect,
    ExecState,
    Ping,
)
from dexec_kernel.engine.transport import ByteStream, open_stream

#: The newest API version that this client was written for, and the oldest that it speaks.
NEWEST_API, OLDEST_API = "1.51", "1.24"
_ENV_SINCE, _WORKING_DIR_SINCE, _CONSOLE_SIZE_SINCE = "1.25", "1.35", "1.42"

CONNECT_TIMEOUT, READ_TIMEOUT = 5.0, 60.0
EXIT_CODE_TIMEOUT = 10.0
_THREADS = 8
#: Podman runs the image's own ps, if there is one, unless the columns are named.
_PODMAN_PS = "user,hpid,pid,ppid,pcpu,etime,tty,time,args"


def version_tuple(version: str) -> tuple[int, ...]:
    """Return ``"1.41"`` as ``(1, 41)``. Raises :class:`ConfigurationError`."""
    try:
        major, minor = version.lstrip("v").split(".")
        return int(major), int(minor)
    except ValueError as error:
        raise ConfigurationError(
            f"{version!r} is no API version; one looks like {NEWEST_API}."
        ) from error


class EngineClient:
    """A client of one engine. Close it with :meth:`aclose`, or use it as a context manager.

    ``api_version`` pins the version (DOCKER_API_VERSION does in :meth:`from_environment`);
    without it the newest that both know is used, found out with the first call.
    """

    def __init__(self, endpoint: Endpoint, *, api_version: str = "") -> None:
        if api_version:
            version_tuple(api_version)
        self.endpoint = endpoint
        self._pinned = api_version.lstrip("v")
        self._negotiated = ""
        self._negotiating = asyncio.Lock()
        self._closed = False
        self._api = JsonApi(endpoint, connect_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="dexec-engine")

    @classmethod
    async def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Find the engine as the docker command does (``endpoint.find_endpoint``)."""
        env = os.environ if environ is None else environ
        endpoint = await asyncio.to_thread(find_endpoint, env)
        return cls(endpoint, api_version=env.get("DOCKER_API_VERSION", ""))

    async def aclose(self) -> None:
        """Close what the client holds open. Calls that still wait for the engine fail."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._api.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    # --- the engine -------------------------------------------------------------------------

    async def ping(self) -> Ping:
        """Ask who is there (Go's ``Ping``). An engine that names no API version speaks 1.24."""
        headers = (await self._in_thread(partial(self._api.request, "GET", "/_ping"))).headers
        return Ping(
            api_version=headers.get("Api-Version") or OLDEST_API,
            os_type=headers.get("Ostype") or "linux",
            server=headers.get("Server") or "",
            is_podman="Libpod-Api-Version" in headers,
        )

    async def api_version(self) -> str:
        """Return the API version that is spoken: the pinned one, or the newest both know.

        Raises :class:`ApiVersionError` for an engine that is too old.
        """
        if self._pinned or self._negotiated:
            return self._pinned or self._negotiated
        async with self._negotiating:
            if not self._negotiated:
                offered = (await self.ping()).api_version
                try:
                    newest = version_tuple(offered)
                except ConfigurationError as error:
                    raise ProtocolError(
                        f"The engine says that it speaks API {offered!r}."
                    ) from error
                if newest < version_tuple(OLDEST_API):
                    raise ApiVersionError(
                        f"The engine speaks API {offered}; {OLDEST_API} or newer is needed."
                    )
                self._negotiated = min(offered, NEWEST_API, key=version_tuple)
        return self._negotiated

    # --- containers -------------------------------------------------------------------------

    async def container_list(
        self,
        *,
        all: bool = False,  # noqa: A002 -- the engine's word
        filters: Mapping[str, Sequence[str]] | None = None,
    ) -> list[ContainerSummary]:
        """List the running containers, or ``all`` (Go's ``ContainerList``).

        ``filters`` are the engine's, such as ``{"label": ["com.example=1"]}``.
        """
        params: dict[str, str | int] = {"all": int(all), "filters": json.dumps(filters or {})}
        answer = await self._call("GET", "/containers/json", params=params)
        if not isinstance(items := answer.json(), list):
            raise ProtocolError(f"The engine's container list is none: {answer.body[:200]!r}.")
        return [ContainerSummary.from_json(item) for item in items]

    async def container_inspect(self, container: str) -> ContainerInspect:
        """Look at one container, by name or id (Go's ``ContainerInspect``).

        Raises :class:`ContainerNotFound`.
        """
        path = f"/containers/{_segment(container, 'container')}/json"
        answer = await self._call("GET", path, container=container)
        return ContainerInspect.from_json(answer.json())

    async def container_top(self, container: str) -> ContainerTop:
        """List a container's processes (Go's ``ContainerTop``).

        Docker's PIDs are the host's; Podman gives those as HPID, beside the container's own.
        Raises :class:`ContainerNotFound`, :class:`ContainerNotRunning`, and
        :class:`EngineApiError`, as where the engine's host has no ``ps``.
        """
        path = f"/containers/{_segment(container, 'container')}/top"
        try:
            params = {"ps_args": _PODMAN_PS} if (await self.ping()).is_podman else None
            answer = await self._call("GET", path, params=params, container=container)
        except EngineApiError as error:
            raise answers.top_refused(error) from error
        if not answer.body:  # Podman's answer for a container that is stopped.
            raise answers.container_not_running(container)
        return ContainerTop.from_json(answer.json())

    async def container_logs(
        self,
        container: str,
        *,
        tty: bool = False,
        follow: bool = False,
        tail: int | None = None,
        since: int = 0,
    ) -> HijackedConnection:
        """Return what reads a container's log (Go's ``ContainerLogs``). The caller closes it.

        ``tty`` is what the container was created with: it decides how the stream is framed.
        ``tail`` is a number of lines, None for all; ``since`` is in seconds since the epoch.
        Raises :class:`ContainerNotFound`, and :class:`EngineApiError`, as for a container whose
        log goes where the engine cannot read it.
        """
        query = {
            "stdout": "1",
            "stderr": "1",
            "follow": "1" if follow else "0",
            "tail": "all" if tail is None else str(tail),
            "since": str(since),
        }
        name = _segment(container, "container")
        target = f"/v{await self.api_version()}/containers/{name}/logs?{urlencode(query)}"
        connection = HijackedConnection(await self._open_stream(), tty=tty)
        request = partial(connection.get, target, host=self._host, container=container)
        # Podman answers with the first line, which may be long in coming.
        await self._begin(connection, request, "container logs", None if follow else READ_TIMEOUT)
        return connection

    async def container_oom_since(self, container: str, since: float) -> bool:
        """Return whether the container ran out of memory after ``since`` (seconds since the epoch).

        Asks for the past events up to now (Go's ``Events``), so that it returns at once.
        """
        filters = {"container": [container], "event": ["oom"]}
        params: dict[str, str | int] = {
            "since": f"{since:.9f}",
            "until": f"{time.time():.9f}",
            "filters": json.dumps(filters),
        }
        return bool((await self._call("GET", "/events", params=params)).body.strip())

    # --- execs ------------------------------------------------------------------------------

    async def container_exec_create(self, container: str, config: ExecConfig) -> str:
        """Create an exec in a running container; return its id (Go's ``ContainerExecCreate``).

        Raises :class:`ConfigurationError` for what no engine can execute and
        :class:`ApiVersionError` for what this one is too old for, both before anything is sent;
        :class:`ContainerNotFound`, :class:`ContainerNotRunning`, :class:`ContainerPaused`.
        """
        config.check()
        path = f"/containers/{_segment(container, 'container')}/exec"
        if config.env:
            await self._require(_ENV_SINCE, "an exec's environment variables")
        if config.working_dir:
            await self._require(_WORKING_DIR_SINCE, "an exec's working directory")
        body = config.to_json(console_size=await self._knows(_CONSOLE_SIZE_SINCE))
        try:
            answer = await self._call("POST", path, body=body, container=container)
        except EngineApiError as error:
            raise await self._explain(error, container) from error
        try:
            return str(answer.json()["Id"])
        except (KeyError, TypeError) as error:
            raise ProtocolError(
                f"The engine's answer names no exec: {answer.body[:200]!r}."
            ) from error

    async def container_exec_start(self, exec_id: str, *, tty: bool = False) -> None:
        """Start an exec detached: nothing of its output comes back (Go's ``ContainerExecStart``).

        ``tty`` is what the exec was created with. Raises :class:`ExecNotFound`.
        """
        path = f"/exec/{_segment(exec_id, 'exec')}/start"
        body = {"Detach": True, "Tty": tty}
        await self._call("POST", path, body=body, exec_id=exec_id)

    async def container_exec_attach(
        self, exec_id: str, *, tty: bool = False, console_size: ConsoleSize | None = None
    ) -> HijackedConnection:
        """Start an exec and return its attached connection (Go's ``ContainerExecAttach``).

        ``tty`` is what the exec was created with: it decides how the stream is framed.
        The caller closes the connection. Raises :class:`ExecNotFound`.
        """
        body: dict[str, object] = {"Detach": False, "Tty": tty}
        if tty and console_size is not None and await self._knows(_CONSOLE_SIZE_SINCE):
            body["ConsoleSize"] = [console_size.rows, console_size.columns]
        target = f"/v{await self.api_version()}/exec/{_segment(exec_id, 'exec')}/start"
        connection = HijackedConnection(await self._open_stream(), tty=tty)
        content = json.dumps(body).encode()
        request = partial(connection.start, target, content, host=self._host, exec_id=exec_id)
        await self._begin(connection, request, "exec start", READ_TIMEOUT)
        return connection

    async def container_exec_inspect(self, exec_id: str) -> ExecInspect:
        """Look at an exec (Go's ``ContainerExecInspect``). Raises :class:`ExecNotFound`."""
        path = f"/exec/{_segment(exec_id, 'exec')}/json"
        return ExecInspect.from_json((await self._call("GET", path, exec_id=exec_id)).json())

    async def container_exec_resize(self, exec_id: str, size: ConsoleSize) -> None:
        """Set the size of a running exec's Tty (Go's ``ContainerExecResize``).

        Raises :class:`ExecNotFound`, and :class:`EngineApiError` for an exec that does not run.
        """
        params = {"h": size.rows, "w": size.columns}
        path = f"/exec/{_segment(exec_id, 'exec')}/resize"
        await self._call("POST", path, params=params, exec_id=exec_id)

    async def container_exec_wait(
        self,
        exec_id: str,
        *,
        timeout: float = EXIT_CODE_TIMEOUT,  # noqa: ASYNC109 -- the bound is the point
    ) -> ExecInspect:
        """Wait, after the end of its stream, until the exec has exited; no call of Go's.

        Raises :class:`ExecLost` when it has not after ``timeout`` seconds, or when the engine
        does not know it any more.
        """
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + timeout, 0.001
        while True:
            try:
                inspect = await self.container_exec_inspect(exec_id)
            except ExecNotFound as error:
                raise ExecLost(
                    "The engine no longer knows the exec, so that its exit code is unknown.",
                    advice="The container was removed, or the engine was restarted.",
                ) from error
            if inspect.state is ExecState.EXITED:
                return inspect
            if loop.time() > deadline:
                raise ExecLost(
                    f"The exec's stream ended, and {timeout:g} s later the engine still calls it"
                    f" {inspect.state.value}: its exit code is unknown.",
                    advice="The process may go on in the container without us.",
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.25)

    # --- how ----------------------------------------------------------------------------------

    @property
    def _host(self) -> str:
        return "docker" if self.endpoint.is_unix else self.endpoint.url[len("tcp://") :]

    async def _open_stream(self) -> ByteStream:
        return await open_stream(self.endpoint, timeout=CONNECT_TIMEOUT)

    async def _begin(
        self,
        connection: HijackedConnection,
        request: Callable[[], Awaitable[None]],
        what: str,
        bound: float | None,
    ) -> None:
        """Send a streaming request, answered within ``bound`` seconds; close when it fails."""
        try:
            async with asyncio.timeout(bound):
                await request()
        except TimeoutError as error:
            connection.close()
            raise answers.no_answer(self.endpoint, bound or 0.0, what) from error
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
    ) -> Answer:
        version = await self.api_version()
        try:
            return await self._in_thread(
                partial(
                    self._api.request,
                    method,
                    f"/v{version}{path}",
                    params=params,
                    body=body,
                    container=container,
                    exec_id=exec_id,
                )
            )
        except ApiVersionError:
            self._negotiated = ""  # Another engine has taken the place: ask it anew next time.
            raise

    async def _in_thread(self, call: Callable[[], Answer]) -> Answer:
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
            raise ApiVersionError(
                f"API {version} or newer is needed for {what}; this engine speaks"
                f" {await self.api_version()}.",
                advice="Update the engine, or do without.",
            )

    async def _explain(self, error: EngineApiError, container: str) -> EngineError:
        """Return what a refused exec create means: only the container's state tells for sure."""
        if error.status not in {answers.CONFLICT, answers.SERVER_ERROR}:
            return error
        try:
            state = await self.container_inspect(container)
        except DexecError:
            return error
        if state.paused:
            return answers.container_paused(container)
        return error if state.running else answers.container_not_running(container)


def _closed() -> EngineUnavailable:
    return EngineUnavailable("The client of the engine was closed.")


def _segment(name: str, kind: str) -> str:
    """Return a name as one segment of a path, whatever stands in it."""
    if not name:
        raise ConfigurationError(f"The name of the {kind} is empty.")
    return quote(name, safe="")
