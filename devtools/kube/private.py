"""A private cluster for tests: the front with its containerd, kubeconfigs, and pods.

Its pods are made through the Kubernetes API, so that the same calls make them in a real cluster.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from devtools import images
from devtools.kube import containerd
from devtools.private import PrivateService
from devtools.tls import make_certificates

_ROOT = Path(__file__).parents[2]
_GUARD = 120.0


class KubeError(Exception):
    """The front refused a call of a test; the message has its Status."""

    def __init__(self, code: int, content: bytes) -> None:
        super().__init__(f"{code}: {content.decode(errors='replace')}")
        self.code = code


class PrivateKube(PrivateService):
    """A front of our own; a context manager. As root, with containerd and runc installed."""

    @property
    def ports(self) -> Mapping[str, int]:
        """The ports by the newest protocol that is spoken there: ``v4``, ``v5``."""
        v4, v5 = map(int, (self.directory / "ports").read_text().split())
        return {"v4": v4, "v5": v5}

    @property
    def tls(self) -> Path:
        """The folder of the certificates, named as Docker names them."""
        return self.directory / "tls"

    def server(self, protocol: str = "v5") -> str:
        """Return the URL of an apiserver that speaks a protocol."""
        return f"https://127.0.0.1:{self.ports[protocol]}"

    def user(self, name: str = "admin") -> dict[str, Any]:
        """Return a user's entry of a kubeconfig: a token's, or that of the ``certificate``."""
        if name == "certificate":
            keys = {"client-certificate": "cert.pem", "client-key": "key.pem"}
            return {key: str(self.tls / file) for key, file in keys.items()}
        return {"token": name}

    def kubeconfig(
        self,
        protocol: str = "v5",
        *,
        user: str = "admin",
        namespace: str = "",
        name: str = "",
        changes: Mapping[str, Any] | None = None,
    ) -> Path:
        """Write a kubeconfig and return its path; ``changes`` are made to the user's entry."""
        context = {"cluster": "front", "user": user, "namespace": namespace}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "front",
            "clusters": [
                {
                    "name": "front",
                    "cluster": {
                        "server": self.server(protocol),
                        "certificate-authority": str(self.tls / "ca.pem"),
                    },
                }
            ],
            "users": [{"name": user, "user": {**self.user(user), **(changes or {})}}],
            "contexts": [
                {
                    "name": "front",
                    "context": {key: value for key, value in context.items() if value},
                }
            ],
        }
        path = self.directory / (name or f"kubeconfig-{protocol}-{user}-{namespace}")
        path.write_text(json.dumps(content, indent=2))
        path.chmod(0o600)
        return path

    def ensure_image(self, image: str) -> None:
        """Import an image of :mod:`devtools.images`, unless it is there."""
        containerd.ensure_image(self.directory, image)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Call the API as the administrator; return the answer. Raises KubeError."""
        context = ssl.create_default_context(cafile=str(self.tls / "ca.pem"))
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.ports["v5"], timeout=_GUARD, context=context
        )
        kind = "merge-patch+json" if method == "PATCH" else "json"
        headers = {"Authorization": "Bearer admin", "Content-Type": f"application/{kind}"}
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, path, body=payload, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= http.client.BAD_REQUEST:
            raise KubeError(answer.status, content)
        return json.loads(content)

    def run_pod(
        self,
        name: str,
        *,
        namespace: str = "default",
        containers: Sequence[str] | Mapping[str, Mapping[str, Any]] = ("main",),
        image: str = images.BUSYBOX,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
        owner: Mapping[str, str] | None = None,
        spec: Mapping[str, Any] | None = None,
        wait: bool = True,
    ) -> str:
        """Make a pod and wait until it runs; return its name.

        ``containers`` are names, or what to add to each one's description by its name.
        """
        self.ensure_image(image)
        if not isinstance(containers, Mapping):
            containers = {container: {} for container in containers}
        described = [
            {"name": container, "image": image, "imagePullPolicy": "Never", **more}
            for container, more in containers.items()
        ]
        metadata: dict[str, Any] = {"name": name}
        metadata |= {"labels": dict(labels or {}), "annotations": dict(annotations or {})}
        if owner:
            metadata["ownerReferences"] = [{"controller": True, "uid": "", **owner}]
        body = {
            "metadata": metadata,
            "spec": {
                "hostNetwork": True,
                "terminationGracePeriodSeconds": 1,
                "containers": described,
                **(spec or {}),
            },
        }
        self.call("POST", _path(namespace), body)
        if wait:
            self.wait_for(name, "Running", namespace=namespace)
        return name

    def wait_for(self, name: str, phase: str, *, namespace: str = "default") -> dict[str, Any]:
        """Wait until a pod has a phase; return the pod. Raises TimeoutError."""
        deadline = time.monotonic() + _GUARD
        while (pod := self.pod(name, namespace=namespace))["status"]["phase"] != phase:
            if time.monotonic() > deadline:
                raise TimeoutError(f"pod {name} is still {pod['status']}")
            time.sleep(0.05)
        return pod

    def pod(self, name: str, *, namespace: str = "default") -> dict[str, Any]:
        """Return a pod. Raises KubeError."""
        found: dict[str, Any] = self.call("GET", _path(namespace, name))
        return found

    def delete_pod(self, name: str, *, namespace: str = "default", grace: int = 0) -> None:
        """Begin to delete a pod, unless it is gone."""
        try:
            self.call("DELETE", f"{_path(namespace, name)}?gracePeriodSeconds={grace}")
        except KubeError as error:
            if error.code != http.client.NOT_FOUND:
                raise

    def switch(self, **switches: Any) -> dict[str, Any]:
        """Throw switches of the front; return how many lines were broken, and how many are open.

        ``drop="NAMESPACE/POD"`` (or ``*``) with ``side="client"`` or ``"server"`` breaks execs;
        ``refuse=[503]`` refuses the next requests; ``compact=True`` forgets old versions;
        ``end_watches=True`` ends watches; ``keep_sizes=True`` keeps the sizes of terminals back
        (v5); ``tokens`` and ``rules`` replace those there are.
        """
        found: dict[str, Any] = self.call("POST", "/dexec/switches", switches)
        return found

    def requests(self) -> list[tuple[str, str, str]]:
        """Return the requests so far: method, path with its query, user."""
        return [tuple(found) for found in self.call("GET", "/dexec/switches")]

    def _command(self) -> list[str]:
        return [sys.executable, "-m", __package__, str(self.directory)]

    def _environment(self) -> dict[str, str]:
        return {**super()._environment(), "PYTHONPATH": str(_ROOT)}

    def _answers(self) -> bool:
        return (self.directory / "ports").exists()

    def start_daemon(self, timeout: float = 120) -> None:
        """Start the front, with certificates of its own."""
        if not self.tls.exists():
            make_certificates(self.tls)
        (self.directory / "ports").unlink(missing_ok=True)
        super().start_daemon(timeout)


def missing_package() -> str:
    """Return Debian's name of the package that is missing for this, or ""."""
    if os.getuid():
        return "containerd (and root)"
    return containerd.missing_package()


def _path(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{quote(namespace)}/pods" + (f"/{quote(name)}" if name else "")
