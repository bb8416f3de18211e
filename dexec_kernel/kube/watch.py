"""The pods that can be used, kept up to date by a watch.

All of it runs on the event loop, over connections that are closed with the task. Source:
Kubernetes API, "Efficient detection of changes".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.errors import (
    ConfigurationError,
    DexecError,
    EngineApiError,
    EngineError,
    RightMissing,
)
from dexec_kernel.kube import pods
from dexec_kernel.kube.answers import GONE
from dexec_kernel.kube.api import KubeApi
from dexec_kernel.kube.kubeconfig import ClusterAccess, access_of, is_configured

_log = logging.getLogger(__name__)

#: What to do with the containers of the running pods, and the access that leads to them.
OnPods = Callable[[list[ContainerSummary], ClusterAccess], Awaitable[None]]

#: Programs that print credentials and never ask a person, nor open a browser.
_NEVER_ASK = frozenset({"aws", "aws-iam-authenticator", "gke-gcloud-auth-plugin", "doctl"})
_RUNNING = "status.phase=Running"
#: In seconds: the time for gathering events before the pods are handed on; between two times.
_GATHER, _BREATH = 0.1, 0.4
#: In seconds: how long one watch lasts; between two lists where the cluster allows no watch.
_WATCH, _REFRESH_WITHOUT_WATCH = 300, 30.0
#: In seconds: before a cluster is tried again, and the longest that this grows to; and the pause
#: where nobody but a person can change the answer.
_FIRST_PAUSE, _LONGEST_PAUSE, _SETTLED_PAUSE = 0.5, 60.0, 120.0


class PodWatch:
    """Follows the pods of the cluster that ``environ`` leads to, and calls ``on_pods`` with them.

    ``everywhere`` follows all namespaces, and the context's alone where the cluster refuses that.
    ``on_lost`` is called with the reason whenever the cluster cannot be followed, or None where
    there is no cluster; it is tried again after a pause. ``check`` is called with the address
    before anything is asked, and may raise. Unless ``may_ask``, no program is started for
    credentials that might ask a person.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        on_pods: OnPods,
        on_lost: Callable[[DexecError | None], None] = lambda _error: None,
        check: Callable[[str], None] = lambda _url: None,
        everywhere: bool = False,
        may_ask: bool = False,
    ) -> None:
        self._environ = environ
        self._on_pods = on_pods
        self._on_lost = on_lost
        self._check = check
        self._everywhere = everywhere
        self._may_ask = may_ask
        self._pause = _FIRST_PAUSE

    async def run(self) -> None:
        """Follow the cluster until the task is cancelled."""
        while True:
            settled = 0.0
            try:
                if await asyncio.to_thread(is_configured, self._environ):
                    await self._follow()
                else:
                    self._on_lost(None)
                    settled = _LONGEST_PAUSE
            except (ConfigurationError, RightMissing) as error:
                self._on_lost(error)
                settled = _SETTLED_PAUSE
            except DexecError as error:
                self._on_lost(error)
            except Exception as error:  # noqa: BLE001 -- it serves for days: nothing may end it
                _log.exception("The watch of the pods begins again.")
                self._on_lost(EngineError(f"The pods could not be listed: {error!r}."))
            await asyncio.sleep(settled or self._pause)
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    async def _follow(self) -> None:
        access = await asyncio.to_thread(access_of, self._environ)
        if not self._may_ask:
            refuse_asking(access)
        with closing(KubeApi(access, self._environ)) as api:
            self._check(api.url)
            namespace = "" if self._everywhere else access.namespace
            while True:
                try:
                    found, version = await api.pods(namespace, fields=_RUNNING)
                except RightMissing:
                    if namespace:
                        raise
                    namespace = access.namespace
                    continue
                self._pause = _FIRST_PAUSE
                try:
                    await self._follow_from(api, namespace, version, _Known(found))
                except RightMissing:
                    await self._follow_without_watch(api, namespace)
                except EngineApiError as error:
                    # The version is too old: list again.
                    if error.status != GONE:
                        raise

    async def _follow_without_watch(self, api: KubeApi, namespace: str) -> None:
        """Follow a cluster that allows to list its pods, and not to watch them."""
        while True:
            await asyncio.sleep(_REFRESH_WITHOUT_WATCH)
            found, _ = await api.pods(namespace, fields=_RUNNING)
            await self._on_pods(usable(found), api.access)

    async def _follow_from(self, api: KubeApi, namespace: str, version: str, known: _Known) -> None:
        """Hand on what there is, and follow its changes. Raises what ends the watch."""
        reader = asyncio.create_task(_read(api, namespace, version, known))
        try:
            while True:
                known.changed.clear()
                await self._on_pods(known.summaries(), api.access)
                await asyncio.sleep(_BREATH)
                await _wait(known.changed, reader)
                await asyncio.sleep(_GATHER)
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)


async def _read(api: KubeApi, namespace: str, version: str, known: _Known) -> None:
    """Watch again and again, each time from where the last watch has ended."""
    while True:
        before = asyncio.get_running_loop().time()
        async for kind, pod in api.watch_pods(namespace, version, fields=_RUNNING, seconds=_WATCH):
            version = _version_of(pod) or version
            known.take(kind, pod)
        if asyncio.get_running_loop().time() - before < _BREATH:
            await asyncio.sleep(_BREATH)  # Something between here and there lets no watch live.


class _Known:
    """The pods that run, as the list and the events have them."""

    def __init__(self, found: list[Any]) -> None:
        self._pods = {_key(pod): pod for pod in found}
        self.changed = asyncio.Event()

    def take(self, kind: str, pod: Any) -> None:
        """Take an event of the watch."""
        if kind == "BOOKMARK":
            return
        if kind == "DELETED":
            self._pods.pop(_key(pod), None)
        else:
            self._pods[_key(pod)] = pod
        self.changed.set()

    def summaries(self) -> list[ContainerSummary]:
        """Return the containers that run, but for pods that are about to end."""
        return usable(self._pods.values())


def usable(found: Iterable[Any]) -> list[ContainerSummary]:
    """Return the containers that run, of pods that are not about to end."""
    lines = [line for pod in found if not _is_ending(pod) for line in pods.summaries_of(pod)]
    return [line for line in lines if line.state == "running"]


def refuse_asking(access: ClusterAccess) -> None:
    """Raise :class:`ConfigurationError` if getting credentials might ask a person."""
    plugin = access.user.plugin
    if plugin is not None and Path(plugin.command).name not in _NEVER_ASK:
        raise ConfigurationError(
            f"The kubeconfig gets its credentials from {Path(plugin.command).name!r}, which may"
            " ask a person, or open a browser.",
            advice="DEXEC_PICKER_PODS=namespace lets the picker start it.",
        )


def _is_ending(pod: Any) -> bool:
    metadata = pod.get("metadata") if isinstance(pod, dict) else None
    return isinstance(metadata, dict) and bool(metadata.get("deletionTimestamp"))


def _key(pod: Any) -> tuple[str, str]:
    name = pods.name_of(pod)
    return name.namespace, name.pod


def _version_of(pod: Any) -> str:
    metadata = pod.get("metadata") if isinstance(pod, dict) else None
    return str(metadata.get("resourceVersion") or "") if isinstance(metadata, dict) else ""


async def _wait(event: asyncio.Event, reader: asyncio.Task[None]) -> None:
    """Wait for the event. Raises what ended the reader."""
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({waiting, reader}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    if reader.done():
        await reader
