"""The verbs of the contract for pods: see :mod:`backend.protocol`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Self

from dexec_kernel.backend.closing import AsyncClosing
from dexec_kernel.backend.models import (
    ContainerInspect,
    ContainerSummary,
    ContainerTop,
    ExecConfig,
    ExecInspect,
    PathStat,
    Ping,
)
from dexec_kernel.backend.protocol import FrameChannel, FrameStream
from dexec_kernel.errors import (
    ConfigurationError,
    ContainerNotFound,
    ContainerNotRunning,
    DexecError,
    EngineApiError,
)
from dexec_kernel.kube import files, pods
from dexec_kernel.kube.api import KubeApi
from dexec_kernel.kube.exec import KubeExec
from dexec_kernel.kube.execs import KubeExecs
from dexec_kernel.kube.files import KubeArchive
from dexec_kernel.kube.kubeconfig import access_of
from dexec_kernel.kube.logs import open_log
from dexec_kernel.kube.names import PodName
from dexec_kernel.kube.processes import processes

_CONFLICT = 409
#: In seconds: for a kubelet to tell the cluster of a container's end, which takes it a second or
#: two; between our looks at what it has told.
_NOTICES_IN, _LOOK_PAUSE = 15.0, 0.25


class KubeEngine(AsyncClosing):
    """A client of one cluster. Close it with :meth:`aclose`, or use it as a context manager.

    Containers are named as in :mod:`kube.names`, or by the ids that :meth:`container_inspect`
    returns.
    """

    is_remote = True

    def __init__(self, api: KubeApi) -> None:
        self._api = api
        self._execs = KubeExecs(api)

    @classmethod
    async def from_environment(
        cls,
        environ: Mapping[str, str] | None = None,
        *,
        check: Callable[[str], None] = lambda _url: None,
    ) -> Self:
        """Find the cluster as kubectl does. ``check`` is called with its address, and may raise.

        Raises :class:`ConfigurationError` where there is none.
        """
        env = os.environ if environ is None else environ
        access = await asyncio.to_thread(access_of, env)
        api = KubeApi(access, env)
        check(api.url)
        return cls(api)

    # --- the cluster --------------------------------------------------------------------------

    @property
    def api(self) -> KubeApi:
        """The calls of the cluster."""
        return self._api

    @property
    def url(self) -> str:
        """Where the cluster is."""
        return self._api.url

    async def aclose(self) -> None:
        """Close the client. May be called twice."""
        self._execs.close()
        self._api.close()

    async def answers(self) -> bool:
        """Return whether the cluster answers."""
        try:
            await self._api.version()
        except EngineApiError:
            return True
        except DexecError:
            return False
        return True

    async def ping(self) -> Ping:
        """Ask who is there."""
        version = await self._api.version()
        return Ping(version, "linux", f"Kubernetes/{version}", is_podman=False)

    async def api_version(self) -> str:
        """Return the cluster's version."""
        return await self._api.version()

    # --- containers ---------------------------------------------------------------------------

    async def container_list(
        self,
        *,
        all: bool = False,  # noqa: A002 -- the engine's word
        filters: Mapping[str, Sequence[str]] | None = None,
    ) -> list[ContainerSummary]:
        """List the containers of the pods in the context's namespace; ``label`` filters them."""
        labels = ",".join((filters or {}).get("label", ()))
        found, _ = await self._api.pods(self._api.namespace, labels=labels)
        lines = [line for pod in found for line in pods.summaries_of(pod)]
        return [line for line in lines if all or line.state == "running"]

    async def container_inspect(self, container: str) -> ContainerInspect:
        """Look at a container. Raises :class:`ContainerNotFound`, :class:`ConfigurationError`."""
        name, pod = await self._find(PodName.parse(container))
        return pods.inspect_of(pod, name.container)

    async def container_oom_since(self, container: str, since: float) -> bool:
        """Return whether the container, or a process in it, ran out of memory after ``since``.

        The kubelet takes a moment to write a container's end into the pod's status: it is waited
        for. The end of a process alone is never written there; the container counts it.
        """
        name, pod = await self._find(PodName.parse(container))
        if pods.ran_out_of_memory_since(pod, name.container, since):
            return True
        run = pods.run_of(pod, name.container)
        try:
            if await self._execs.oom_kills_since(name, since):
                return True
        except ContainerNotRunning:
            pod = await self._another_run(name, run)
        else:
            name, pod = await self._find(name)  # It may have been restarted before the look.
        return pods.ran_out_of_memory_since(pod, name.container, since)

    async def _another_run(self, name: PodName, run: str) -> Any:
        """Return the pod as soon as its status knows that a run of the container is over."""
        _, pod = await self._find(name)
        with suppress(TimeoutError):
            async with asyncio.timeout(_NOTICES_IN):
                while run and pods.run_of(pod, name.container) == run:
                    await asyncio.sleep(_LOOK_PAUSE)
                    _, pod = await self._find(name)
        return pod

    async def container_top(self, container: str) -> ContainerTop:
        """List a container's processes, as its own /proc has them."""
        return (await processes(self._starter(container)))[0]

    async def container_process_names(self, container: str) -> dict[str, str]:
        """Return the names of a container's processes by their PIDs in the container."""
        return (await processes(self._starter(container)))[1]

    async def container_restart(self, container: str, *, stop_timeout: int | None = None) -> None:  # noqa: ARG002 -- the contract's
        """Refuse: Kubernetes has no restart."""
        raise _cannot(
            container,
            "Kubernetes restarts no container",
            "a pod that is deleted is replaced by its owner: kubectl rollout restart",
        )

    # --- execs --------------------------------------------------------------------------------

    async def exec(
        self,
        container: str,
        config: ExecConfig,
        *,
        created: Callable[[str], None] = lambda _: None,
    ) -> KubeExec:
        """Execute a command, attached to its streams."""
        name = await self._whole(container)
        try:
            return await self._execs.start(name, config, created)
        except ContainerNotRunning as error:
            raise await self._why(name, error) from error

    async def exec_detached(
        self,
        container: str,
        config: ExecConfig,
        *,
        created: Callable[[str], None] = lambda _: None,
    ) -> ExecInspect:
        """Start a command, attached to nothing."""
        name = await self._whole(container)
        try:
            return await self._execs.start_detached(name, config, created)
        except ContainerNotRunning as error:
            raise await self._why(name, error) from error

    async def container_exec_inspect(self, exec_id: str) -> ExecInspect:
        """Look at an exec of this client. Raises :class:`ExecNotFound`."""
        return await self._execs.inspect(exec_id)

    # --- the main process ---------------------------------------------------------------------

    async def container_logs(
        self,
        container: str,
        *,
        tty: bool = False,  # noqa: ARG002 -- the contract's
        follow: bool = False,
        tail: int | None = None,
        since: int = 0,
    ) -> FrameStream:
        """Read a container's log. Its two streams are one there."""
        name = await self._whole(container)
        return await open_log(self._api, name, follow=follow, tail=tail, since=since)

    async def attaching_ends_stdin(self, container: ContainerInspect) -> bool:
        """Return whether containerd ends its stdin with the first who attaches, and sends none."""
        return container.closes_stdin

    async def container_attach_ws(self, container: str, *, stdin: bool = False) -> FrameChannel:
        """Join the main process. Raises :class:`ConfigurationError` where it has no stdin."""
        name, pod = await self._find(PodName.parse(container))
        found = pods.inspect_of(pod, name.container)
        if stdin and not found.open_stdin:
            raise _cannot(
                container,
                "its main process has no stdin",
                "the pod's description gives it one (stdin: true); `%attach` without input works",
            )
        # containerd ends an attachment without stdin at once if the container has an open one.
        has_stdin = found.open_stdin and not found.closes_stdin
        return await self._execs.attach(name, stdin=stdin or has_stdin, tty=found.tty)

    # --- files --------------------------------------------------------------------------------

    async def container_stat_path(self, container: str, path: str) -> PathStat:
        """Look at a path, with the container's own ``stat``."""
        return await files.stat_path(self._starter(container), path)

    async def copy_from_container(self, container: str, path: str) -> KubeArchive:
        """Begin to read a file or a folder, with the container's own ``tar``."""
        return await files.copy_out(self._starter(container), path)

    async def copy_to_container(
        self,
        container: str,
        path: str,
        content: AsyncIterator[bytes],
        *,
        allow_overwrite_dir_with_file: bool = False,  # noqa: ARG002 -- tar never does
        copy_uid_gid: bool = False,
    ) -> None:
        """Extract an archive into a folder, with the container's own ``tar``."""
        await files.copy_in(self._starter(container), path, content, as_own_user=copy_uid_gid)

    def _starter(self, container: str) -> files.Start:
        return partial(self.exec, container)

    # --- which container ----------------------------------------------------------------------

    async def _whole(self, container: str) -> PodName:
        """Return a name with all its parts; an id has them."""
        name = PodName.parse(container)
        if name.uid and name.container:
            return name
        return (await self._find(name))[0]

    async def _find(self, wanted: PodName) -> tuple[PodName, Any]:
        """Return a container's whole name, and its pod."""
        wanted = wanted.within(self._api.namespace)
        pod = await (self._of_owner(wanted) if wanted.owner else self._api.pod(wanted))
        found = pods.name_of(pod)
        if wanted.uid and wanted.uid != found.uid:
            raise ContainerNotFound.of(str(PodName(wanted.namespace, wanted.pod)))
        container = pods.choose_container(pod, wanted)
        return PodName(found.namespace, found.pod, container, uid=found.uid), pod

    async def _of_owner(self, wanted: PodName) -> Any:
        found, _ = await self._api.pods(wanted.namespace)
        members = [pod for pod in found if pods.belongs(pod, wanted)]
        if not members:
            raise ContainerNotFound.of(str(wanted))
        return min(members, key=lambda pod: pods.best_first(pod, wanted.container))

    async def _why(self, name: PodName, error: ContainerNotRunning) -> DexecError:
        """Return the error with the reason that the pod's status has."""
        try:
            found = await self.container_inspect(name.id)
        except DexecError as fault:
            return fault
        return ContainerNotRunning.of(found.name, found.why_not_running or error.reason)


def _cannot(container: str, why: str, instead: str) -> ConfigurationError:
    name = str(PodName.parse(container)) if container else "a pod"
    return ConfigurationError(
        f"This cannot be done in {name}: {why}.",
        advice=f"{instead[:1].upper()}{instead[1:]}." if instead else "",
    )
