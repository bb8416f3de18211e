"""The names of containers in pods."""

from __future__ import annotations

import pytest

from dexec_kernel.errors import ConfigurationError
from dexec_kernel.kube.names import PodName


@pytest.mark.parametrize(
    ("text", "name", "written"),
    [
        ("kube:web", PodName("", "web"), "kube:ns/web"),
        ("kube:lab/web", PodName("lab", "web"), "kube:lab/web"),
        ("kube:lab/web/side", PodName("lab", "web", "side"), "kube:lab/web/side"),
        ("kube:lab/deploy/web", PodName("lab", "web", "", "Deployment"), "kube:lab/deploy/web"),
        ("kube:deploy/web", PodName("", "web", "", "Deployment"), "kube:ns/deploy/web"),
        ("kube:lab/sts/db-0", PodName("lab", "db-0", "", "StatefulSet"), "kube:lab/sts/db-0"),
        ("kube:lab/job/x/c", PodName("lab", "x", "c", "Job"), "kube:lab/job/x/c"),
        ("kube:a/b.c-1", PodName("a", "b.c-1"), "kube:a/b.c-1"),
    ],
)
def test_a_name_is_read_and_written(text, name, written):
    assert PodName.parse(text) == name
    assert str(name.within("ns")) == written
    assert PodName.parse(written) == name.within("ns")


def test_an_id_is_a_name_with_the_pods_uid():
    name = PodName("lab", "web", "main", uid="12-ab")
    assert PodName.parse(name.id) == name


@pytest.mark.parametrize(
    "text",
    [
        *("kube:", "kube:/", "kube:/web", "kube:lab/", "kube:a/b/c/d", "kube:lab/deploy/web/c/x"),
        *("kube:Web", "kube:../x", "kube:a b", "kube:lab/web?x=1", "kube:a/%2e", "kube:-a"),
        "kube:" + "a" * 300,
    ],
)
def test_what_names_no_pod_is_refused(text):
    with pytest.raises(ConfigurationError):
        PodName.parse(text)
