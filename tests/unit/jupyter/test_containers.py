"""The containers to choose from, while somebody shows them and the engine is followed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from dexec_kernel.backend.models import ContainerInspect, ContainerSummary
from dexec_kernel.display.containers import Candidate, Choice
from dexec_kernel.errors import (
    ConfigurationError,
    ContainerNotFound,
    ContainerNotRunning,
    EngineUnavailable,
    PolicyRefused,
)
from dexec_kernel.jupyter import containers
from dexec_kernel.jupyter import pods as pods_module
from dexec_kernel.jupyter.containers import ContainerWatch
from dexec_kernel.jupyter.settings import Settings
from dexec_kernel.policy.rules import Policy

WEB = ContainerInspect("1", "web", "img", True, False, False, "", "/srv", {})  # noqa: FBT003


def listed(*names: str) -> list[ContainerSummary]:
    return [ContainerSummary(f"id-{name}", name, "img", "running", "Up", {}) for name in names]


class Engine:
    """An engine with a list of containers, and the one that is looked at; counts the lists."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.policy = Policy(file="p", exclude=("hidden",))
        self.permits = self.policy.allows
        self.found: ContainerInspect | Exception = WEB
        self.lists = 0
        self.wanted: list[str] = []

    async def client(self) -> Engine:
        return self

    async def tunnel(self) -> None:
        return None

    async def container_list(self) -> list[ContainerSummary]:
        self.lists += 1
        return listed(*self.names)

    async def container(self, name: str = "") -> ContainerInspect:
        self.wanted.append(name)
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


class Endless:
    """Runs until it is cancelled."""

    def __init__(self) -> None:
        self.has_ended = asyncio.Event()

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.has_ended.set()


class FakeWatch(Endless):
    """The watch of an engine; its events are the test's."""

    made: list[FakeWatch]

    def __init__(self, _environ, *, on_containers, on_lost, check, tunnel) -> None:
        self.on_containers, self.on_lost = on_containers, on_lost
        super().__init__()
        self.made.append(self)


@pytest.fixture(autouse=True)
def watches(monkeypatch):
    FakeWatch.made = []
    monkeypatch.setattr(containers, "EngineWatch", FakeWatch)
    return FakeWatch.made


@pytest.fixture
async def watched():
    """Return a function that makes a watch with a listener, whose calls are an event."""
    made = []

    async def make(engine: Engine, container: str = ""):
        settings = Settings()
        settings.container = container
        watch, heard = ContainerWatch(settings, engine), asyncio.Event()
        made.append(watch)
        await watch.add(heard.set)
        async with asyncio.timeout(1_000):
            while not FakeWatch.made:  # noqa: ASYNC110 -- no event tells
                await asyncio.sleep(0.1)
        return watch, settings, heard

    yield make
    for watch in made:
        await watch.aclose()


async def test_the_first_look_lists_and_finds_the_only_container(watched):
    engine = Engine("web")
    watch, _, heard = await watched(engine)
    assert watch.choice == Choice((Candidate("web", "img"),), "web", "1", "/srv", "")
    assert (engine.lists, engine.wanted) == (1, ["id-web"])
    assert not heard.is_set()


async def test_what_a_policy_refuses_is_no_choice(watched, watches):
    engine = Engine("web", "hidden")
    watch, _, heard = await watched(engine)
    assert watch.choice.candidates == (Candidate("web", "img"),)
    engine.found = PolicyRefused("no", setting="containers.exclude", file="p")
    await watches[0].on_containers(listed("hidden", "web"))
    await heard.wait()
    assert watch.choice == Choice((Candidate("web", "img"),), "", trouble="not allowed here")


async def test_the_list_of_the_engine_s_watch_is_not_asked_for_again(watched, watches):
    engine = Engine("web")
    watch, _, heard = await watched(engine)
    await watches[0].on_containers(listed("web", "db"))
    await heard.wait()
    assert watch.choice == Choice((Candidate("db", "img"), Candidate("web", "img")))
    assert engine.lists == 1


async def test_another_choice_uses_the_last_list(watched, watches):
    engine = Engine("web", "db")
    watch, settings, heard = await watched(engine)
    assert watch.choice.current == ""
    await watches[0].on_containers(listed("web", "db", "job"))
    await heard.wait()
    heard.clear()
    settings.container = "web"
    await heard.wait()
    assert [item.name for item in watch.choice.candidates] == ["db", "job", "web"]
    assert (watch.choice.current, engine.wanted, engine.lists) == ("web", ["web"], 1)


