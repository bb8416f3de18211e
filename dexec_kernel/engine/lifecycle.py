"""The verbs for the life of containers, their networks and volumes; see :mod:`client`.

Source: Docker Engine API, "Create a container", "Attach to a container", "Networks", "Volumes".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial

from dexec_kernel.backend.lifecycle import CreateConfig, Health, NetworkSummary, Usage
from dexec_kernel.engine import answers, codec
from dexec_kernel.engine.calls import PATIENT_TIMEOUT, path_segment
from dexec_kernel.engine.connection import HijackedConnection
from dexec_kernel.engine.containers import ContainerCalls
from dexec_kernel.errors import ContainerNotFound, EngineApiError, ImageNotFound

_NOT_MODIFIED = 304


class LifecycleCalls(ContainerCalls):
    """Make, start, stop and remove containers: see :class:`backend.lifecycle.Lifecycle`."""

    async def container_create(self, config: CreateConfig, *, name: str = "") -> str:
        """Create a container; return its id (Go's ``ContainerCreate``).

        Raises :class:`ImageNotFound`.
        """
        body = codec.container_create(config)
        params = {"name": name} if name else None
        try:
            answer = await self._call(
                "POST", "/containers/create", params=params, body=body, timeout=PATIENT_TIMEOUT
            )
        except EngineApiError as error:
            if error.status == answers.NOT_FOUND and "image" in error.message.lower():
                raise ImageNotFound.of(config.image) from error
            raise
        return codec.created_id(answer.json())

    async def container_start(self, container: str) -> None:
        """Start a container (Go's ``ContainerStart``). Raises :class:`ContainerNotFound`."""
        await self._container_post(container, "start")

    async def container_stop(self, container: str, *, stop_timeout: int | None = None) -> None:
        """Stop a container (Go's ``ContainerStop``). Raises :class:`ContainerNotFound`."""
        await self._container_post(container, "stop", seconds=stop_timeout)

    async def container_pause(self, container: str) -> None:
        """Freeze a container (Go's ``ContainerPause``). Raises :class:`ContainerNotFound`."""
        await self._container_post(container, "pause")

    async def container_unpause(self, container: str) -> None:
        """Let it go on (Go's ``ContainerUnpause``). Raises :class:`ContainerNotFound`."""
        await self._container_post(container, "unpause")

    async def _container_post(
        self, container: str, verb: str, *, seconds: int | None = None
    ) -> None:
        path = f"/containers/{path_segment(container, 'container')}/{verb}"
        params = None if seconds is None else {"t": seconds}
        timeout = PATIENT_TIMEOUT + (seconds or 0)
        try:
            await self._call("POST", path, params=params, timeout=timeout)
        except EngineApiError as error:
            if error.status == answers.NOT_FOUND and "no such container" in error.message.lower():
                raise ContainerNotFound.of(container) from error
            if error.status != _NOT_MODIFIED:  # It runs already, or is stopped already.
                raise

    async def container_remove(
        self, container: str, *, force: bool = False, volumes: bool = True
    ) -> None:
        """Remove a container (Go's ``ContainerRemove``). Raises :class:`ContainerNotFound`."""
        path = f"/containers/{path_segment(container, 'container')}"
        params = {"force": int(force), "v": int(volumes)}
        try:
            await self._call(
                "DELETE", path, params=params, container=container, timeout=PATIENT_TIMEOUT
            )
        except EngineApiError as error:
            if error.status == answers.CONFLICT and "already in progress" in error.message.lower():
                return
            raise

    async def container_rename(self, container: str, name: str) -> None:
        """Rename a container (Go's ``ContainerRename``). Raises :class:`ContainerNotFound`."""
        path = f"/containers/{path_segment(container, 'container')}/rename"
        await self._call("POST", path, params={"name": name}, container=container)

    async def container_hold(self, container: str) -> HijackedConnection:
        """Attach to its stdin, and hold it (Go's ``ContainerAttach``). The caller closes it.

        Raises :class:`ContainerNotFound`.
        """
        return await self._attach(container, "stdin=1&stream=1")

    async def container_attach(self, container: str) -> HijackedConnection:
        """Attach to its stdin and its output, as frames: it has no Tty (Go's ``ContainerAttach``).

        The caller closes it. Raises :class:`ContainerNotFound`.
        """
        return await self._attach(container, "stdin=1&stdout=1&stderr=1&stream=1")

    async def _attach(self, container: str, streams: str) -> HijackedConnection:
        name = path_segment(container, "container")
        target = f"/v{await self.api_version()}/containers/{name}/attach?{streams}"
        connection = HijackedConnection(await self._open_stream(), tty=False)
        request = partial(
            connection.start, target, b"", host=self._address.http_host, container=container
        )
        await self._begin(connection, request, "container attach", container=container)
        return connection

    async def container_health(self, container: str) -> Health:
        """Return its health. Raises :class:`ContainerNotFound`."""
        path = f"/containers/{path_segment(container, 'container')}/json"
        answer = await self._quick_call("GET", path, container=container)
        return codec.health(answer.json())

    async def container_usage(self, container: str) -> Usage:
        """Return its use (Go's ``ContainerStatsOneShot``). Raises :class:`ContainerNotFound`."""
        path = f"/containers/{path_segment(container, 'container')}/stats"
        params = {"stream": "false", "one-shot": "true"}
        answer = await self._call("GET", path, params=params, container=container)
        return codec.usage(answer.json())

    # --- networks, volumes --------------------------------------------------------------

    async def network_create(self, name: str, *, labels: Mapping[str, str]) -> str:
        """Create a bridge; return its id (Go's ``NetworkCreate``)."""
        body = {"Name": name, "Driver": "bridge", "Labels": dict(labels), "CheckDuplicate": True}
        answer = await self._call("POST", "/networks/create", body=body, timeout=PATIENT_TIMEOUT)
        return codec.created_id(answer.json())

    async def network_remove(self, network: str) -> None:
        """Remove a network, if there is one (Go's ``NetworkRemove``)."""
        await self._delete(f"/networks/{path_segment(network, 'network')}")

    async def network_list(self, *, label: str) -> list[NetworkSummary]:
        """List the networks with a label (Go's ``NetworkList``)."""
        params = {"filters": json.dumps({"label": [label]})}
        return codec.network_list((await self._call("GET", "/networks", params=params)).json())

    async def volume_list(self, *, prefix: str) -> list[str]:
        """List the volumes whose names begin with ``prefix`` (Go's ``VolumeList``)."""
        # The engine's own filter takes a part of the name; Podman's takes a regular expression.
        names = codec.volume_list((await self._call("GET", "/volumes")).json())
        return [name for name in names if name.startswith(prefix)]

    async def volume_remove(self, volume: str) -> None:
        """Remove a volume, if there is one (Go's ``VolumeRemove``)."""
        await self._delete(f"/volumes/{path_segment(volume, 'volume')}")

    async def _delete(self, path: str) -> None:
        try:
            await self._call("DELETE", path, timeout=PATIENT_TIMEOUT)
        except EngineApiError as error:
            if error.status != answers.NOT_FOUND:
                raise
