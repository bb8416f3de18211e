"""The kernelspecs of one server, from what the engine and the cluster have at the moment."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.engine.watch import EngineWatch
from dexec_kernel.errors import DexecError
from dexec_kernel.kube.kubeconfig import ClusterAccess
from dexec_kernel.kube.scope import PodScope
from dexec_kernel.picker.filters import ContainerFilters
from dexec_kernel.picker.folder import SpecFolder
from dexec_kernel.picker.kernelspecs import engine_env
from dexec_kernel.picker.pods import Reports, cluster_env
from dexec_kernel.picker.specs import KnownSpecs, container_specs
from dexec_kernel.policy.rules import Policy

_MADE_BY = {"by": "picker"}


class Cards:
    """Writes the kernelspecs whenever containers or pods have changed.

    ``show`` gets the folders for Jupyter to search, in the order of the menu. ``kernels`` returns
    the names of the kernelspecs that the server's kernels run from.
    """

    def __init__(
        self,
        folder: SpecFolder,
        filters: ContainerFilters,
        policy: Policy,
        *,
        show: Callable[[list[str]], None],
        kernels: Callable[[], Awaitable[set[str]]],
        log: logging.Logger,
    ) -> None:
        self._folder = folder
        self._filters = filters
        self._policy = policy
        self._show = show
        self._kernels = kernels
        self._log = log
        self._known = KnownSpecs()
        self._containers: list[ContainerSummary] = []
        self._pods: list[ContainerSummary] = []
        self._engine_env: dict[str, str] = {}
        self._cluster_env: dict[str, str] = {}
        self._writing = asyncio.Lock()

    async def follow_engine(self, environ: Mapping[str, str]) -> None:
        """Follow the containers until the task is cancelled."""
        reports = Reports(self._log, "containers")

        async def update(containers: list[ContainerSummary]) -> None:
            reports.take("")
            self._engine_env = await asyncio.to_thread(engine_env, environ)
            self._containers = containers
            await self._write()

        watch = EngineWatch(
            environ,
            on_containers=update,
            on_lost=lambda error: reports.take(str(error)),
            check=self._policy.check_engine,
        )
        await watch.run()

    async def follow_pods(self, environ: Mapping[str, str], scope: PodScope) -> None:
        """Follow the pods until the task is cancelled."""
        # Most servers have no cluster.
        from dexec_kernel.kube.watch import PodWatch  # noqa: PLC0415

        reports = Reports(self._log, "pods")

        async def update(pods: list[ContainerSummary], access: ClusterAccess) -> None:
            reports.take("")
            self._cluster_env = cluster_env(environ, access)
            self._pods = pods
            await self._write()

        def lose(error: DexecError | None) -> None:
            reports.take("" if error is None else str(error))

        watch = PodWatch(
            environ,
            on_pods=update,
            on_lost=lose,
            check=self._policy.check_engine,
            everywhere=scope is PodScope.ALL,
            may_ask=scope is not PodScope.AUTO,
        )
        await watch.run()

    async def _write(self) -> None:
        found = [item for item in (*self._containers, *self._pods) if self._policy.allows(item)]
        specs = container_specs(
            found,
            self._filters,
            self._engine_env,
            pod_env=self._cluster_env,
            metadata=_MADE_BY,
        )
        async with self._writing:
            known = self._known.add_to(specs, await self._kernels(), time.monotonic())
            try:
                folders = await asyncio.to_thread(self._folder.update, known)
            except OSError as error:
                self._log.warning("dexec-kernel: the kernelspecs cannot be written: %s", error)
            else:
                self._show(folders)
