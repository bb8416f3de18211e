"""A cluster's client for the length of one command, and its pods beside the engine's containers.

The modules for clusters are imported only where there is one.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.backend.protocol import WholeEngine
from dexec_kernel.backend.targets import KUBE_PREFIX
from dexec_kernel.cli.engine import PATIENCE, engine_client
from dexec_kernel.errors import (
    ConfigurationError,
    DexecError,
    EngineUnavailable,
    RightMissing,
)
from dexec_kernel.kube.kubeconfig import access_of, is_configured
from dexec_kernel.kube.scope import VARIABLE, PodScope, is_installed, pod_scope
from dexec_kernel.picker.pods import cluster_env
from dexec_kernel.policy.engine import policed
from dexec_kernel.policy.file import find_policy

if TYPE_CHECKING:
    from dexec_kernel.kube.api import KubeApi

#: In seconds: a list of containers does not wait longer for a cluster.
_LIST_PATIENCE = 8.0
HOW_TO_INSTALL = "pip install 'dexec-kernel[kubernetes]'"


@dataclass(frozen=True, slots=True)
class FoundPods:
    """The containers in pods, the variables that lead to them, and why there are none, or ""."""

    containers: list[ContainerSummary] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    fault: str = ""


def is_pod(name: str) -> bool:
    """Return whether a container's name is that of a pod."""
    return name.startswith(KUBE_PREFIX)


@asynccontextmanager
async def client_for(container: str, what: str) -> AsyncIterator[WholeEngine]:
    """Yield the client that knows a container, the cluster's for a pod: see ``engine_client``."""
    if not is_pod(container):
        async with engine_client(what) as client:
            yield client
        return
    async with cluster_client(what) as client:
        yield client


@asynccontextmanager
async def cluster_client(what: str) -> AsyncIterator[WholeEngine]:
    """Talk to the cluster within the policy; ``what`` says for what it is asked.

    Raises :class:`ConfigurationError`, :class:`PolicyRefused`, :class:`PolicyUnusable`, and
    :class:`EngineUnavailable` when the time is up.
    """
    if not is_installed():
        raise ConfigurationError("Pods need an extra of this package.", advice=HOW_TO_INSTALL)
    from dexec_kernel.kube.engine import KubeEngine  # noqa: PLC0415 -- see the docstring

    policy = find_policy()
    client = await KubeEngine.from_environment(check=policy.check_engine)
    try:
        async with client, asyncio.timeout(PATIENCE):
            yield policed(client, policy)
    except TimeoutError as error:
        raise EngineUnavailable(
            f"The cluster {client.url} has not answered within {PATIENCE:g} s: {what}."
        ) from error


async def find_pods(*, all: bool = False) -> FoundPods:  # noqa: A002 -- the option's word
    """Return the pods that DEXEC_PICKER_PODS asks for; nothing where no cluster is configured.

    Raises :class:`ConfigurationError` for a variable that says nothing.
    """
    scope = pod_scope(os.environ.get(VARIABLE, ""))
    if scope is PodScope.NONE or not is_installed():
        return FoundPods()
    from dexec_kernel.kube.api import KubeApi  # noqa: PLC0415 -- see the docstring

    if not is_configured(os.environ):
        return FoundPods()
    try:
        access = await asyncio.to_thread(access_of, os.environ)
        api = KubeApi(access, os.environ)
        try:
            async with asyncio.timeout(_LIST_PATIENCE):
                find_policy().check_engine(api.url)
                found = await _containers(api, scope, all=all)
        finally:
            api.close()
    except TimeoutError:
        return FoundPods(fault=f"The cluster {api.url} has not answered in {_LIST_PATIENCE:g} s.")
    except DexecError as error:
        return FoundPods(fault=str(error))
    policy = find_policy()
    allowed = [container for container in found if policy.allows(container)]
    return FoundPods(allowed, cluster_env(os.environ, access))


async def _containers(api: KubeApi, scope: PodScope, *, all: bool) -> list[ContainerSummary]:  # noqa: A002
    from dexec_kernel.kube import watch  # noqa: PLC0415 -- see the docstring
    from dexec_kernel.kube.pods import summaries_of  # noqa: PLC0415

    namespace = "" if scope is PodScope.ALL else api.namespace
    try:
        found, _ = await api.pods(namespace)
    except RightMissing:
        if namespace:
            raise
        found, _ = await api.pods(api.namespace)
    if all:
        return [line for pod in found for line in summaries_of(pod)]
    return watch.usable(found)
