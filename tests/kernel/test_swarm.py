"""Kernels whose containers are tasks of a swarm of two nodes, over TCP and over ssh."""

from __future__ import annotations

import json

import pytest

from devtools import api, containers, images
from devtools.swarm import PrivateSwarm, missing_package
from dexec_kernel.cli.command import FAILED, OK, run
from tests.kernel.conftest import STANDBY
from tests.kernel.test_policy import PROGRAM
from tests.waiting import until

POLICY = """
engines = [{manager!r}, {tcp!r}]
[containers]
include = ["web.*"]
"""
NODE2 = "node.hostname==node2"


@pytest.fixture(scope="module")
def swarm():
    """A swarm with a service `web` on node 2, which may move, and a global service `agent`."""
    if package := missing_package():
        pytest.skip(f"the package {package} is not installed")
    with PrivateSwarm() as found:
        found.create_service("web", constraints=[NODE2])
        found.create_service("agent", replicas=None)
        found.wait_for("web")
        found.wait_for("agent", 2)
        yield found


def fault(kernel, code: str) -> str:
    reply = kernel.run(code).reply
    assert reply["status"] == "error", reply
    return f"{reply['ename']}: {reply['evalue']}\n" + "\n".join(reply["traceback"])


def test_a_task_over_tcp_and_its_move(swarm, start_kernel, tmp_path):
    kernel = start_kernel(
        engine=swarm.manager.host,
        DEXEC_CONTAINER="swarm:web.1",
        DEXEC_NODE_HOSTS=f"node2={swarm.tcp}",
    )
    result = kernel.run("cd /tmp; export A=kept; hostname; exit 3")
    assert (result.text(), result.record["exit_code"]) == ("node2\n", 3)
    assert kernel.run("echo $A; pwd").text() == "kept\n/tmp\n"
    [task] = swarm.tasks("web")
    container = task["Status"]["ContainerStatus"]["ContainerID"]
    until(
        lambda: (
            STANDBY
            in {
                row["COMMAND"]
                for row in containers.top(swarm.worker.host, container, "-e -o pid -o comm")
            }
        )
    )
    assert kernel.run("%%exec -- wc -c\n" + 99 * "x" + "\n").text() == "100\n"
    (tmp_path / "file").write_bytes(bytes(range(256)))
    kernel.run(f"%cp {tmp_path / 'file'} :/tmp/file")
    kernel.run(f"%cp swarm:web.1:/tmp/file {tmp_path / 'back'}")
    assert (tmp_path / "back").read_bytes() == bytes(range(256))
    assert kernel.run("%%writefile :/tmp/note\nhello").reply["status"] == "ok"
    assert "hello" in str(kernel.run("%show :/tmp/note").messages)
    assert "sleep" in str(kernel.run("%ps").messages)
    begun = kernel.interrupt_at("begun")
    assert kernel.run("echo begun; sleep 1000", at=begun).reply["ename"] == "KeyboardInterrupt"

    # One cell elsewhere: the global service's task on the manager's own node.
    assert kernel.run("%%exec -c swarm:agent\nhostname").text() == "node1\n"
    assert kernel.run("%%exec -c swarm:agent.node2\nhostname").text() == "node2\n"
    assert "Did you mean swarm:web?" in fault(kernel, "%container swarm:wob")
    assert "Its slots are 1." in fault(kernel, "%container swarm:web.7")
    assert kernel.run("echo $A").text() == "kept\n"

    # The task moves: the next cell finds it, with a session of its own.
    swarm.update_service("web", Placement={"Constraints": ["node.hostname==node1"]})
    until(lambda: not runs(swarm.worker.host, container))
    swarm.wait_for("web")
    assert kernel.run("hostname; echo ${A-none}").text() == "node1\nnone\n"

    # There is no place for it, and the error says so.
    swarm.update_service("web", Placement={"Constraints": ["node.hostname==mars"]})
    until(lambda: "running" not in swarm.states("web"))
    swarm.wait_for("web", state="pending")
    said = fault(kernel, "true")
    assert said.startswith("ContainerNotRunning: No task swarm:web.1 is running.")
    assert "The newest is pending" in said
    swarm.update_service("web", Placement={"Constraints": [NODE2]})
    swarm.wait_for("web")
    assert kernel.run("hostname").text() == "node2\n"


def runs(host: str, container: str) -> bool:
    try:
        return bool(containers.inspect(host, container)["State"]["Running"])
    except api.ApiError:
        return False


