"""The doctor's look at a swarm, with engines that answer as they are told to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from dexec_kernel.cli.checks_swarm import check_nodes
from dexec_kernel.cli.findings import Finding, Verdict
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.endpoint import Endpoint
from dexec_kernel.errors import ConfigurationError, PolicyRefused
from tests.unit.support.fake_engine import FakeEngine, answer
from tests.unit.support.fake_swarm import HOSTS, node, three_engines


class Swarm:
    """A manager, node1, and the engines of node2 and node3; node4 has none that is known."""

    def __init__(self, home: FakeEngine, far: FakeEngine, third: FakeEngine) -> None:
        self.home, self.far, self.third = home, far, third
        for number, fake in enumerate((home, far, third), start=1):
            self.informs(fake, NodeID=f"n{number}", ControlAvailable=number == 1)

    def informs(self, fake: FakeEngine, **swarm: Any) -> None:
        found = {"LocalNodeState": "active", **swarm}
        fake.on("GET /v1.41/info", answer(200, {"Name": "me", "Swarm": found}))

    def has_nodes(self, *numbers: int) -> None:
        nodes = [node(number) for number in numbers]
        self.home.on("GET /v1.41/nodes", answer(200, nodes))

    async def look(self, hosts: str = HOSTS, check: Any = lambda _url: None) -> Finding | None:
        def connect(endpoint: Endpoint) -> EngineClient:
            return {"far": self.far, "third": self.third}[endpoint.host].client()

        client = self.home.client()
        environ = {"HOME": "/nowhere", "DEXEC_NODE_HOSTS": hosts}
        try:
            return await check_nodes(client, environ, check=check, connect=connect)
        finally:
            await client.aclose()


@pytest.fixture
async def swarm(tmp_path) -> AsyncIterator[Swarm]:
    async with three_engines(tmp_path) as fakes:
        yield Swarm(*fakes)


async def test_each_node_has_its_way(swarm):
    swarm.has_nodes(3, 1, 2)
    found = await swarm.look()
    assert found.status is Verdict.OK
    assert found.message.split("\n") == [
        "a swarm's manager",
        "node1: this engine",
        "node2: tcp://far:1, from DEXEC_NODE_HOSTS, node2",
        "node3: tcp://third:1, from DEXEC_NODE_HOSTS, node3",
    ]
    assert found.fix == ""


async def test_a_node_without_a_way_and_a_way_to_another_node_are_told(swarm):
    swarm.has_nodes(1, 2, 3, 4)
    swarm.informs(swarm.third, NodeID="n9")
    found = await swarm.look()
    assert found.status is Verdict.WARNING
    assert "node4: no way to its engine is known" in found.message
    assert "node3: tcp://third:1, from DEXEC_NODE_HOSTS, node3: The engine at" in found.message
    assert "it is the node with the id n9" in found.message
    assert "DEXEC_NODE_HOSTS='node4=ssh://USER@10.0.0.4'" in found.fix
    assert not found.ends


async def test_an_engine_that_does_not_answer_or_is_not_allowed_is_told(swarm):
    swarm.has_nodes(1, 2, 3)
    swarm.far.on("GET /_ping", answer(500, {"message": "broken"}))

    def check(url: str) -> None:
        if "third" in url:
            raise PolicyRefused("It may not be used.", setting="engines", file="policy.toml")

    found = await swarm.look(check=check)
    assert found.status is Verdict.WARNING
    assert "broken" in found.message
    assert "node3: tcp://third:1, from DEXEC_NODE_HOSTS, node3: It may not" in found.message


async def test_a_setting_that_cannot_be_read_is_an_error(swarm):
    swarm.has_nodes(1)
    with pytest.raises(ConfigurationError, match="DEXEC_NODE_HOSTS"):
        await swarm.look("node2")


async def test_a_worker_says_where_the_managers_are(swarm):
    managers = [{"Addr": "10.0.0.1:2377"}, {"Addr": "10.0.0.2:2377"}]
    swarm.informs(swarm.home, NodeID="n1", RemoteManagers=managers)
    found = await swarm.look()
    assert (found.status, found.message[:2]) == (Verdict.OK, "me")
    assert "10.0.0.1, 10.0.0.2" in found.fix


@pytest.mark.parametrize("reply", [answer(403, {"message": "no"}), answer(200, {"Swarm": {}})])
async def test_without_a_swarm_nothing_is_said(swarm, reply):
    swarm.home.on("GET /v1.41/info", reply)
    assert await swarm.look() is None
