"""Which task a name means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.backend.targets import SWARM_SERVICE_LABEL, SWARM_TASK_LABEL
from dexec_kernel.engine.swarm import Node, Service, Task
from dexec_kernel.errors import ConfigurationError, ContainerNotFound, ContainerNotRunning
from dexec_kernel.swarm.tasks import (
    TaskName,
    choose_container,
    parse_name,
    running_tasks,
    unknown_service,
)

WEB, AGENT = Service("s1", "web"), Service("s2", "agent", is_global=True)
NODES = [
    Node("n1", "Node1", "10.0.0.1", "ready", is_manager=True),
    Node("n2", "node2.lan", "10.0.0.2", "ready"),
    Node("n3", "node3", "10.0.0.3", "down"),
]


def task(name: str, slot: int, node: str = "n1", **changes: str) -> Task:
    made = Task(name, "s1", slot, node, "running", "running", "2026-01-01", f"c-{name}")
    return replace(made, **changes)


def chosen(name: str, tasks: list[Task], service: Service = WEB, here: str = "n1") -> str:
    return running_tasks(parse_name(name), service, tasks, NODES, here=here)[0].id


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("swarm:web", TaskName("web")),
        ("swarm:shop_web.3", TaskName("shop_web", "3")),
        ("swarm:web.3.abc", TaskName("web", "3", "abc")),
        ("swarm:agent.node1.example.com", TaskName("agent", "node1.example.com")),
    ],
)
def test_names(text, expected):
    assert parse_name(text) == expected


@pytest.mark.parametrize("text", ["swarm:", "swarm:.1", "swarm:web.", "swarm:a/b", "swarm:a.\n"])
def test_names_of_nothing(text):
    with pytest.raises(ConfigurationError, match="is not a task of a swarm"):
        parse_name(text)


def test_a_slot():
    tasks = [task("a", 2), task("b", 1), task("c", 10)]
    assert chosen("swarm:web", tasks) == "b", "the lowest"
    assert chosen("swarm:web.10", tasks) == "c"
    assert chosen("swarm:web.02", tasks) == "a"
    assert chosen("swarm:web.2.a", tasks) == "a"


def test_the_newest_of_a_slot_and_none_that_is_to_end():
    old = task("old", 1, created_at="2026-01-01T00:00:00.5Z")
    new = task("new", 1, created_at="2026-01-01T00:00:01Z")
    assert chosen("swarm:web", [new, old]) == "new"
    leaving = replace(new, id="x", desired_state="shutdown", created_at="2027")
    assert chosen("swarm:web", [leaving, old]) == "old"
    assert chosen("swarm:web", [leaving]) == "x", "it runs still"


def test_a_node_that_is_down_comes_last():
    assert chosen("swarm:web", [task("a", 1, "n3"), task("b", 2, "n2")]) == "b"
    assert chosen("swarm:web", [task("a", 1, "n3")]) == "a"


def test_a_global_service():
    tasks = [task("a", 0, "n1"), task("b", 0, "n2"), task("c", 0, "n9")]
    assert chosen("swarm:agent", tasks, AGENT, here="n2") == "b", "this node's"
    assert chosen("swarm:agent", tasks, AGENT, here="") == "a", "the first node by name"
    assert chosen("swarm:agent.NODE2.lan", tasks, AGENT) == "b"
    assert chosen("swarm:agent.n1", tasks, AGENT) == "a"
    assert chosen("swarm:agent.n2.b", tasks, AGENT) == "b", "as its container is called"
    assert chosen("swarm:agent.n9", tasks, AGENT) == "c", "a node that is not in the list"
    with pytest.raises(ContainerNotFound, match=r"'agent\.node7'\. It runs on Node1, n9, node2"):
        chosen("swarm:agent.node7", tasks, AGENT)


def test_no_such_slot():
    with pytest.raises(ContainerNotFound, match=r"no task 'web\.9'\. Its slots are 1, 2, 10\."):
        chosen("swarm:web.9", [task("a", 10), task("b", 2), task("c", 1)])
    many = [task(str(n), n) for n in range(1, 20)]
    with pytest.raises(ContainerNotFound, match="11, 12, 7 more"):
        chosen("swarm:web.99", many)
    with pytest.raises(ContainerNotFound):
        chosen("swarm:web.node1", [task("a", 1)])
    with pytest.raises(ContainerNotFound, match=r"no task 'web\.1\.old'\. Its slots are 1\."):
        chosen("swarm:web.1.old", [task("new", 1)])


def test_no_task_runs():
    failed = task("a", 1, "n2", state="failed", error="task: non-zero exit (3)", created_at="2")
    with pytest.raises(ContainerNotRunning) as caught:
        chosen("swarm:web.1", [failed, task("b", 1, state="shutdown", created_at="1")])
    assert caught.value.message == (
        "No task swarm:web.1 is running. The newest is failed on the node 'node2.lan': task:"
        " non-zero exit (3)."
    )
    assert "docker service ps --no-trunc web" in caught.value.advice
    pending = task("a", 1, "", state="pending", message="pending task scheduling")
    with pytest.raises(ContainerNotRunning, match="is pending: pending task scheduling") as caught:
        chosen("swarm:web", [pending])
    assert caught.value.advice.startswith("It may run in a moment: try again. `docker service ps")
    with pytest.raises(ContainerNotRunning) as caught:
        chosen("swarm:web", [replace(pending, error="no suitable node")])
    assert "moment" not in caught.value.advice
    # The tasks that ran before are still known.
    with pytest.raises(ContainerNotRunning, match="is scaled to 0: it has no task") as caught:
        chosen("swarm:web.1", [task("a", 1, state="shutdown")], replace(WEB, replicas=0))
    assert "docker service scale web=1" in caught.value.advice
    with pytest.raises(ContainerNotRunning, match=r"is unknown\."):
        chosen("swarm:web", [task("a", 1, "", state="")])


def test_a_service_without_tasks():
    with pytest.raises(ContainerNotRunning) as caught:
        chosen("swarm:web.1", [])
    assert "docker service scale web=1" in caught.value.advice
    with pytest.raises(ContainerNotRunning) as caught:
        chosen("swarm:agent", [], AGENT)
    assert "service ps" in caught.value.advice


def test_an_unknown_service():
    error = unknown_service(parse_name("swarm:wob"), [WEB, AGENT])
    assert "Did you mean swarm:web?" in error.message
    assert error.advice == "The services are: agent, web."
    assert unknown_service(parse_name("swarm:wob"), []).advice == "It has none."
    assert "Did you mean swarm:web?" in unknown_service(parse_name("swarm:WEB"), [WEB]).message


def test_the_containers_of_one_node():
    here = Node("n2", "Node2", "", "active")

    def container(service: str, rest: str, state: str = "running") -> ContainerSummary:
        name = f"{service}.{rest}"
        labels = {SWARM_SERVICE_LABEL: service, SWARM_TASK_LABEL: name}
        return ContainerSummary(name, name, "img", state, "Up", labels)

    webs = [container("web", "10.t"), container("web", "2.t"), container("web", "1.t", "exited")]
    agents = [container("agent", "n2.t")]

    def found(name: str, containers: list[ContainerSummary]) -> str | None:
        one = choose_container(parse_name(name), containers, here)
        return None if one is None else one.name

    assert found("swarm:web", webs) == "web.2.t"
    assert found("swarm:web.10", webs) == "web.10.t"
    assert found("swarm:web.1", webs) is None
    for name in ("swarm:agent", "swarm:agent.node2", "swarm:agent.n2"):
        assert found(name, agents) == "agent.n2.t"
    assert found("swarm:agent.node1", agents) is None
    assert found("swarm:other", [replace(webs[0], labels={})]) is None
