"""Two engines as one: names and ids that begin with ``kube:`` go to the cluster, all others not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from dexec_kernel.backend.models import (
    ContainerInspect,
    ContainerSummary,
    ContainerTop,
    ExecConfig,
    ExecInspect,
    PathStat,
    Ping,
)
from dexec_kernel.backend.protocol import Archive, Exec, FrameChannel, FrameStream, WholeEngine
from dexec_kernel.backend.targets import KUBE_PREFIX
from dexec_kernel.errors import EngineError, EngineUnavailable

Connect = Callable[[], Awaitable[WholeEngine]]
#: How the ids of execs in pods begin.
KUBE_EXEC_PREFIX = "kube-"


class RoutedEngine:
    """Implements :class:`WholeEngine` with an engine and a cluster, each found when it is needed.

    Verbs without a container are the engine's. Finding either raises what ``engine`` and
    ``cluster`` raise.
    """

    def __init__(self, engine: Connect, cluster: Connect) -> None:
        self._connects = (engine, cluster)
        self._found: list[WholeEngine | None] = [None, None]
        self._connecting = asyncio.Lock()

    async def of(self, container: str) -> WholeEngine:
        """Return the client that knows a container, by its name or id; "" for the engine."""
        number = int(container.startswith((KUBE_PREFIX, KUBE_EXEC_PREFIX)))
        async with self._connecting:
            found = self._found[number]
            if found is None:
                found = self._found[number] = await self._connects[number]()
            return found

    @property
    def is_remote(self) -> bool:
        """Whether the engine's PIDs are another machine's. A cluster tells none."""
        return self._found[0] is not None and self._found[0].is_remote

    @property
    def url(self) -> str:
        """Where the engine is, "" while that is not known."""
        return next((found.url for found in self._found if found is not None), "")

    async def aclose(self) -> None:
        """Close the clients."""
        found, self._found = self._found, [None, None]
        for client in found:
            if client is not None:
                await client.aclose()

    async def answers(self) -> bool:
        """Return whether all that were asked answer."""
        found = [client for client in self._found if client is not None]
        return all(await asyncio.gather(*(client.answers() for client in found)))

    async def ping(self) -> Ping:
        """Ask who is there."""
        return await (await self.of("")).ping()

    async def api_version(self) -> str:
        """Return the API version that is spoken."""
        return await (await self.of("")).api_version()

    # --- containers ---------------------------------------------------------------------------

    async def container_list(
        self,
        *,
        all: bool = False,  # noqa: A002 -- the engine's word
        filters: Mapping[str, Sequence[str]] | None = None,
    ) -> list[ContainerSummary]:
        """List the engine's containers, and those of a cluster that is in use already.

        One of both is enough. ``filters`` are the engine's, and no pod has what they ask for.
        """
        cluster = self._found[1]
        try:
            found = await (await self.of("")).container_list(all=all, filters=filters)
        except EngineUnavailable:
            if cluster is None or filters:
                raise
            return await cluster.container_list(all=all)
        if cluster is None or filters:
            return found
        try:
            return [*found, *await cluster.container_list(all=all)]
        except EngineError:
            return found  # A cell in a pod will say why.

    async def container_inspect(self, container: str) -> ContainerInspect:
        """Look at a container."""
        return await (await self.of(container)).container_inspect(container)

    async def container_top(self, container: str) -> ContainerTop:
        """List a container's processes."""
        return await (await self.of(container)).container_top(container)

    async def container_process_names(self, container: str) -> dict[str, str]:
        """Return the names of a container's processes by their PIDs on the engine's host."""
        return await (await self.of(container)).container_process_names(container)

    async def container_restart(self, container: str, *, stop_timeout: int | None = None) -> None:
        """Restart a container."""
        client = await self.of(container)
        await client.container_restart(container, stop_timeout=stop_timeout)

    async def container_oom_since(self, container: str, since: float) -> bool:
        """Return whether the container ran out of memory after ``since``."""
        return await (await self.of(container)).container_oom_since(container, since)

    # --- execs --------------------------------------------------------------------------------

    async def exec(
        self,
        container: str,
        config: ExecConfig,
        *,
        created: Callable[[str], None] = lambda _: None,
    ) -> Exec:
        """Execute a command, attached to its streams."""
        return await (await self.of(container)).exec(container, config, created=created)

    async def exec_detached(
        self,
        container: str,
        config: ExecConfig,
        *,
        created: Callable[[str], None] = lambda _: None,
    ) -> ExecInspect:
        """Start a command, attached to nothing."""
        client = await self.of(container)
        return await client.exec_detached(container, config, created=created)

    async def container_exec_inspect(self, exec_id: str) -> ExecInspect:
        """Look at an exec."""
        return await (await self.of(exec_id)).container_exec_inspect(exec_id)

    # --- the main process ---------------------------------------------------------------------

    async def container_logs(
        self,
        container: str,
        *,
        tty: bool = False,
        follow: bool = False,
        tail: int | None = None,
        since: int = 0,
    ) -> FrameStream:
        """Read a container's log."""
        client = await self.of(container)
        return await client.container_logs(
            container, tty=tty, follow=follow, tail=tail, since=since
        )

    async def attaching_ends_stdin(self, container: ContainerInspect) -> bool:
        """Tell whether the end of a connection without stdin would end the process's stdin."""
        return await (await self.of(container.id)).attaching_ends_stdin(container)

    async def container_attach_ws(self, container: str, *, stdin: bool = False) -> FrameChannel:
        """Join the main process."""
        return await (await self.of(container)).container_attach_ws(container, stdin=stdin)

    # --- files --------------------------------------------------------------------------------

    async def container_stat_path(self, container: str, path: str) -> PathStat:
        """Look at a path."""
        return await (await self.of(container)).container_stat_path(container, path)

    async def copy_from_container(self, container: str, path: str) -> Archive:
        """Begin to read a file or a folder."""
        return await (await self.of(container)).copy_from_container(container, path)

    async def copy_to_container(
        self,
        container: str,
        path: str,
        content: AsyncIterator[bytes],
        *,
        allow_overwrite_dir_with_file: bool = False,
        copy_uid_gid: bool = False,
    ) -> None:
        """Extract an archive into a folder."""
        client = await self.of(container)
        await client.copy_to_container(
            container,
            path,
            content,
            allow_overwrite_dir_with_file=allow_overwrite_dir_with_file,
            copy_uid_gid=copy_uid_gid,
        )
