"""An engine within a policy: every verb of the contract asks before it passes anything on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

from dexec_kernel.backend.models import (
    LAB_LABEL,
    ContainerInspect,
    ContainerSummary,
    ContainerTop,
    ExecConfig,
    ExecInspect,
    PathStat,
    Ping,
)
from dexec_kernel.backend.protocol import Archive, Exec, FrameChannel, FrameStream, WholeEngine
from dexec_kernel.backend.targets import Named, bound_name, find_container
from dexec_kernel.errors import ContainerNotFound
from dexec_kernel.policy.rules import Files, Policy


@dataclass
class Home:
    """The container that a kernel stays in where switching is not allowed.

    ``setting`` is the container that the kernel was started for. ``bound`` is its name as
    :func:`bound_name` has it, "" until it is known. A kernel that was started for none stays in
    the first container that it has used.
    """

    setting: str = ""
    bound: str = ""


@dataclass(frozen=True, slots=True)
class _Known:
    """A container that may be used. ``own`` is its own user, whatever its labels say.

    In a lab's container it is the lab's, whose label is the kernel's own: such a container may
    begin as root, and no cell of it is root's.
    """

    name: str
    own: str
    bound: str


class PolicedEngine:
    """Implements :class:`WholeEngine`, and raises :class:`PolicyRefused` besides its errors.

    A container's name and labels are looked at once, and it is known by its id from then on.
    """

    def __init__(self, engine: WholeEngine, policy: Policy, home: Home) -> None:
        self._engine = engine
        self._policy = policy
        self._home = home
        self._by_id: dict[str, _Known] = {}

    # --- the engine ---------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where the engine is."""
        return self._engine.url

    @property
    def is_remote(self) -> bool:
        """Whether PIDs are another machine's for certain."""
        return self._engine.is_remote

    async def aclose(self) -> None:
        """Close the client."""
        await self._engine.aclose()

    async def answers(self) -> bool:
        """Return whether the engine answers."""
        return await self._engine.answers()

    async def ping(self) -> Ping:
        """Ask who is there."""
        return await self._engine.ping()

    async def api_version(self) -> str:
        """Return the API version that is spoken."""
        return await self._engine.api_version()

    # --- containers ---------------------------------------------------------------------------

    async def container_list(
        self,
        *,
        all: bool = False,  # noqa: A002 -- the engine's word
        filters: Mapping[str, Sequence[str]] | None = None,
    ) -> list[ContainerSummary]:
        """List the containers that may be used.

        Filters ask for particular ones: where none of those may be used, that is the answer.
        """
        found = await self._engine.container_list(all=all, filters=filters)
        allowed = [item for item in found if self.permits(item)]
        if filters and found and not allowed:
            self._policy.check_container(found[0])
            self._check_home(found[0].name, bound_name(found[0]))
        return allowed

    def permits(self, container: Named) -> bool:
        """Return whether a container may be used, as far as that is known without a look at it."""
        home = self._home.bound
        return self._policy.allows(container) and (
            self._policy.switching or not home or bound_name(container) == home
        )

    async def container_inspect(self, container: str) -> ContainerInspect:
        """Look at a container."""
        found = await self._engine.container_inspect(container)
        await self._admit(found)
        return found

    async def container_top(self, container: str) -> ContainerTop:
        """List a container's processes."""
        await self._use(container)
        return await self._engine.container_top(container)

    async def container_process_names(self, container: str) -> dict[str, str]:
        """Return the names of a container's processes by their PIDs on the engine's host."""
        await self._use(container)
        return await self._engine.container_process_names(container)

    async def container_restart(self, container: str, *, stop_timeout: int | None = None) -> None:
        """Restart a container."""
        known = await self._use(container)
        self._policy.check_restart(known.name)
        await self._engine.container_restart(container, stop_timeout=stop_timeout)

    async def container_oom_since(self, container: str, since: float) -> bool:
        """Return whether the container ran out of memory after ``since``."""
        await self._use(container)
        return await self._engine.container_oom_since(container, since)

    # --- execs --------------------------------------------------------------------------------

    async def exec(
        self,
        container: str,
        config: ExecConfig,
        *,
        created: Callable[[str], None] = lambda _: None,
    ) -> Exec:
        """Execute a command, attached to its streams."""
        await self._check_exec(container, config)
        return await self._engine.exec(container, config, created=created)

    async def exec_detached(
        self,
        container: str,
        config: ExecConfig,
        *,
        created: Callable[[str], None] = lambda _: None,
    ) -> ExecInspect:
        """Start a command, attached to nothing."""
        self._policy.check_detached()
        await self._check_exec(container, config)
        return await self._engine.exec_detached(container, config, created=created)

    async def container_exec_inspect(self, exec_id: str) -> ExecInspect:
        """Look at an exec. Nobody but this kernel names one."""
        return await self._engine.container_exec_inspect(exec_id)

    async def _check_exec(self, container: str, config: ExecConfig) -> None:
        known = await self._use(container)
        self._policy.check_exec(known.name, config.user, known.own, privileged=config.privileged)

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
        await self._use(container)
        return await self._engine.container_logs(
            container, tty=tty, follow=follow, tail=tail, since=since
        )

    async def attaching_ends_stdin(self, container: ContainerInspect) -> bool:
        """Tell whether the end of a connection without stdin would end the process's stdin."""
        return await self._engine.attaching_ends_stdin(container)

    async def container_attach_ws(self, container: str, *, stdin: bool = False) -> FrameChannel:
        """Join the main process. What is sent to its stdin runs as the container's own user."""
        known = await self._use(container)
        if stdin:
            self._policy.check_user(known.name, known.own, known.own)
        return await self._engine.container_attach_ws(container, stdin=stdin)

    # --- files --------------------------------------------------------------------------------

    async def container_stat_path(self, container: str, path: str) -> PathStat:
        """Look at a path."""
        await self._check_files(container, Files.READ)
        return await self._engine.container_stat_path(container, path)

    async def copy_from_container(self, container: str, path: str) -> Archive:
        """Begin to read a file or a folder."""
        await self._check_files(container, Files.READ)
        return await self._engine.copy_from_container(container, path)

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
        await self._check_files(container, Files.WRITE)
        await self._engine.copy_to_container(
            container,
            path,
            content,
            allow_overwrite_dir_with_file=allow_overwrite_dir_with_file,
            copy_uid_gid=copy_uid_gid,
        )

    async def _check_files(self, container: str, wanted: Files) -> None:
        known = await self._use(container)
        self._policy.check_files(known.name, known.own, wanted)

    # --- which containers ---------------------------------------------------------------------

    async def _use(self, container: str) -> _Known:
        """Return a container that is to be used, and stay in it if it is the first."""
        known = self._by_id.get(container)
        if known is None:
            known = await self._admit(await self._engine.container_inspect(container))
        self._check_home(known.name, known.bound)
        if not self._home.bound:
            self._home.bound = known.bound
        return known

    async def _admit(self, container: ContainerInspect) -> _Known:
        known = self._by_id.get(container.id)
        if known is None:
            self._policy.check_container(container)
            await self._find_home()
            labelled = container.exec_defaults.user if LAB_LABEL in container.labels else ""
            known = _Known(container.name, labelled or container.user, bound_name(container))
            self._by_id[container.id] = known
        self._check_home(known.name, known.bound)
        return known

    async def _find_home(self) -> None:
        """Find out the name of the container that the kernel was started for."""
        home = self._home
        if self._policy.switching or home.bound or not home.setting:
            return
        try:
            home.bound = bound_name(await find_container(self._engine, home.setting))
        except ContainerNotFound:
            # No other container is it.
            home.bound = home.setting

    def _check_home(self, name: str, bound: str) -> None:
        home = self._home.bound
        if not self._policy.switching and home and home != bound:
            raise self._policy.refused(
                "containers.switching",
                f"The cells stay in the container {home!r}, and may not use {name!r}.",
            )


def policed(engine: WholeEngine, policy: Policy, home: Home | None = None) -> WholeEngine:
    """Return the engine within the policy; the engine itself where there is no policy."""
    return PolicedEngine(engine, policy, home or Home()) if policy.file else engine
