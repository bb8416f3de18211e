"""The verbs for a swarm, and the JSON of its managers."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from dexec_kernel.engine import swarm
from dexec_kernel.engine.swarm import Node, Service, SwarmInfo, Task
from dexec_kernel.errors import EngineApiError, ProtocolError
from tests.unit.support.fake_engine import answer

TASK = {
    "ID": "t1",
    "ServiceID": "s1",
    "Slot": 2,
    "NodeID": "n1",
    "CreatedAt": "2026-01-01T00:00:00Z",
    "DesiredState": "running",
    "Status": {"State": "running", "Message": "started", "ContainerStatus": {"ContainerID": "c1"}},
}
NODE = {
    "ID": "n1",
    "Description": {"Hostname": "node1"},
    "Status": {"State": "ready", "Addr": "10.0.0.1"},
}


async def test_the_verbs(engine, client):
    spec = {"Name": "web", "Mode": {"Replicated": {"Replicas": 2}}}
    engine.on("GET /v1.41/services$", answer(200, [{"ID": "s1", "Spec": spec}]))
    found = {"ID": "s2", "Spec": {"Name": "agent", "Mode": {"Global": {}}}}
    engine.on("GET /v1.41/services/agent$", answer(200, found))
    engine.on("GET /v1.41/tasks", answer(200, [TASK]))
    engine.on("GET /v1.41/nodes", answer(200, [NODE]))
    assert await client.service_list() == [Service("s1", "web", replicas=2)]
    assert await client.service_inspect("agent") == Service("s2", "agent", is_global=True)
    [task] = await client.task_list("s1")
    assert (task.slot, task.node_id, task.container_id, task.message) == (2, "n1", "c1", "started")
    query = parse_qs(urlsplit(engine.calls[-1].split()[1]).query)
    assert json.loads(query["filters"][0]) == {"service": ["s1"]}
    assert await client.task_list() == [task]
    assert await client.node_list() == [Node("n1", "node1", "10.0.0.1", "ready")]


async def test_an_engine_that_is_no_manager(engine, client):
    managers = [{"NodeID": "n1", "Addr": "10.0.0.1:2377"}]
    found = {"NodeID": "n2", "LocalNodeState": "active", "RemoteManagers": managers}
    engine.on("GET /v1.41/info", answer(200, {"Name": "node2", "Swarm": found}))
    engine.on("GET /v1.41/tasks", answer(503, {"message": "This node is not a swarm manager."}))
    info = SwarmInfo("n2", "active", is_manager=False, managers=("10.0.0.1:2377",), name="node2")
    assert await client.swarm_info() == info
    with pytest.raises(EngineApiError, match="not a swarm manager"):
        await client.task_list()


@pytest.mark.parametrize("body", [{}, {"Swarm": None}, {"Swarm": {"RemoteManagers": None}}])
def test_an_engine_without_a_swarm(body):
    assert swarm.swarm_info(body) == SwarmInfo("", "inactive", is_manager=False)


def test_a_task_that_has_no_container_yet():
    body = {"ID": "t1", "Status": {"State": "pending", "Err": "no suitable node"}}
    expected = Task("t1", "", 0, "", "pending", "", "", error="no suitable node")
    assert swarm.task(body) == expected


@pytest.mark.parametrize("seen", ["0.0.0.0", "127.0.0.1", None])
@pytest.mark.parametrize(
    ("address", "expected"), [("10.0.0.1:2377", "10.0.0.1"), ("[fd00::1]:2377", "fd00::1")]
)
def test_a_manager_that_does_not_see_its_own_address(seen, address, expected):
    body = {**NODE, "Status": {"Addr": seen}, "ManagerStatus": {"Addr": address}}
    assert swarm.node(body).address == expected


@pytest.mark.parametrize("read", [swarm.service, swarm.task, swarm.node])
@pytest.mark.parametrize("body", [None, [], 1, {}, {"ID": 5}, {"ID": "", "Spec": {"Name": "web"}}])
def test_nonsense_is_a_protocol_error(read, body):
    with pytest.raises(ProtocolError):
        read(body)


@pytest.mark.parametrize("body", [None, [], {"Swarm": [1]}, {"Swarm": {"RemoteManagers": [1]}}])
def test_nonsense_of_an_info(body):
    with pytest.raises(ProtocolError):
        swarm.swarm_info(body)


@pytest.mark.parametrize(
    ("mode", "is_global", "replicas"),
    [
        (None, False, None),
        ({"Replicated": {"Replicas": 0}}, False, 0),
        ({"ReplicatedJob": {"TotalCompletions": 3}}, False, None),
        ({"GlobalJob": {}}, True, None),
    ],
)
def test_modes_of_a_service(mode, is_global, replicas):
    read = swarm.service({"ID": "s1", "Spec": {"Name": "web", "Mode": mode}})
    assert (read.is_global, read.replicas) == (is_global, replicas)