async def test_an_engine_that_is_lost_is_asked(watched, watches):
    engine = Engine("web", "db")
    watch, _, heard = await watched(engine)
    engine.names = ("db", "job")
    watches[0].on_lost(EngineUnavailable("gone"))
    await heard.wait()
    assert [item.name for item in watch.choice.candidates] == ["db", "job"]
    assert engine.lists == 2


@pytest.mark.parametrize(
    ("found", "trouble"),
    [
        (WEB, ""),
        (replace(WEB, paused=True), "paused"),
        (replace(WEB, running=False), "not running"),
        (ContainerNotFound("gone", status=404), "not found"),
        (EngineUnavailable("gone"), "the engine does not answer"),
        (ContainerNotRunning.of("swarm:web"), "not running"),
        (ConfigurationError("There is no way to its node."), "out of reach"),
    ],
)
async def test_trouble_with_the_chosen_one_is_named(watched, found, trouble):
    engine = Engine("db")
    engine.found = found
    watch, _, _ = await watched(engine, "web")
    assert (watch.choice.current, watch.choice.trouble) == ("web", trouble)
    assert watch.choice.candidates == (Candidate("db", "img"),)


class FakePods(Endless):
    """The watch of a cluster; its pods are the test's."""

    made: list[FakePods]

    def __init__(self, _environ, *, check, changed) -> None:
        self.listed: list[ContainerSummary] = listed("kube:lab/a", "hidden")
        self.changed = changed
        super().__init__()
        self.made.append(self)

    async def wait(self) -> None:
        await asyncio.sleep(0)


@pytest.fixture
def pods(monkeypatch):
    FakePods.made = []
    monkeypatch.setattr(pods_module, "PodChoice", FakePods)
    return FakePods.made


def names(watch: ContainerWatch) -> list[str]:
    return [item.name for item in watch.choice.candidates]


async def test_pods_come_after_the_containers_and_are_followed(watched, watches, pods):
    engine = Engine("web")
    watch, _, heard = await watched(engine)
    assert (names(watch), watch.choice.current) == (["web", "kube:lab/a"], "web")
    pods[0].listed = listed("kube:lab/b")
    pods[0].changed()
    await heard.wait()
    assert names(watch) == ["web", "kube:lab/b"]
    # The engine's list has those of a cluster that is in use.
    heard.clear()
    await watches[0].on_containers(listed("web", "kube:lab/b"))
    await heard.wait()
    assert sorted(names(watch)) == ["kube:lab/b", "web"]
    watch.remove(heard.set)
    await pods[0].has_ended.wait()


async def test_a_pod_is_chosen_by_nobody_but_a_person(watched, pods):
    watch, _, _ = await watched(Engine())
    assert (names(watch), watch.choice.current) == (["kube:lab/a"], "")


async def test_without_an_engine_there_are_pods(watched, pods):
    class Gone(Engine):
        async def container_list(self):
            raise EngineUnavailable("no engine")

    watch, _, _ = await watched(Gone())
    assert (names(watch), watch.choice.trouble) == (["kube:lab/a"], "")


async def test_pods_are_told_once_without_a_listener(pods):
    watch = ContainerWatch(Settings(), Engine("web"))
    assert [item.name for item in await watch.pods()] == ["kube:lab/a"]
    await asyncio.sleep(0)
    await pods[0].has_ended.wait()
    await watch.aclose()


async def test_a_labs_kernel_has_no_pods(pods):
    settings = Settings()
    settings.lab = "/some/lab"
    watch = ContainerWatch(settings, Engine("web"))
    await watch.add(lambda: None)
    assert (pods, await watch.pods()) == ([], [])
    await watch.aclose()


async def test_without_listeners_nothing_is_followed(watched, watches):
    engine = Engine("web")
    watch, _, heard = await watched(engine)
    watch.remove(heard.set)
    watch.remove(heard.set)
    await watches[0].has_ended.wait()
    await watch.add(heard.set)
    assert engine.lists == 2


async def test_a_look_that_is_cancelled_leaves_no_listener(watches):
    class Hanging(Engine):
        async def client(self):
            await asyncio.Event().wait()

    watch = ContainerWatch(Settings(), Hanging())
    adding = asyncio.create_task(watch.add(pytest.fail))
    await asyncio.sleep(0)
    adding.cancel()
    await asyncio.gather(adding, return_exceptions=True)
    assert watches == []
    await watch.aclose()
