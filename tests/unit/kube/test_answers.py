"""Error answers of the API server."""

from __future__ import annotations

import pytest

from dexec_kernel.errors import (
    ContainerNotFound,
    ContainerNotRunning,
    CredentialsRefused,
    EngineApiError,
    RightMissing,
)
from dexec_kernel.kube.answers import error_of


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (401, "Unauthorized", CredentialsRefused),
        (403, 'pods "web" is forbidden: User "jane" cannot get resource', RightMissing),
        (403, "", EngineApiError),
        (404, 'pods "web" not found', ContainerNotFound),
        (400, "container nope is not valid for pod web", ContainerNotFound),
        (500, 'container not found ("main")', ContainerNotRunning),
        (410, "too old resource version", EngineApiError),
        (503, "unavailable", EngineApiError),
    ],
)
def test_an_answer_is_the_error_that_it_means(status, message, kind):
    error = error_of(status, message, name="kube:lab/web", namespace="lab")
    assert type(error) is kind
    assert isinstance(error, EngineApiError) is (kind is not CredentialsRefused)


def test_a_node_that_is_gone_is_told_from_the_cluster():
    error = error_of(500, "error dialing backend: dial tcp: connection refused", name="kube:web")
    assert "does not reach the node" in str(error)
    assert "kubectl get nodes" in error.advice


def test_a_missing_right_comes_with_the_role_to_add():
    error = error_of(403, "jane cannot", namespace="lab")
    for word in ("kind: Role", "namespace: lab", "pods/exec", "get, create"):
        assert word in error.advice
