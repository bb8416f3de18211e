"""What a sweep removes, and what it leaves to its owner."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import replace

import pytest

from dexec_kernel.backend.lifecycle import NetworkSummary
from dexec_kernel.backend.models import LAB_LABEL, ContainerInspect, ContainerSummary
from dexec_kernel.errors import ContainerNotFound, EngineApiError
from dexec_kernel.lab.create import CHECKER, OWNER_LABEL, UNHELD_LABEL, volume_prefix
from dexec_kernel.lab.parent import (
    KEEP_LABEL,
    MAKER_LABEL,
    PARENT_LABEL,
    Parent,
    held_name,
)
from dexec_kernel.lab.sweep import sweep

HERE = Parent.of(os.getpid())
ALIVE, GONE = str(HERE), str(replace(HERE, started="1"))
KEPT, UNHELD = {KEEP_LABEL: "true"}, {UNHELD_LABEL: "true"}


class Engine:
    """What an engine has, by names; ``refused`` cannot be removed."""

    def __init__(self) -> None:
        self.containers: dict[str, ContainerSummary] = {}
        self.networks: dict[str, NetworkSummary] = {}
        self.volumes: list[str] = []
        self.refused = ""
        self.stopped: list[str] = []
        self.unpaused: list[str] = []
        #: The names that containers have by now.
        self.renamed: dict[str, str] = {}
        self.listed: Callable[[], None] = lambda: None

    def add(
        self, name: str, parent: str, state: str = "exited", *, owner: str = "k", **labels: str
    ) -> None:
        labels = {LAB_LABEL: "lab", OWNER_LABEL: owner, PARENT_LABEL: parent, **labels}
        self.containers[name] = ContainerSummary(name, name, "image", state, "", labels)

    async def container_list(self, **_options: object) -> list[ContainerSummary]:
        found = list(self.containers.values())
        self.listed()
        return found

    async def container_remove(self, container: str, **_options: object) -> None:
        if container == self.refused:
            raise EngineApiError("no", status=500)
        del self.containers[container]

    async def container_inspect(self, container: str) -> ContainerInspect:
        if container not in self.containers:
            raise ContainerNotFound("gone", status=404)
        item = self.containers[container]
        name = self.renamed.get(container, container)
        paused = item.state == "paused"
        return ContainerInspect(
            container,
            name,
            "image",
            running=True,
            paused=paused,
            oom_killed=False,
            user="",
            working_dir="",
            labels=item.labels,
        )

    async def container_unpause(self, container: str) -> None:
        self.unpaused.append(container)

    async def container_stop(self, container: str, *, stop_timeout: int) -> None:
        assert stop_timeout == 1
        if container == self.refused:
            raise EngineApiError("no", status=500)
        self.stopped.append(container)

    async def network_list(self, *, label: str) -> list[NetworkSummary]:
        assert label == LAB_LABEL
        return list(self.networks.values())

    async def network_remove(self, network: str) -> None:
        del self.networks[network]

    async def volume_list(self, *, prefix: str) -> list[str]:
        return [name for name in self.volumes if name.startswith(prefix)]

    async def volume_remove(self, volume: str) -> None:
        self.volumes.remove(volume)


@pytest.fixture
def engine() -> Engine:
    return Engine()


async def left(
    engine: Engine, server: Parent | None = None, kernels: Callable[[], Collection[str]] = tuple
) -> set[str]:
    await sweep(engine, server=server, kernels=kernels)
    return set(engine.containers)


async def test_what_was_created_and_not_started_is_left_by_a_process_that_is_gone(engine):
    for owner in ("k", f"k{CHECKER}"):
        engine.add(f"{owner} of nobody", GONE, "created", owner=owner)
        engine.add(f"{owner} that is being made", ALIVE, "created", owner=owner)
        engine.add(f"{owner} that runs", GONE, "running", owner=owner)
        # A student who is root can keep the end of its stdin from ending it.
        cut = {MAKER_LABEL: GONE}
        engine.add(f"{owner} with a leash that was cut", GONE, "running", owner=owner, **cut)
        held = {MAKER_LABEL: ALIVE}
        engine.add(f"{owner} of an orphan", GONE, "running", owner=owner, **held)
    engine.add("without a leash", GONE, "running", **UNHELD)
    engine.add("of who knows whom", "", "created")
    assert await left(engine) == {
        "k that is being made",
        "k that runs",
        "k of an orphan",
        f"k{CHECKER} of an orphan",
        f"k{CHECKER} that is being made",
        f"k{CHECKER} that runs",
        "of who knows whom",
    }


async def test_what_is_kept_is_left_alone_once_it_is_made(engine):
    engine.add("kept", GONE, owner="keep-1", **KEPT)
    engine.add("half.making", GONE, owner="keep-2", **KEPT)
    engine.add("now.making", ALIVE, "created", owner="keep-3", **KEPT)
    for owner, parent in {"keep-1": GONE, "keep-2": GONE, "keep-3": ALIVE}.items():
        labels = {LAB_LABEL: "lab", OWNER_LABEL: owner, PARENT_LABEL: parent, **KEPT}
        engine.networks[owner] = NetworkSummary(owner, owner, labels)
        engine.volumes.append(f"{volume_prefix('lab', owner)}data")
    # A server does not know the owners of what is kept by its kernels.
    assert await left(engine, HERE, lambda: {"k"}) == {"kept", "now.making"}
    assert set(engine.networks) == {"keep-1", "keep-3"}
    assert engine.volumes == [
        f"{volume_prefix('lab', owner)}data" for owner in ("keep-1", "keep-3")
    ]


async def test_what_is_kept_is_stopped_once_no_process_holds_it(engine, caplog):
    """Whoever has it given back gives it a name: the labels are of the process that made it."""
    gone, alive = {**KEPT, MAKER_LABEL: GONE}, {**KEPT, MAKER_LABEL: ALIVE}
    mark = held_name("a").partition(".")[2]
    place, pid, _started = mark.split("-")
    engine.add("cut", GONE, "running", **gone)
    engine.add("paused", GONE, "paused", **gone)
    engine.add("stopped", GONE, **gone)
    engine.add("held", GONE, "running", **alive)
    engine.add("of who knows whom", GONE, "running", **KEPT)
    engine.add(held_name("given.back"), GONE, "running", **gone)
    engine.add(f"again.{place}-{pid}-1", GONE, "running", **alive)
    engine.add("elsewhere.000000-1-1", GONE, "running", **gone)
    engine.add("taken", GONE, "running", **gone)
    engine.renamed["taken"] = held_name("taken")
    engine.add("refused", GONE, "running", **gone)
    engine.refused = "refused"
    engine.listed = lambda: engine.containers.pop("vanished", None)
    engine.add("vanished", GONE, "running", **gone)
    before = set(engine.containers) - {"vanished"}
    assert await left(engine) == before
    assert engine.stopped == ["cut", "paused", f"again.{place}-{pid}-1"]
    assert engine.unpaused == ["paused"]
    assert "A container of a lab runs on: no" in caplog.text
    assert held_name(held_name("given.back")) == held_name("given.back")


async def test_a_kernel_that_begins_meanwhile_keeps_its_containers(engine):
    """The server is asked for its kernels once the list is there, and not before."""
    kernels = {"a"}
    engine.add("a's", ALIVE, "created", owner="a")
    engine.add("b's", ALIVE, "running", owner="b")
    engine.add("c's", ALIVE, "running", owner="c")
    engine.listed = lambda: kernels.add("b")
    assert await left(engine, HERE, lambda: kernels) == {"a's", "b's"}


async def test_what_cannot_be_removed_keeps_its_volumes_and_is_told(engine, caplog):
    engine.add("one", GONE)
    engine.add("two", GONE)
    engine.volumes = [f"{volume_prefix('lab', 'k')}data"]
    engine.refused = "one"
    swept = await sweep(engine)
    assert (swept.removed, swept.left) == (["two"], ["one"])
    assert len(engine.volumes) == 1
    assert "A container of a lab is left: " in caplog.text
