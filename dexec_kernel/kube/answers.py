"""The API server's error answers, translated into this package's errors."""

from __future__ import annotations

from dexec_kernel.engine.http.answer import FIRST_ERROR_STATUS, Answer, message_of
from dexec_kernel.errors import (
    ContainerNotFound,
    ContainerNotRunning,
    CredentialsRefused,
    EngineApiError,
    EngineError,
    RightMissing,
)
from dexec_kernel.kube.wire import says_stopped

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, GONE = 401, 403, 404, 410
BAD_REQUEST, SERVER_ERROR = 400, 500


def role_text(namespace: str) -> str:
    """Return the least Role with which cells run in the pods of a namespace, as YAML."""
    return "\n".join(
        [
            "kind: Role",
            "apiVersion: rbac.authorization.k8s.io/v1",
            f"metadata: {{name: dexec, namespace: {namespace or 'NAMESPACE'}}}",
            "rules:",
            '- {apiGroups: [""], resources: [pods], verbs: [get, list, watch]}',
            '- {apiGroups: [""], resources: [pods/log], verbs: [get]}',
            '- {apiGroups: [""], resources: [pods/exec], verbs: [get, create]}',
        ]
    )


def checked(answer: Answer, *, name: str = "", namespace: str = "") -> Answer:
    """Return the answer. Raises the error of an error status: see :func:`error_of`."""
    if answer.status >= FIRST_ERROR_STATUS:
        message = message_of(answer.body)
        raise error_of(answer.status, message, name=name, namespace=namespace)
    return answer


def error_of(status: int, message: str, *, name: str = "", namespace: str = "") -> EngineError:
    """Return the error for an answer with an error status; ``name`` is the container's."""
    lowered = message.lower()
    if status == UNAUTHORIZED:
        return CredentialsRefused(
            "The cluster does not accept the credentials of the kubeconfig: they are wrong, or have"
            " expired."
        )
    if status == FORBIDDEN and message:
        return RightMissing(
            f"The cluster does not allow it: {message}",
            status=status,
            advice="Somebody who administers the cluster adds this Role, and a RoleBinding to it"
            f" (kubectl apply -f):\n{role_text(namespace)}",
        )
    if status == FORBIDDEN:
        return EngineApiError(
            "The cluster, or a proxy before it, refuses the exec without a reason.",
            status=status,
            advice="Clusters before Kubernetes 1.4 do so, and proxies that know no WebSocket.",
        )
    if name and (status == NOT_FOUND or "is not valid for pod" in lowered):
        return ContainerNotFound.of(name)
    if name and says_stopped(message):
        return ContainerNotRunning.of(name)
    if status >= SERVER_ERROR and "error dialing backend" in lowered:
        return EngineApiError(
            f"The cluster does not reach the node of the pod: {message}",
            status=status,
            advice="`kubectl get nodes` says whether the node is Ready. The kubelet there may be"
            " restarting: then run the cell again.",
        )
    advice = ""
    if status >= SERVER_ERROR:
        advice = "Run the cell again. If it fails again, `kubectl get nodes` may say why."
    return EngineApiError(f"The cluster answered {status}: {message}", status=status, advice=advice)
