"""The contract of backends, kept by pods: over v5 of the exec protocol and over v4."""

from __future__ import annotations

import pytest

from dexec_kernel.backend.features import BackendKind, Feature, has
from dexec_kernel.kube.engine import KubeEngine
from tests.contract.suite import Abilities, ExecContract, Site, guard  # noqa: F401 -- a fixture


@pytest.fixture(scope="module")
def pod(kube):
    yield f"kube:contract/{kube.run_pod('shared', namespace='contract')}"
    kube.delete_pod("shared", namespace="contract")


@pytest.fixture(params=["v5", "v4"])
async def site(kube, pod, request):
    config = kube.kubeconfig(request.param, namespace="contract")
    # The table of features is what the tests below find.
    declared = {
        name: has(BackendKind.KUBERNETES, feature)
        for name, feature in (
            ("host_pid", Feature.HOST_PID),
            ("users", Feature.USERS),
            ("ends", Feature.LATE_END),
            ("cuts", Feature.CUTS_BACKGROUND),
            ("half_closes", Feature.HALF_CLOSE),
        )
    }
    can = Abilities(**{**declared, **({"half_closes": False} if request.param == "v4" else {})})
    async with await KubeEngine.from_environment({"KUBECONFIG": str(config)}) as engine:
        yield Site(engine, pod, can)


class TestPods(ExecContract):
    """Every test of the contract, with either protocol."""
