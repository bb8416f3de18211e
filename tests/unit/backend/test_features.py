"""The declared features: each backend names each, and pods refuse what is declared missing."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from dexec_kernel.backend.features import FEATURES, BackendKind, Feature, Support, has
from dexec_kernel.backend.models import ExecConfig
from dexec_kernel.errors import ConfigurationError
from dexec_kernel.kube.engine import KubeEngine
from dexec_kernel.kube.execs import check


@pytest.mark.parametrize("backend", BackendKind)
def test_each_backend_says_something_of_each_feature(backend):
    assert set(FEATURES[backend]) == set(Feature)
    assert has(backend, Feature.CELLS)


def test_how_support_reads():
    assert str(Support(is_there=True)) == "yes"
    assert str(Support(is_there=False, note="why")) == "no: why"


@pytest.mark.parametrize(("feature", "verb"), [(Feature.RESTART, "container_restart")])
async def test_the_verbs_of_pods_refuse_what_pods_lack(feature, verb):
    engine = KubeEngine(SimpleNamespace(close=lambda: None, namespace="default"))
    assert not has(BackendKind.KUBERNETES, feature)
    with pytest.raises(ConfigurationError):
        await getattr(engine, verb)("kube:default/web")


@pytest.mark.parametrize(
    ("feature", "options"),
    [(Feature.USERS, {"user": "student"}), (Feature.PRIVILEGED, {"privileged": True})],
)
def test_an_exec_in_a_pod_refuses_what_pods_lack(feature, options):
    assert not has(BackendKind.KUBERNETES, feature)
    with pytest.raises(ConfigurationError):
        check(ExecConfig(["true"], **options))
