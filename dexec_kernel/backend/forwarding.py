"""An engine in front of others: each verb goes to the one that knows the container or the exec."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable

from dexec_kernel.backend.models import (
    ContainerInspect,
    ContainerTop,
    ExecConfig,
    ExecInspect,
    PathStat,
)
from dexec_kernel.backend.protocol import Archive, Exec, FrameChannel, FrameStream, WholeEngine


class ForwardingEngine(ABC):
    """The verbs of :class:`WholeEngine` that are about one container or exec.

    A subclass finds the engine, and has the verbs that are about none. It decides nothing: an
    engine that is to refuse something names every verb itself.
    """

    @abstractmethod
    async def of(self, thing: str) -> WholeEngine:
        """Return the engine of a container, by its name or id, or of an exec, by its id."""

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
        engine = await self.of(container)
        await engine.container_restart(container, stop_timeout=stop_timeout)

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
        engine = await self.of(container)
        return await engine.exec_detached(container, config, created=created)

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
        engine = await self.of(container)
        return await engine.container_logs(
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
        engine = await self.of(container)
        await engine.copy_to_container(
            container,
            path,
            content,
            allow_overwrite_dir_with_file=allow_overwrite_dir_with_file,
            copy_uid_gid=copy_uid_gid,
        )
