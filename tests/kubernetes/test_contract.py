"""The contract of backends, kept by pods of a cluster."""

from __future__ import annotations

import pytest

from dexec_kernel.backend.models import ExecConfig
from tests.contract.suite import Abilities, ExecContract, Site, guard  # noqa: F401 -- a fixture


@pytest.fixture
async def site(kube, namespace, pod):
    probe = await kube.exec(pod, ExecConfig(["true"]))
    half_closes = probe.half_closes
    probe.close()
    kube.api.access = kube.api.access.__class__(
        kube.api.access.cluster,
        kube.api.access.user,
        namespace.name,
        kube.api.access.context,
        kube.api.access.source,
    )
    can = Abilities(host_pid=False, users=False, ends=False, cuts=False, half_closes=half_closes)
    return Site(kube, pod, can)


class TestKubernetes(ExecContract):
    """Every test of the contract."""
