"""Tests against the cluster of DEXEC_TEST_KUBECONFIG, in a namespace that they make and remove.

DEXEC_TEST_KUBE_IMAGE is an image with bash, Python and tar; DEXEC_TEST_KUBE_SPEC is JSON that the
pods' specs have besides, such as a nodeName. `make kubernetes` takes the first from KUBECONFIG.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from dexec_kernel.errors import ContainerNotFound
from dexec_kernel.kube.engine import KubeEngine
from dexec_kernel.kube.names import PodName

IMAGE = os.environ.get("DEXEC_TEST_KUBE_IMAGE", "python:3-slim-bookworm")
CONFIG = os.environ.get("DEXEC_TEST_KUBECONFIG", "")
SPEC = json.loads(os.environ.get("DEXEC_TEST_KUBE_SPEC") or "{}")


class Namespace:
    """A namespace for one run of the tests."""

    def __init__(self) -> None:
        self.name = f"dexec-test-{secrets.token_hex(4)}"

    def pod(self, name: str, **spec: Any) -> dict[str, Any]:
        container = {"name": "main", "image": IMAGE, "command": ["sleep", "1000000"]}
        if SPEC:
            container["imagePullPolicy"] = "IfNotPresent"
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": name}},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "containers": [container],
                **SPEC,
                **spec,
            },
        }

    async def create(self, engine: KubeEngine) -> None:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name}}
        await engine.api.call("POST", "/api/v1/namespaces", body=body)

    async def remove(self, engine: KubeEngine) -> None:
        items, _ = await engine.api.pods(self.name)
        for item in items:
            await self.remove_pod(engine, item["metadata"]["name"])
        await engine.api.call("DELETE", f"/api/v1/namespaces/{self.name}")

    async def start(self, engine: KubeEngine, pod: dict[str, Any]) -> str:
        """Create a pod, and wait until it runs; return its name for the kernel."""
        path = f"/api/v1/namespaces/{self.name}/pods"
        await engine.api.call("POST", path, body=pod)
        name = f"kube:{self.name}/{pod['metadata']['name']}"
        async with asyncio.timeout(180):
            while not (await engine.container_inspect(name)).running:  # noqa: ASYNC110 -- a test
                await asyncio.sleep(0.2)
        return name

    async def remove_pod(self, engine: KubeEngine, name: str) -> None:
        path = f"/api/v1/namespaces/{self.name}/pods/{name}?gracePeriodSeconds=0"
        await engine.api.call("DELETE", path)
        async with asyncio.timeout(180):
            try:
                while True:
                    await engine.api.pod(PodName(self.name, name))
                    await asyncio.sleep(0.2)
            except ContainerNotFound:
                return


@pytest.fixture(scope="session")
def namespace() -> Iterator[Namespace]:
    if not CONFIG:
        pytest.skip("DEXEC_TEST_KUBECONFIG names no cluster")
    made = Namespace()

    async def with_engine(action: str) -> None:
        async with await KubeEngine.from_environment({"KUBECONFIG": CONFIG}) as engine:
            if action == "create":
                await made.create(engine)
                await made.start(engine, made.pod("work"))
            else:
                await made.remove(engine)

    asyncio.run(with_engine("create"))
    yield made
    asyncio.run(with_engine("remove"))


@pytest.fixture
async def kube(namespace: Namespace) -> AsyncIterator[KubeEngine]:
    async with await KubeEngine.from_environment({"KUBECONFIG": CONFIG}) as engine:
        yield engine


@pytest.fixture
def pod(namespace: Namespace) -> str:
    return f"kube:{namespace.name}/work"
