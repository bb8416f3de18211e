"""An engine that reaches the tasks of its swarm, with engines that answer as they are told to."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dexec_kernel.backend.models import ExecConfig
from dexec_kernel.backend.protocol import WholeEngine
from dexec_kernel.backend.targets import SWARM_SERVICE_LABEL, SWARM_TASK_LABEL, find_container
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.endpoint import Endpoint
from dexec_kernel.errors import (
    ConfigurationError,
    ContainerNotFound,
    EngineApiError,
    EngineUnavailable,
    PolicyRefused,
)
from dexec_kernel.policy.engine import policed
from dexec_kernel.policy.rules import Policy
from dexec_kernel.swarm.engine import SwarmEngine
from dexec_kernel.swarm.places import Places
from tests.unit.support.fake_engine import FakeEngine, answer, hang_up
from tests.unit.support.fake_swarm import HOSTS, node, three_engines

MANAGER = {"NodeID": "n1", "LocalNodeState": "active", "ControlAvailable": True}
GONE = {**node(2), "Status": {"State": "down"}}
WORKER = {"NodeID": "n2", "LocalNodeState": "active", "ControlAvailable": False}


class Swarm:
    """A manager, and two engines of other nodes."""

    def __init__(self, home: FakeEngine, far: FakeEngine, third: FakeEngine) -> None:
        self.home, self.far, self.third = home, far, third
        self.connected: list[str] = []
        self.places = Places()
        for fake, info in ((home, MANAGER), (far, WORKER), (third, {**WORKER, "NodeID": "n3"})):
            fake.on("GET /v1.41/info", answer(200, {"Swarm": info}))
        home.on("GET /v1.41/services/web$", answer(200, {"ID": "s1", "Spec": {"Name": "web"}}))
        home.on("GET /v1.41/services/wob$", answer(404, {"message": "no such service"}))
        home.on("GET /v1.41/services$", answer(200, [{"ID": "s1", "Spec": {"Name": "web"}}]))
        nodes = [node(1), node(2), node(3)]
        home.on("GET /v1.41/nodes", answer(200, nodes))

    def has(self, fake: FakeEngine, container: str, *, running: bool = True) -> None:
        body: dict[str, Any] = {
            "Id": container,
            "Name": f"/web.1.{container}",
            "Config": {"Labels": {"tier": "web", **labels_of(container)}},
            "State": {"Running": running},
        }
        for name in (container, f"web.1.{container}"):
            fake.on(f"GET /v1.41/containers/{name}/json", answer(200, body))

    def runs(self, container: str, number: int) -> None:
        """Let the manager say that the task runs in a container on a node."""
        self.home.on("GET /v1.41/tasks", answer(200, [task(container, number)]))

    def has_slots(self, *numbers: int) -> None:
        """Let the manager say that slots 1, 2, … of the service run on these nodes."""
        tasks = [task(f"c{slot}", node, slot) for slot, node in enumerate(numbers, 1)]
        self.home.on("GET /v1.41/tasks", answer(200, tasks))

    def engine(self, hosts: str = HOSTS, **options: Any) -> SwarmEngine:
        def connect(endpoint: Endpoint) -> EngineClient:
            self.connected.append(endpoint.url)
            return {"far": self.far, "third": self.third}[endpoint.host].client()

        given = {"node_hosts": hosts, "connect": connect, "places": self.places}
        return SwarmEngine(self.home.client(), {"HOME": "/nowhere"}, **given, **options)


def labels_of(container: str) -> dict[str, str]:
    return {SWARM_SERVICE_LABEL: "web", SWARM_TASK_LABEL: f"web.1.{container}"}


def task(container: str, number: int, slot: int = 1) -> dict[str, Any]:
    status = {"State": "running", "ContainerStatus": {"ContainerID": container}}
    names = {"ID": container, "NodeID": f"n{number}", "Slot": slot, "DesiredState": "running"}
    return {**names, "Status": status}


@pytest.fixture
async def swarm(tmp_path) -> AsyncIterator[Swarm]:
    async with three_engines(tmp_path) as fakes:
        yield Swarm(*fakes)


@pytest.fixture
async def engine(swarm) -> AsyncIterator[SwarmEngine]:
    made = swarm.engine()
    yield made
    await made.aclose()


async def test_a_task_on_another_node(swarm, engine):
    swarm.runs("c1", 2)
    swarm.has(swarm.far, "c1")
    found = await find_container(engine, "swarm:web.1")
    assert found.id == "c1"
    assert swarm.connected == ["tcp://far:1"]

    # From now on it is asked of its own engine, by id and by name.
    before = len(swarm.home.calls)
    swarm.far.on("POST /v1.41/containers/c1/exec", answer(201, {"Id": "e1"}))
    inspect_of = {"ID": "e1", "ContainerID": "c1", "Running": True, "ExitCode": None, "Pid": 7}
    swarm.far.on("GET /v1.41/exec/e1/json", answer(200, inspect_of))
    swarm.far.on("POST /v1.41/exec/e1/start", answer(200))
    created: list[str] = []
    await engine.exec_detached("c1", ExecConfig(["true"]), created=created.append)
    assert created == ["e1"]
    assert (await engine.container_exec_inspect("e1")).pid == 7
    assert (await engine.container_inspect("web.1.c1")).id == "c1"
    assert (await engine.container_inspect("swarm:web.1")).id == "c1"
    assert len(swarm.home.calls) == before, "the manager is not asked again"
    with pytest.raises(ContainerNotFound):
        await engine.container_inspect("other")
    assert swarm.home.calls[-1].endswith("/containers/other/json")
    assert await engine.answers()


async def test_a_task_on_this_node(swarm):
    swarm.runs("c1", 1)
    swarm.has(swarm.home, "c1")
    engine = swarm.engine(hosts="")
    assert (await engine.container_inspect("swarm:web")).id == "c1"
    assert swarm.connected == []
    await engine.aclose()


async def test_a_task_that_moves_is_found_anew(swarm, engine):
    swarm.runs("c1", 2)
    swarm.has(swarm.far, "c1")
    assert (await engine.container_inspect("swarm:web.1")).id == "c1"
    swarm.has(swarm.far, "c1", running=False)
    swarm.runs("c2", 3)
    swarm.has(swarm.third, "c2")
    assert (await engine.container_inspect("swarm:web.1")).id == "c2"
    # Its node removes the container, and the task comes to this node.
    swarm.third.on("GET /v1.41/containers/c2/json", answer(404, {"message": "gone"}))
    swarm.runs("c3", 1)
    swarm.has(swarm.home, "c3")
    assert (await engine.container_inspect("swarm:web.1")).id == "c3"


async def test_a_node_that_is_lost(swarm, engine):
    swarm.runs("c1", 2)
    swarm.has(swarm.far, "c1")
    await engine.container_inspect("swarm:web.1")
    swarm.far.on("GET ", hang_up())
    with pytest.raises(EngineUnavailable, match="runs on the node 'node2'"):
        await engine.container_inspect("swarm:web.1")
    assert not await engine.answers()
    # The manager has noticed it. The node is not asked a second time, which may take as long.
    swarm.home.on("GET /v1.41/nodes", answer(200, [GONE, node(3)]))
    before = len(swarm.far.calls)
    with pytest.raises(EngineUnavailable, match="'node2', which is down in the swarm"):
        await engine.container_inspect("swarm:web.1")
    assert len(swarm.far.calls) == before + 1
    swarm.runs("c2", 3)
    swarm.has(swarm.third, "c2")
    assert (await engine.container_inspect("swarm:web.1")).id == "c2"


async def test_a_slot_that_can_be_reached_is_preferred(swarm):
    swarm.has_slots(2, 9, 3)
    swarm.has(swarm.third, "c3")
    engine = swarm.engine(hosts="node3=tcp://third:1")
    found = await engine.container_inspect("swarm:web")
    assert found.id == "c3"
    assert "the node 'node2' (10.0.0.2), and no way" in found.note
    assert (await engine.container_inspect("swarm:web")).note == found.note
    with pytest.raises(ConfigurationError, match="the node 'node2'"):
        await engine.container_inspect("swarm:web.1")
    await engine.aclose()

    # There is a way, and nobody answers at its end.
    swarm.far.on("GET ", hang_up())
    swarm.places = Places()
    engine = swarm.engine()
    found = await engine.container_inspect("swarm:web")
    assert found.id == "c3"
    assert "runs on the node 'node2'" in found.note
    assert await engine.container_inspect("swarm:web")
    with pytest.raises(EngineUnavailable, match="'node2'"):
        await engine.container_inspect("swarm:web.1")
    # It stays there when the lower slot is back, and also while its own node is not reached.
    swarm.far.on("GET /v1.41/info", answer(200, {"Swarm": WORKER}))
    swarm.has(swarm.far, "c1")
    assert (await engine.container_inspect("swarm:web")).id == "c3"
    swarm.third.on("GET ", hang_up())
    with pytest.raises(EngineUnavailable, match="'node3'"):
        await engine.container_inspect("swarm:web")
    await engine.aclose()


async def test_a_slot_after_the_best_needs_no_way(swarm):
    swarm.has_slots(3, 2)
    swarm.has(swarm.third, "c1")
    engine = swarm.engine(hosts="node3=tcp://third:1")
    found = await engine.container_inspect("swarm:web")
    assert (found.id, found.note) == ("c1", "")
    swarm.third.on("GET ", hang_up())
    await engine.aclose()
    swarm.places = Places()
    engine = swarm.engine(hosts="node3=tcp://third:1")
    with pytest.raises(EngineUnavailable, match="'node3'"):
        await engine.container_inspect("swarm:web")
    await engine.aclose()


async def test_the_container_of_a_task_is_stopped_for_a_restart(swarm, engine):
    """The swarm replaces it, and a container that was restarted would run beside the new one."""
    swarm.runs("c1", 2)
    swarm.has(swarm.far, "c1")
    await engine.container_inspect("swarm:web.1")
    swarm.far.on("POST /v1.41/containers/c1/stop", answer(204))
    await engine.container_restart("c1", stop_timeout=1)
    assert swarm.far.calls[-1] == "POST /v1.41/containers/c1/stop?t=1"
    plain = {"Id": "p1", "Name": "/p1", "Config": {"Labels": {}}, "State": {"Running": True}}
    swarm.home.on("GET /v1.41/containers/p1/json", answer(200, plain))
    swarm.home.on("POST /v1.41/containers/p1/restart", answer(204))
    await engine.container_restart("p1")
    assert swarm.home.calls[-1] == "POST /v1.41/containers/p1/restart"


async def test_this_engine_is_lost(swarm, engine):
    swarm.runs("c1", 1)
    swarm.has(swarm.home, "c1")
    await engine.container_inspect("swarm:web.1")
    swarm.home.on("GET ", hang_up())
    with pytest.raises(EngineUnavailable) as caught:
        await engine.container_inspect("swarm:web.1")
    assert "node" not in caught.value.message


async def test_the_ways_outlive_the_client(swarm):
    swarm.runs("c1", 2)
    swarm.has(swarm.far, "c1")
    first = swarm.engine()
    await first.container_inspect("swarm:web.1")
    await first.aclose()
    second = swarm.engine()
    assert (await second.container_inspect("c1")).id == "c1"
    assert swarm.connected == ["tcp://far:1", "tcp://far:1"]
    await second.aclose()


async def test_no_way_to_the_node(swarm):
    swarm.runs("c1", 2)
    engine = swarm.engine(hosts="node3=tcp://third:1")
    with pytest.raises(ConfigurationError, match=r"the node 'node2' \(10\.0\.0\.2\)") as caught:
        await engine.container_inspect("swarm:web")
    assert "DEXEC_NODE_HOSTS='node2=" in caught.value.advice
    swarm.home.on("GET /v1.41/tasks", answer(200, [task("c1", 9)]))
    with pytest.raises(ConfigurationError, match=r"the node 'n9' \(address unknown\)"):
        await engine.container_inspect("swarm:web")
    await engine.aclose()


@pytest.mark.parametrize(
    ("info", "found"), [({"NodeID": "n3"}, "the node with the id n3"), ({}, "in no swarm")]
)
async def test_an_address_of_another_engine(swarm, engine, info, found):
    swarm.runs("c1", 2)
    swarm.far.on("GET /v1.41/info", answer(200, {"Swarm": info}))
    with pytest.raises(ConfigurationError, match=f"not that of the node 'node2': .*{found}"):
        await engine.container_inspect("swarm:web")


async def test_a_proxy_that_hides_the_info_of_a_node(swarm, engine):
    swarm.runs("c1", 2)
    swarm.has(swarm.far, "c1")
    swarm.far.on("GET /v1.41/info", answer(403, {"message": "no"}))
    assert (await engine.container_inspect("swarm:web")).id == "c1"


async def test_an_unknown_service(swarm, engine):
    with pytest.raises(ContainerNotFound, match="Did you mean swarm:web"):
        await engine.container_inspect("swarm:wob")
    swarm.home.on("GET /v1.41/services/web$", answer(500, {"message": "raft"}))
    with pytest.raises(EngineApiError, match="raft"):
        await engine.container_inspect("swarm:web")


async def test_a_worker_knows_its_own_tasks(swarm, engine):
    managers = [{"Addr": "10.0.0.1:2377"}]
    swarm.home.on("GET /v1.41/info", answer(200, {"Swarm": {**WORKER, "RemoteManagers": managers}}))
    item = {"Id": "c1", "Names": ["/web.1.c1"], "State": "running", "Labels": labels_of("c1")}
    swarm.home.on("GET /v1.41/containers/json", answer(200, [item]))
    swarm.has(swarm.home, "c1")
    assert (await engine.container_inspect("swarm:web.1")).id == "c1"
    with pytest.raises(ConfigurationError, match="worker of its swarm") as caught:
        await engine.container_inspect("swarm:web.2")
    assert "DOCKER_HOST=ssh://USER@10.0.0.1" in caught.value.advice
    swarm.home.on("GET /v1.41/info", answer(200, {}))
    with pytest.raises(ConfigurationError, match=r"is in none \(state: inactive\)"):
        await engine.container_inspect("swarm:db")


# --- the policy -----------------------------------------------------------------------------------


async def test_a_policy_holds_on_other_nodes(swarm):
    swarm.runs("c1", 2)
    swarm.has(swarm.far, "c1")
    policy = Policy(file="p", engines=("unix:///here",))
    engine = policed(swarm.engine(check=policy.check_engine), policy)
    with pytest.raises(PolicyRefused, match="tcp://far:1"):
        await engine.container_inspect("swarm:web")
    assert swarm.connected == [], "nobody is asked"
    await engine.aclose()
    for policy in (
        Policy(file="p", exclude=("web.1",)),
        Policy(file="p", include=("db.*",)),
        Policy(file="p", labels=("tier=db",)),
    ):
        engine = policed(swarm.engine(), policy)
        for name in ("swarm:web", "swarm:web.1"):
            with pytest.raises(PolicyRefused):
                await engine.container_inspect(name)
        with pytest.raises(PolicyRefused):
            await engine.exec("c1", ExecConfig(["true"]))
        await engine.aclose()
    engine = policed(swarm.engine(), Policy(file="p", include=("web.*",), labels=("tier=web",)))
    assert (await engine.container_inspect("swarm:web")).id == "c1"
    await engine.aclose()


# --- every verb -----------------------------------------------------------------------------------


def test_no_verb_is_missing_and_none_has_other_parameters():
    verbs = {name for name in dir(WholeEngine) if not name.startswith("_")}
    for name in verbs - {"url", "is_remote"}:
        ours, theirs = getattr(SwarmEngine, name), getattr(EngineClient, name)
        assert set(inspect.signature(ours).parameters) == set(inspect.signature(theirs).parameters)


class Recorder:
    """Takes every call, and returns its name."""

    url = "unix:///recorder"
    is_remote = True

    def __getattr__(self, verb: str):
        async def call(*_arguments: Any, **_named: Any) -> str:
            return verb

        return call


async def test_every_verb_goes_to_the_engine_of_the_container():
    recorder = Recorder()
    engine: Any = SwarmEngine(recorder, {})  # type: ignore[arg-type]
    assert (engine.url, engine.is_remote) == ("unix:///recorder", True)
    arguments: dict[str, tuple[Any, ...]] = {
        "exec": ("c", ExecConfig(["x"])),
        "exec_detached": ("c", ExecConfig(["x"])),
        "container_oom_since": ("c", 0.0),
        "attaching_ends_stdin": (type("Container", (), {"id": "c"}),),
        "container_stat_path": ("c", "/"),
        "copy_from_container": ("c", "/"),
        "copy_to_container": ("c", "/", None),
        **dict.fromkeys(("ping", "api_version", "container_list"), ()),
    }
    returns_nothing = {"copy_to_container", "aclose"}
    verbs = {name for name in dir(WholeEngine) if not name.startswith("_")} - {"url", "is_remote"}
    # The last is more than one call, and has a test of its own.
    for verb in sorted(verbs - {"answers", "container_restart"}):
        given = arguments.get(verb, () if verb == "aclose" else ("c",))
        result = await getattr(engine, verb)(*given)
        assert result == (None if verb in returns_nothing else verb)
