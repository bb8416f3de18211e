"""The verbs for containers; see :mod:`client`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from dexec_kernel.backend.models import ContainerInspect, ContainerSummary, ContainerTop
from dexec_kernel.engine import answers, codec
from dexec_kernel.engine.calls import PATIENT_TIMEOUT, EngineCalls, path_segment
from dexec_kernel.engine.connection import HijackedConnection
from dexec_kernel.engine.events import LIFE, EventStream, Filters, open_events
from dexec_kernel.errors import ContainerNotRunning, EngineApiError

if TYPE_CHECKING:
    from dexec_kernel.engine.websocket import WebSocketConnection

#: In seconds: the engine's clock may be off by this against ours.
_CLOCK_SKEW = 1.0
#: Podman runs the image's own ps, if there is one, unless the columns are named.
_PODMAN_PS = "user,hpid,pid,ppid,pcpu,etime,tty,time,args"
#: A process's name may have spaces, and comes last therefore.
_NAMES, _PODMAN_NAMES = "-eo pid,comm", "hpid,comm"

_ATTACH_WITHOUT_STDIN_SINCE = "1.42"


class ContainerCalls(EngineCalls):
    """List and look at containers, their processes, logs and events, and attach to them."""

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
        return codec.container_list(answer.json())

    async def container_inspect(self, container: str) -> ContainerInspect:
        """Look at one container, by name or id (Go's ``ContainerInspect``).

        Raises :class:`ContainerNotFound`.
        """
        path = f"/containers/{path_segment(container, 'container')}/json"
        answer = await self._quick_call("GET", path, container=container)
        return codec.container_inspect(answer.json())

    async def container_top(self, container: str) -> ContainerTop:
        """List a container's processes (Go's ``ContainerTop``).

        Docker's PIDs are the host's; Podman gives those as HPID, beside the container's own.
        Raises :class:`ContainerNotFound`, :class:`ContainerNotRunning`, and
        :class:`EngineApiError`, as where the engine's host has no ``ps``.
        """
        return await self._top(container, podman=_PODMAN_PS)

    async def container_process_names(self, container: str) -> dict[str, str]:
        """Return the names of a container's processes by their PIDs on the engine's host.

        A process can change its name, other than its command line. Raises as
        :meth:`container_top` does, and where the host's ``ps`` has no columns to choose from.
        """
        top = await self._top(container, docker=_NAMES, podman=_PODMAN_NAMES)
        return {row[0]: row[-1] for row in top.processes if row}

    async def _top(self, container: str, *, docker: str = "", podman: str = "") -> ContainerTop:
        path = f"/containers/{path_segment(container, 'container')}/top"
        try:
            columns = podman if (await self.ping()).is_podman else docker
            params = {"ps_args": columns} if columns else None
            answer = await self._call("GET", path, params=params, container=container)
        except EngineApiError as error:
            raise answers.top_refused(error) from error
        if not answer.body:  # Podman's answer for a container that is stopped.
            raise ContainerNotRunning.of(container)
        return codec.container_top(answer.json())

    async def container_restart(self, container: str, *, stop_timeout: int | None = None) -> None:
        """Stop a container and start it again (Go's ``ContainerRestart``).

        Its processes have ``stop_timeout`` seconds to end before they are killed; None means the
        container's own value, or ten. Raises :class:`ContainerNotFound`, :class:`EngineApiError`.
        """
        path = f"/containers/{path_segment(container, 'container')}/restart"
        params = None if stop_timeout is None else {"t": stop_timeout}
        timeout = PATIENT_TIMEOUT + (stop_timeout or 0)
        await self._call("POST", path, params=params, container=container, timeout=timeout)

    async def container_logs(
        self,
        container: str,
        *,
        tty: bool = False,
        follow: bool = False,
        tail: int | None = None,
        since: int = 0,
    ) -> HijackedConnection:
        """Return a reader of a container's log (Go's ``ContainerLogs``). The caller closes it.

        ``tty`` must be the container's own: it decides how the stream is framed. ``tail`` is a
        number of lines, None for all; ``since`` is in seconds since the epoch. Raises
        :class:`ContainerNotFound`, and :class:`EngineApiError`, for example if the engine cannot
        read the container's log driver.
        """
        query = {
            "stdout": "1",
            "stderr": "1",
            "follow": "1" if follow else "0",
            "tail": "all" if tail is None else str(tail),
            "since": str(since),
        }
        name = path_segment(container, "container")
        target = f"/v{await self.api_version()}/containers/{name}/logs?{urlencode(query)}"
        connection = HijackedConnection(await self._open_stream(), tty=tty)
        request = partial(connection.get, target, host=self._address.http_host, container=container)
        # Podman answers with the first line, which may be long in coming.
        await self._begin(
            connection, request, "container logs", bounded=not follow, container=container
        )
        return connection

    async def attaching_ends_stdin(self, container: ContainerInspect) -> bool:
        """Tell whether the process loses its stdin to a connection that has no use for that.

        Before API 1.42 the engine takes every WebSocket for one with stdin.
        """
        return container.closes_stdin and not await self._knows(_ATTACH_WITHOUT_STDIN_SINCE)

    async def container_attach_ws(
        self, container: str, *, stdin: bool = False
    ) -> WebSocketConnection:
        """Join a container's main process ("ContainerAttachWebsocket"). The caller closes it.

        What it prints from now on comes back; with ``stdin`` it also gets what is written. The
        process is never ended by it; but without a Tty, one whose container has ``StdinOnce`` gets
        end of file when a connection with ``stdin`` is closed, and before API 1.42 every
        connection is one with ``stdin``. Docker attaches to a stopped
        container too, and waits for its start. Raises :class:`ContainerNotFound`,
        :class:`ContainerPaused`, and :class:`EngineApiError` for an engine without it (Podman).
        """
        query = {"stream": "1", "stdin": "1" if stdin else "0", "stdout": "1", "stderr": "1"}
        name = path_segment(container, "container")
        target = f"/v{await self.api_version()}/containers/{name}/attach/ws?{urlencode(query)}"
        from dexec_kernel.engine.websocket import (  # noqa: PLC0415 -- only %attach needs it
            WebSocketConnection,
        )

        connection = WebSocketConnection(await self._open_stream())
        request = partial(
            connection.open, target, host=self._address.http_host, container=container
        )
        await self._begin(connection, request, "container attach", container=container)
        return connection

    async def events(self, filters: Filters = LIFE) -> EventStream:
        """Return the engine's events from now on (Go's ``Events``). The caller closes them.

        ``filters`` are the engine's; without any, the events of containers that begin or end to
        be usable. Raises :class:`EngineApiError` when they are refused, as by a proxy.
        """
        return await open_events(self._address, await self.api_version(), filters)

    async def container_oom_since(self, container: str, since: float) -> bool:
        """Return whether the container ran out of memory after ``since`` (seconds since the epoch).

        Asks for the past events up to now (Go's ``Events``), so that it returns at once.
        """
        filters = {"container": [container], "event": ["oom"]}
        params: dict[str, str | int] = {
            "since": f"{since - _CLOCK_SKEW:.9f}",
            "until": f"{time.time():.9f}",
            "filters": json.dumps(filters),
        }
        return bool((await self._call("GET", "/events", params=params)).body.strip())
