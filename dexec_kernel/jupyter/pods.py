"""The pods that there are to choose from, as the launcher shows them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.errors import ConfigurationError
from dexec_kernel.kube.kubeconfig import is_configured
from dexec_kernel.kube.scope import VARIABLE, PodScope, is_installed, pod_scope

if TYPE_CHECKING:
    from dexec_kernel.kube.kubeconfig import ClusterAccess

#: In seconds: for a cluster's first word, which may never come.
_FIRST = 2.0


class PodChoice:
    """Follows the pods that the launcher shows. ``changed`` is called when there are others.

    ``check`` is called with the cluster's address before it is asked anything, and may raise.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        check: Callable[[str], None],
        changed: Callable[[], None],
    ) -> None:
        self._environ = environ
        self._check = check
        self._changed = changed
        self._told = asyncio.Event()
        #: Those that run; none where the cluster says nothing.
        self.listed: Sequence[ContainerSummary] = ()

    async def run(self) -> None:
        """Follow the cluster until the task is cancelled; return where there is none to follow."""
        try:
            scope = pod_scope(self._environ.get(VARIABLE, ""))
        except ConfigurationError:
            scope = PodScope.NONE  # The launcher's log says it.
        is_wanted = scope is not PodScope.NONE and is_installed()
        if not is_wanted or not await asyncio.to_thread(is_configured, self._environ):
            self._told.set()
            return
        # Most kernels have no cluster.
        from dexec_kernel.kube.watch import PodWatch  # noqa: PLC0415

        async def on_pods(found: list[ContainerSummary], _access: ClusterAccess) -> None:
            self._take(found)

        watch = PodWatch(
            self._environ,
            on_pods=on_pods,
            on_lost=lambda _error: self._take(()),
            check=self._check,
            everywhere=scope is PodScope.ALL,
            may_ask=scope is not PodScope.AUTO,
        )
        await watch.run()

    async def wait(self) -> None:
        """Wait for the first word of the cluster, for a moment at most."""
        try:
            async with asyncio.timeout(_FIRST):
                await self._told.wait()
        except TimeoutError:
            pass  # Its pods come later, if at all.

    def _take(self, found: Sequence[ContainerSummary]) -> None:
        is_other = list(found) != list(self.listed)
        self.listed = found
        self._told.set()
        if is_other:
            self._changed()