def test_a_task_over_ssh(swarm, sshd, start_kernel):
    socket = swarm.worker.host.removeprefix("unix://")
    kernel = start_kernel(
        engine=swarm.manager.host,
        PATH=sshd.path,
        DEXEC_CONTAINER="swarm:agent.node2",
        DEXEC_NODE_HOSTS=f"*=ssh://127.0.0.1:{sshd.port}{socket}",
    )
    assert kernel.run("A=kept; hostname; exit 3").record["exit_code"] == 3
    assert kernel.run("echo $A; hostname").text() == "kept\nnode2\n"
    begun = kernel.interrupt_at("begun")
    assert kernel.run("echo begun; sleep 1000", at=begun).reply["ename"] == "KeyboardInterrupt"
    assert kernel.run("echo $A").text() == "kept\n"


def test_no_way_and_a_policy(swarm, start_kernel, tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(POLICY.format(manager=swarm.manager.host, tcp=swarm.tcp))
    swarm.wait_for("web")
    start = {"engine": swarm.manager.host, "program": PROGRAM.format(path=str(path))}
    kernel = start_kernel(**start, DEXEC_NODE_HOSTS=f"10.77.0.2={swarm.tcp}")
    assert kernel.run("%%exec -c swarm:web\nhostname").text() == "node2\n"
    assert "containers.include" in fault(kernel, "%%exec -c swarm:agent.node2\ntrue")
    assert "containers.include" in fault(kernel, "%container swarm:agent")

    kernel = start_kernel(**start, DEXEC_NODE_HOSTS=f"node2={swarm.worker.host}")
    assert "PolicyRefused" in fault(kernel, "%%exec -c swarm:web\ntrue")

    kernel = start_kernel(engine=swarm.manager.host, DEXEC_CONTAINER="swarm:web")
    said = fault(kernel, "true")
    assert "the node 'node2' (10.77.0.2)" in said
    assert "DEXEC_NODE_HOSTS='node2=ssh://USER@10.77.0.2'" in said


def test_a_slot_whose_node_can_be_reached_is_taken(swarm, start_kernel):
    """There is no way to node 2, which has one of both slots."""
    swarm.create_service("pair", replicas=2)
    swarm.wait_for("pair", 2)
    names = {node["ID"]: node["Description"]["Hostname"] for node in swarm.nodes()}
    slots = {names[task["NodeID"]]: task["Slot"] for task in swarm.tasks("pair")}
    assert set(slots) == {"node1", "node2"}
    kernel = start_kernel(engine=swarm.manager.host, DEXEC_CONTAINER="swarm:pair")
    assert kernel.run("hostname").text() == "node1\n"
    [shown] = kernel.run("%container").of("display_data")
    is_told = "passed over: The task runs on the node 'node2'" in shown["data"]["text/plain"]
    assert is_told is (slots["node2"] < slots["node1"])
    assert "the node 'node2'" in fault(kernel, f"%container swarm:pair.{slots['node2']}")


def test_the_command(swarm, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", swarm.manager.host)
    monkeypatch.setenv("DEXEC_NODE_HOSTS", f"node2={swarm.tcp}")
    swarm.wait_for("web")
    assert run(["list"]) == OK
    assert "swarm:agent." in capsys.readouterr().out
    assert run(["doctor", "--json", "--container", "swarm:web.1"]) == OK
    found = {item["check"]: item["message"] for item in json.loads(capsys.readouterr().out)}
    assert found["nodes"].endswith(f"node2: {swarm.tcp}, from DEXEC_NODE_HOSTS, node2")
    assert found["container"].startswith("web.1.")
    assert f"(swarm:web.1), from --container; image {images.BUSYBOX}" in found["container"]
    assert run(["install", "--prefix", str(tmp_path), "--container", "swarm:web.1"]) == OK
    spec = json.loads((tmp_path / "share/jupyter/kernels/dexec-web.1/kernel.json").read_text())
    assert spec["env"]["DEXEC_NODE_HOSTS"] == f"node2={swarm.tcp}"
    assert "swarm:web.1" in spec["argv"]
    capsys.readouterr()
    assert run(["install", "--prefix", str(tmp_path), "--container", "swarm:wob"]) == FAILED
    assert "Did you mean swarm:web?" in capsys.readouterr().err
    monkeypatch.setenv("DEXEC_NODE_HOSTS", "node2=ssh://me:hunter2@far")
    assert run(["install", "--prefix", str(tmp_path), "--container", "swarm:web"]) == FAILED
    assert "hunter2" not in "".join(capsys.readouterr())
