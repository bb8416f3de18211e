"""The doctor's checks of a cluster: is it found, does it answer, what does it allow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from dexec_kernel.backend.targets import KUBE_PREFIX
from dexec_kernel.cli import checks_swarm
from dexec_kernel.cli.checks import Patient
from dexec_kernel.cli.findings import Finding, Verdict
from dexec_kernel.cli.pods import HOW_TO_INSTALL, find_pods, is_pod
from dexec_kernel.errors import ConfigurationError, RightMissing
from dexec_kernel.kube.kubeconfig import CONTEXT_VARIABLE, access_of
from dexec_kernel.kube.scope import is_installed
from dexec_kernel.policy.engine import policed
from dexec_kernel.policy.file import find_policy

if TYPE_CHECKING:
    from dexec_kernel.kube.api import KubeApi

_PODS = "pods"
#: Verb and resource: cells need these; and the launcher and magics those.
_NEEDED = (("get", "pods", ""), ("get", "pods", "exec"), ("create", "pods", "exec"))
_OF_MANY = frozenset({"list", "watch"})
_USEFUL = (("list", "pods", ""), ("watch", "pods", ""), ("get", "pods", "log"))


async def check_pods() -> Finding | None:
    """Look at the pods that the launcher and ``list`` show; None where there is no cluster."""
    try:
        found = await find_pods()
    except ConfigurationError as error:
        return Finding(_PODS, Verdict.WARNING, error.message, error.command_advice)
    if found.fault:
        message, _, fix = found.fault.partition("\n")
        return Finding(_PODS, Verdict.WARNING, message, fix)
    if not found.env and not found.containers:
        return None
    context = found.env.get(CONTEXT_VARIABLE, "")
    where = f" in the context {context}" if context else ""
    count = len(found.containers)
    names = "no container" if not count else f"{count} container{'s' * (count > 1)}"
    return Finding(_PODS, Verdict.OK, f"{names} in running pods{where}")


class PodPatient(Patient):
    """The checks of a cluster, a pod in it and a cell."""

    _api: KubeApi

    def checks(self) -> list[tuple[str, Callable[[], Awaitable[Finding | None]]]]:
        """Return the checks in their order, with their names."""
        own = {"endpoint", "connection", "api", checks_swarm.NAME, "picker"}
        return [
            ("cluster", self._find_cluster),
            ("connection", self._connect),
            ("rights", self._ask_for_rights),
            *(check for check in super().checks() if check[0] not in own),
        ]

    async def _find_cluster(self) -> Finding:
        if not is_installed():
            message = "PyYAML is missing: pods need an extra of this package"
            return Finding("cluster", Verdict.FAILED, message, HOW_TO_INSTALL)
        from dexec_kernel.kube.api import KubeApi  # noqa: PLC0415 -- for pods alone

        access = await asyncio.to_thread(access_of, self._environ)
        self._api = KubeApi(access, self._environ)
        find_policy().check_engine(self._api.url)
        context = f", context {access.context}" if access.context else ""
        message = f"{self._api.url}{context}, from {access.source}"
        return Finding("cluster", Verdict.OK, message)

    async def _connect(self) -> Finding:
        from dexec_kernel.kube.engine import KubeEngine  # noqa: PLC0415 -- for pods alone

        self._client = policed(KubeEngine(self._api), find_policy())
        self._ping = await self._client.ping()
        return Finding("connection", Verdict.OK, f"{self._ping.server} answers")

    async def _ask_for_rights(self) -> Finding:
        from dexec_kernel.kube.answers import role_text  # noqa: PLC0415 -- for pods alone
        from dexec_kernel.kube.names import PodName  # noqa: PLC0415

        wanted = PodName.parse(self._name).within(self._api.namespace)
        namespace = wanted.namespace
        asked = (*_NEEDED, *_USEFUL)

        async def may(verb: str, what: str, sub: str) -> bool:
            # A Role may name its pods (resourceNames), and no list or watch has such a name.
            names = [""] if wanted.owner or verb in _OF_MANY else ["", wanted.pod]
            for name in names:
                if await self._api.may(verb, what, namespace, subresource=sub, name=name):
                    return True
            return False

        try:
            allowed = await asyncio.gather(*(may(*right) for right in asked))
        except RightMissing as error:
            message = f"not known, as you may not ask for them. {error.message}"
            return Finding("rights", Verdict.WARNING, message)
        missing = [right for right, may in zip(asked, allowed, strict=True) if not may]
        if not missing:
            message = f"all that is needed in the namespace {namespace}"
            return Finding("rights", Verdict.OK, message)
        words = ", ".join(f"{verb} {'/'.join(filter(None, rest))}" for verb, *rest in missing)
        role = f"Somebody who administers the cluster adds:\n{role_text(namespace)}"
        message = f"in the namespace {namespace} you may not: {words}"
        # Before 1.35 a cell needs one verb less, and nobody tells but the cluster itself.
        needed = [right for right in missing if right in _NEEDED and right[0] != "create"]
        return Finding("rights", Verdict.FAILED if needed else Verdict.WARNING, message, role)

    async def _look_at_state(self) -> Finding:
        container = self._container
        if not container.running:
            return Finding(
                "state",
                Verdict.FAILED,
                f"not running: {container.why_not_running or 'the cluster gives no reason'}",
                _describe(container.name),
            )
        return Finding("state", Verdict.OK, "running")


def _describe(name: str) -> str:
    namespace, pod, *_ = name.removeprefix(KUBE_PREFIX).split("/")
    return f"kubectl describe pod -n {namespace} {pod}"


def is_about_a_pod(container: str | None, environ: Mapping[str, str]) -> bool:
    """Return whether the checks are of a pod."""
    return is_pod(container or environ.get("DEXEC_CONTAINER", ""))
