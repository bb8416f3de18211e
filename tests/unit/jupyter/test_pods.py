"""The pods of a kernel's list, over a watch whose events are the test's."""

from __future__ import annotations

import asyncio

import pytest

from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.errors import EngineUnavailable
from dexec_kernel.jupyter import pods as module
from dexec_kernel.jupyter.pods import PodChoice
from dexec_kernel.kube import watch as watch_module

POD = ContainerSummary("kube:lab/a/main@1", "kube:lab/a", "img", "running", "running", {})


class FakeWatch:
    """In place of the cluster's watch."""

    made: list[FakeWatch]

    def __init__(self, _environ, **options) -> None:
        self.options = options
        self.made.append(self)

    async def run(self) -> None:
        await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def watches(monkeypatch):
    FakeWatch.made = []
    monkeypatch.setattr(watch_module, "PodWatch", FakeWatch)
    monkeypatch.setattr(module, "is_configured", lambda environ: "KUBECONFIG" in environ)
    return FakeWatch.made


def choice(**environ: str) -> tuple[PodChoice, list[int]]:
    told: list[int] = []

    def changed() -> None:
        told.append(len(made.listed))

    made = PodChoice(environ, check=lambda _url: None, changed=changed)
    return made, told


async def test_pods_are_told_when_they_are_others(watches):
    made, told = choice(KUBECONFIG="file")
    running = asyncio.create_task(made.run())
    await made.wait()  # The cluster says nothing.
    await watches[0].options["on_pods"]([POD], None)
    await watches[0].options["on_pods"]([POD], None)
    watches[0].options["on_lost"](EngineUnavailable("gone"))
    watches[0].options["on_lost"](None)
    assert told == [1, 0]
    await made.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"KUBECONFIG": "file", "DEXEC_PICKER_PODS": "none"},
        {"KUBECONFIG": "file", "DEXEC_PICKER_PODS": "perhaps"},
    ],
)
async def test_without_a_cluster_or_a_wish_for_pods_nothing_is_followed(watches, environ):
    made, told = choice(**environ)
    await made.run()
    await made.wait()
    assert (watches, told, made.listed) == ([], [], ())


@pytest.mark.parametrize(
    ("scope", "everywhere", "may_ask"),
    [("", False, False), ("namespace", False, True), ("all", True, True)],
)
async def test_the_launchers_setting_counts(watches, scope, everywhere, may_ask):
    made, _ = choice(KUBECONFIG="file", DEXEC_PICKER_PODS=scope)
    running = asyncio.create_task(made.run())
    await made.wait()
    options = watches[0].options
    assert (options["everywhere"], options["may_ask"]) == (everywhere, may_ask)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
