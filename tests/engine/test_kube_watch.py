"""The picker's watch of pods, with a front of pods over a real containerd."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from dexec_kernel.backend.targets import bound_name
from dexec_kernel.cells.beside import run_beside
from dexec_kernel.errors import ConfigurationError, RightMissing
from dexec_kernel.kube.watch import PodWatch
from tests.waiting import GUARD


class Seen:
    """What a watch has handed on."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.labels: dict[str, dict[str, str]] = {}
        self.lost: list[object] = []
        self.lists = 0
        self._changed = asyncio.Event()

    async def take(self, found, access) -> None:
        self.names = sorted(bound_name(item) for item in found)
        self.labels = {bound_name(item): dict(item.labels) for item in found}
        self.lists += 1
        self._changed.set()

    def lose(self, error) -> None:
        self.lost.append(error)
        self._changed.set()

    async def until(self, is_so) -> None:
        async with asyncio.timeout(GUARD):
            while not is_so(self):
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def watching(environ, **options):
    seen = Seen()
    watch = PodWatch(environ, on_pods=seen.take, on_lost=seen.lose, **options)
    async with run_beside(watch.run()):
        yield seen


async def test_pods_come_and_go_whatever_happens_to_the_watch(kube, run_pod):
    environ = {"KUBECONFIG": str(kube.kubeconfig(namespace="watched"))}
    kube.ensure_image("dexec-demo/busybox:1")
    async with watching(environ) as seen:
        await seen.until(lambda s: s.lists == 1)
        assert seen.names == []
        owner = {"kind": "ReplicaSet", "name": "web-abc12"}
        await asyncio.to_thread(
            run_pod,
            "web-abc12-x",
            namespace="watched",
            owner=owner,
            labels={"pod-template-hash": "abc12"},
            annotations={"dexec.display-name": "The web"},
        )
        await seen.until(lambda s: s.names == ["kube:watched/deploy/web"])
        assert seen.labels["kube:watched/deploy/web"]["dexec.display-name"] == "The web"

        # A load balancer ends the watch; then its version is too old.
        kube.switch(end_watches=True)
        await asyncio.to_thread(run_pod, "two", namespace="watched", containers=("a", "b"))
        both = ["kube:watched/two/a", "kube:watched/two/b"]
        await seen.until(lambda s: s.names == ["kube:watched/deploy/web", *both])
        kube.switch(compact=True, end_watches=True)
        kube.delete_pod("two", namespace="watched")
        await seen.until(lambda s: s.names == ["kube:watched/deploy/web"])
        assert seen.lost == []

        # A pod that is about to end is none to choose, long before it is gone.
        kube.delete_pod("web-abc12-x", namespace="watched", grace=3600)
        await seen.until(lambda s: s.names == [])
        kube.delete_pod("web-abc12-x", namespace="watched")


async def test_without_rights_to_all_namespaces_the_contexts_own_is_watched(kube, run_pod):
    await asyncio.to_thread(run_pod, "mine", namespace="lab")
    await asyncio.to_thread(run_pod, "other", namespace="elsewhere")
    student = {"KUBECONFIG": str(kube.kubeconfig(user="student", namespace="lab"))}
    async with watching(student, everywhere=True) as seen:
        await seen.until(lambda s: "kube:lab/mine" in s.names)
        assert "kube:elsewhere/other" not in seen.names
    admin = {"KUBECONFIG": str(kube.kubeconfig(namespace="lab"))}
    async with watching(admin, everywhere=True) as seen:
        await seen.until(lambda s: {"kube:lab/mine", "kube:elsewhere/other"} <= set(s.names))


async def test_a_cluster_that_refuses_is_said_and_one_that_fails_is_tried_again(kube):
    nobody = {"KUBECONFIG": str(kube.kubeconfig(user="nobody"))}
    async with watching(nobody) as seen:
        await seen.until(lambda s: s.lost)
        assert isinstance(seen.lost[0], RightMissing)
    kube.switch(refuse=[503])
    async with watching({"KUBECONFIG": str(kube.kubeconfig())}) as seen:
        await seen.until(lambda s: s.lists)
        assert len(seen.lost) == 1


async def test_no_program_is_started_that_might_ask_a_person(kube, tmp_path):
    ran = tmp_path / "ran"
    program = tmp_path / "oidc-login"
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "admin"},
    }
    program.write_text(f"#!/bin/sh\ntouch {ran}\necho '{json.dumps(credential)}'\n")
    program.chmod(0o755)
    plugin = {
        "apiVersion": credential["apiVersion"],
        "command": str(program),
        "interactiveMode": "Never",
    }
    config = kube.kubeconfig(name="with-plugin", changes={"token": None, "exec": plugin})
    async with watching({"KUBECONFIG": str(config)}) as seen:
        await seen.until(lambda s: s.lost)
        assert isinstance(seen.lost[0], ConfigurationError)
        assert not ran.exists()
    async with watching({"KUBECONFIG": str(config)}, may_ask=True) as seen:
        await seen.until(lambda s: s.lists)
        assert ran.exists()


@pytest.mark.parametrize("variable", ["HOME", "KUBECONFIG"])
async def test_without_a_cluster_nothing_is_wrong(tmp_path, variable):
    async with watching({variable: str(tmp_path / "none")}) as seen:
        await seen.until(lambda s: s.lost)
        assert seen.lost == [None]
