"""Pods in the picker: the setting, the variables of their kernels, what is logged."""

from __future__ import annotations

import logging

import pytest

from dexec_kernel.errors import ConfigurationError
from dexec_kernel.kube.kubeconfig import Cluster, ClusterAccess, User
from dexec_kernel.kube.scope import PodScope, pod_scope
from dexec_kernel.picker.pods import Reports, cluster_env


def access(context: str) -> ClusterAccess:
    return ClusterAccess(Cluster("https://c"), User(), "default", context, "a file")


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        *(("", PodScope.AUTO), (" All ", PodScope.ALL), ("namespace", PodScope.NAMESPACE)),
        *((word, PodScope.NONE) for word in ("none", "off", "0", "False", "no")),
    ],
)
def test_the_setting(text, scope):
    assert pod_scope(text) is scope


def test_a_setting_that_says_nothing_is_refused():
    with pytest.raises(ConfigurationError, match="perhaps") as caught:
        pod_scope("perhaps")
    assert "none, auto, namespace or all" in caught.value.advice


def test_a_kernel_finds_the_cluster_of_today(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    environ = {"KUBECONFIG": "/a/b::c", "AWS_SECRET": "x"}
    assert cluster_env(environ, access("prod")) == {
        "KUBECONFIG": f"/a/b:{tmp_path}/c",
        "DEXEC_KUBE_CONTEXT": "prod",
    }
    assert cluster_env({"KUBECONFIG": ":"}, access("")) == {}


def test_a_fault_is_logged_once_and_its_end(caplog):
    caplog.set_level(logging.INFO)
    reports = Reports(logging.getLogger("the-server"), "pods")
    for fault in ("", "gone", "gone again", "", ""):
        reports.take(fault)
    assert [record.message for record in caplog.records] == [
        "dexec-kernel: the kernel picker cannot ask for pods. gone",
        "dexec-kernel: the kernel picker has its pods again.",
    ]
