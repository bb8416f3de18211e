"""The picker's watch, over a cluster whose answers are scripted and a clock that jumps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager

import pytest

from dexec_kernel.cells.beside import run_beside
from dexec_kernel.errors import (
    ConfigurationError,
    EngineApiError,
    EngineError,
    EngineUnavailable,
    RightMissing,
)
from dexec_kernel.kube import watch as module
from dexec_kernel.kube.kubeconfig import Cluster, ClusterAccess, ExecPlugin, User
from dexec_kernel.kube.watch import PodWatch, refuse_asking
from tests.unit.support.fake_kube import ACCESS, FakeKube, pod

FORBIDDEN = RightMissing("no", status=403)
GONE = EngineApiError("too old", status=410)


class Seen:
    """What a watch has told, and when."""

    def __init__(self) -> None:
        self.said: list[object] = []
        self.times: list[float] = []
        self._changed = asyncio.Event()
        self.fault: Exception | None = None

    async def take(self, found, access) -> None:
        assert access is ACCESS
        self._note([item.name for item in found])
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault

    def lose(self, error) -> None:
        self._note(error)

    def _note(self, what: object) -> None:
        self.said.append(what)
        self.times.append(asyncio.get_running_loop().time())
        self._changed.set()

    async def until(self, is_so: Callable[[list[object]], object]) -> None:
        while not is_so(self.said):
            self._changed.clear()
            await self._changed.wait()

    @property
    def pauses(self) -> list[float]:
        return [after - before for before, after in zip(self.times, self.times[1:], strict=False)]


@pytest.fixture
def kube(monkeypatch):
    found = FakeKube()
    monkeypatch.setattr(module, "is_configured", lambda _: True)
    monkeypatch.setattr(module, "access_of", lambda _: ACCESS)
    monkeypatch.setattr(module, "KubeApi", lambda *_: found)
    return found


@asynccontextmanager
async def watching(**options):
    seen = Seen()
    watch = PodWatch({}, on_pods=seen.take, on_lost=seen.lose, **options)
    async with run_beside(watch.run()):
        yield seen


def at(name: str, version: str, **metadata: object) -> dict[str, object]:
    found = pod(name)
    found["metadata"] |= {"resourceVersion": version, **metadata}
    return found


async def until_asked(kube: FakeKube, last: str) -> None:
    while kube.asked[-1] != last:  # noqa: ASYNC110 -- the clock jumps
        await asyncio.sleep(1)


async def test_changes_are_handed_on_together(kube):
    kube.lists = [([pod("a")], "5")]
    kube.watches = [
        [
            ("ADDED", at("b", "6")),
            ("MODIFIED", at("a", "7", deletionTimestamp="x")),
            ("DELETED", at("a", "8")),
            ("BOOKMARK", {"metadata": {"resourceVersion": "20"}}),
        ]
    ]
    async with watching() as seen:
        await seen.until(lambda said: said == [["kube:lab/a"], ["kube:lab/b"]])
        # The next watch goes on where the last one has ended.
        await until_asked(kube, "watch lab 20")
    assert kube.asked[:2] == ["list lab  status.phase=Running", "watch lab 5"]
    assert kube.is_closed


async def test_a_version_that_is_too_old_has_the_pods_be_listed_again(kube):
    kube.lists = [([pod("a")], "5"), ([pod("b")], "90")]
    kube.watches = [GONE]
    async with watching() as seen:
        await seen.until(lambda said: said == [["kube:lab/a"], ["kube:lab/b"]])
        await until_asked(kube, "watch lab 90")


async def test_without_the_right_to_all_namespaces_the_contexts_is_followed(kube):
    kube.lists = [FORBIDDEN, ([pod("a")], "5")]
    async with watching(everywhere=True) as seen:
        await seen.until(lambda said: said == [["kube:lab/a"]])
    assert [asked.split(" ")[1] for asked in kube.asked[:2]] == ["", "lab"]


async def test_without_the_right_to_watch_the_pods_are_listed_now_and_then(kube):
    kube.lists = [([pod("a")], "5"), ([pod("b")], "6"), ([pod("c")], "7")]
    kube.watches = [FORBIDDEN]
    async with watching() as seen:
        await seen.until(lambda said: len(said) == 3)
        assert seen.said == [["kube:lab/a"], ["kube:lab/b"], ["kube:lab/c"]]
        assert seen.pauses[-1] == pytest.approx(30, abs=1)
    assert len([asked for asked in kube.asked if asked.startswith("watch")]) == 1


async def test_a_cluster_that_fails_is_tried_again_after_longer_and_longer_pauses(kube):
    fault = EngineUnavailable("no answer")
    kube.lists = [fault] * 10
    async with watching() as seen:
        await seen.until(lambda said: said == [fault] * 10)
        assert seen.pauses == pytest.approx([0.5, 1, 2, 4, 8, 16, 32, 60, 60], abs=0.2)
        # An answer ends that.
        kube.lists = [([], "5"), fault, fault]
        kube.watches = [fault]
        await seen.until(lambda said: len(said) == 14)
        assert seen.said[10:] == [[], fault, fault, fault]
        assert seen.pauses[-2:] == pytest.approx([0.5, 1], abs=0.2)


@pytest.mark.parametrize("error", [FORBIDDEN, ConfigurationError("no such context")])
async def test_an_answer_that_a_person_alone_can_change_is_asked_for_seldom(kube, error):
    kube.lists = [error] * 3
    async with watching() as seen:
        await seen.until(lambda said: said == [error] * 3)
        assert seen.pauses == pytest.approx([120, 120], abs=0.2)


async def test_without_a_cluster_nothing_is_wrong_and_one_may_come(kube, monkeypatch):
    answers = [False, True]
    monkeypatch.setattr(module, "is_configured", lambda _: answers.pop(0))
    kube.lists = [([pod("a")], "5")]
    async with watching() as seen:
        await seen.until(lambda said: said == [None, ["kube:lab/a"]])


async def test_a_defect_of_ours_does_not_end_the_watch(kube):
    kube.lists = [([pod("a")], "5"), ([pod("b")], "6")]
    async with watching() as seen:
        seen.fault = ValueError("defect")
        await seen.until(lambda said: len(said) == 3)
        assert isinstance(seen.said[1], EngineError)
        assert seen.said[2] == ["kube:lab/b"]


async def test_an_address_that_is_not_allowed_is_asked_nothing(kube):
    def check(url: str) -> None:
        raise ConfigurationError(f"not {url}")

    async with watching(check=check) as seen:
        await seen.until(len)
        assert "https://c:443" in seen.said[0].message
    assert kube.asked == []


@pytest.mark.parametrize(
    ("command", "asks"),
    [("/opt/aws", False), ("gke-gcloud-auth-plugin", False), ("kubelogin", True)],
)
def test_a_program_that_might_ask_is_known_by_its_name(command, asks):
    plugin = ExecPlugin("client.authentication.k8s.io/v1", command)
    access = ClusterAccess(Cluster("https://c"), User(plugin=plugin), "lab", "x", "file")
    if asks:
        with pytest.raises(ConfigurationError, match="'kubelogin'"):
            refuse_asking(access)
    else:
        refuse_asking(access)
