"""The names of containers in pods: ``kube:POD``, ``kube:NS/POD/CONTAINER``, ``kube:NS/deploy/web``.

An id, which the kernel uses between a look at a container and the exec in it, has the pod's uid
too: a pod of the same name that has taken the place of another is not the same container.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from dexec_kernel.backend.targets import KUBE_PREFIX
from dexec_kernel.errors import ConfigurationError

#: How kinds of owners are written, and what Kubernetes calls them.
OWNERS = {
    "deploy": "Deployment",
    "deployment": "Deployment",
    "deployments": "Deployment",
    "sts": "StatefulSet",
    "statefulset": "StatefulSet",
    "statefulsets": "StatefulSet",
    "ds": "DaemonSet",
    "daemonset": "DaemonSet",
    "daemonsets": "DaemonSet",
    "rs": "ReplicaSet",
    "replicaset": "ReplicaSet",
    "job": "Job",
    "jobs": "Job",
}
_SHORT = {"Deployment": "deploy", "StatefulSet": "sts", "DaemonSet": "ds", "ReplicaSet": "rs"}
_SHORT["Job"] = "job"
_name = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_MAX_NAME = 253
_UID = "@"
HOW_TO_WRITE = (
    "Write kube:POD, kube:NAMESPACE/POD, kube:NAMESPACE/POD/CONTAINER, or"
    " kube:NAMESPACE/deploy/NAME (sts, ds, rs, job) for a pod that may be replaced."
)


@dataclass(frozen=True, slots=True)
class PodName:
    """A container in a pod. ``namespace`` is "" for the context's, ``container`` for the first.

    With an ``owner``, Kubernetes' word for its kind, ``pod`` is the owner's name. ``uid`` is the
    pod's, "" where any pod of the name is meant.
    """

    namespace: str
    pod: str
    container: str = ""
    owner: str = ""
    uid: str = ""

    @classmethod
    def parse(cls, text: str) -> PodName:
        """Read a name or an id. Raises :class:`ConfigurationError`."""
        body, _, uid = text.removeprefix(KUBE_PREFIX).partition(_UID)
        parts = body.split("/")
        owner = ""
        if len(parts) > 1 and parts[0] in OWNERS:
            parts.insert(0, "")  # kube:deploy/web, in the context's namespace
        if len(parts) > 2 and parts[1] in OWNERS:  # noqa: PLR2004 -- NS/KIND/NAME
            owner = OWNERS[parts.pop(1)]
        elif len(parts) == 1:
            parts.insert(0, "")
        namespace, pod, container = [*parts, ""][:3] if len(parts) in {2, 3} else ("", "", "")
        given = [part for part in (namespace, pod, container) if part]
        is_name = all(_name.fullmatch(part) and len(part) <= _MAX_NAME for part in given)
        if not pod or not is_name or (not namespace and body.startswith("/")) or body.endswith("/"):
            raise ConfigurationError(f"{text!r} does not name a pod.", advice=HOW_TO_WRITE)
        return cls(namespace, pod, container, owner, uid)

    def within(self, namespace: str) -> PodName:
        """Return the name with a namespace, ``namespace`` where it has none."""
        return self if self.namespace else replace(self, namespace=namespace)

    @property
    def id(self) -> str:
        """The id of the container."""
        return f"{KUBE_PREFIX}{self.namespace}/{self.pod}/{self.container}{_UID}{self.uid}"

    def __str__(self) -> str:
        kind = f"{_SHORT[self.owner]}/" if self.owner else ""
        container = f"/{self.container}" if self.container else ""
        return f"{KUBE_PREFIX}{self.namespace}/{kind}{self.pod}{container}"
