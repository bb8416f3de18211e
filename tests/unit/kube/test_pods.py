"""Pods, read as containers."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexec_kernel.backend.targets import bound_name
from dexec_kernel.errors import ConfigurationError, ContainerNotFound, DexecError, ProtocolError
from dexec_kernel.kube import pods
from dexec_kernel.kube.names import PodName

RUNNING = {"running": {"startedAt": "2030-01-01T00:00:00Z"}}


def pod(**changes: Any) -> dict[str, Any]:
    """A pod with one container that runs; ``changes`` are by a path with ``__``."""
    found: dict[str, Any] = {
        "metadata": {"name": "web", "namespace": "lab", "uid": "u-1", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "main", "image": "img"}]},
        "status": {
            "phase": "Running",
            "containerStatuses": [{"name": "main", "containerID": "c://1", "state": RUNNING}],
        },
    }
    found = deepcopy(found)
    for path, value in changes.items():
        *way, last = path.split("__")
        inner = found
        for step in way:
            inner = inner[step]
        inner[last] = value
    return found


def status(**changes: Any) -> list[dict[str, Any]]:
    return [{"name": "main", "containerID": "c://1", **changes}]


def owned(kind: str, name: str, **labels: str) -> dict[str, Any]:
    reference = {"kind": kind, "name": name, "controller": True}
    return pod(metadata__ownerReferences=[reference], metadata__labels=labels)


def test_a_container_has_what_the_kernel_asks_of_one():
    spec = {
        "name": "main",
        "image": "img",
        "workingDir": "/w",
        "env": [{"name": "A", "value": "1"}, {"name": "BASH_ENV", "value": "/x"}, {"name": "S"}],
        "stdin": True,
        "securityContext": {"runAsUser": 1000},
    }
    annotations = {"dexec.workdir": "/a", "other": "x"}
    found = pods.inspect_of(pod(spec__containers=[spec], metadata__annotations=annotations), "main")
    assert found.name == "kube:lab/web"
    assert PodName.parse(found.id) == PodName("lab", "web", "main", uid="u-1")
    assert (found.image, found.running, found.user, found.working_dir) == (
        "img",
        True,
        "1000",
        "/w",
    )
    assert (found.env_names, found.shell_env) == (("A", "BASH_ENV", "S"), {"BASH_ENV": "/x"})
    assert found.exec_defaults.working_dir == "/a"
    assert "other" not in found.labels
    assert found.open_stdin
    assert bound_name(found) == "kube:lab/web"


def test_each_run_of_a_container_has_another_start():
    again = pod(status__containerStatuses=status(containerID="c://2", state=RUNNING))
    assert pods.inspect_of(pod(), "main").started_at != pods.inspect_of(again, "main").started_at


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": {"waiting": {"reason": "ContainerCreating"}}}, "ContainerCreating"),
        (
            {
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
                "lastState": {"terminated": {"reason": "Error", "exitCode": 3}},
            },
            "CrashLoopBackOff: back-off 10s; it ended before: Error, exit code 3",
        ),
        (
            {"state": {"terminated": {"reason": "Completed", "exitCode": 0}}},
            "Completed, exit code 0",
        ),
        (
            {"state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}},
            "OOMKilled, exit code 137",
        ),
    ],
)
def test_a_container_that_does_not_run_says_why(changes, words):
    found = pods.inspect_of(pod(status__containerStatuses=status(**changes)), "main")
    assert not found.running
    assert found.why_not_running == words
    assert found.oom_killed is ("OOMKilled" in words)


def test_an_end_for_want_of_memory_counts_from_when_it_came():
    ended = {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-01-01T00:00:10Z"}
    at = 1767225610.0
    for key in ("state", "lastState"):
        found = pod(status__containerStatuses=status(**{key: {"terminated": ended}}))
        assert pods.ran_out_of_memory_since(found, "main", at - 5)
        assert pods.ran_out_of_memory_since(found, "main", at + 1.4)  # The clocks differ.
        assert not pods.ran_out_of_memory_since(found, "main", at + 5)
        assert not pods.ran_out_of_memory_since(found, "other", at - 5)
    other = pod(
        status__containerStatuses=status(state={"terminated": {**ended, "reason": "Error"}})
    )
    assert not pods.ran_out_of_memory_since(other, "main", at - 5)
    odd = pod(status__containerStatuses=status(state={"terminated": {**ended, "finishedAt": 1}}))
    with pytest.raises(ProtocolError):
        pods.ran_out_of_memory_since(odd, "main", at)


def test_a_pod_that_nobody_has_started_says_why():
    condition = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}
    found = pods.inspect_of(pod(status={"phase": "Pending", "conditions": [condition]}), "main")
    assert found.why_not_running == "Pending: 0/1 nodes are available"


@pytest.mark.parametrize("statuses", [[], status(state={"terminated": {"exitCode": 137}})])
def test_a_pod_that_was_evicted_says_so(statuses):
    evicted = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."}
    found = pods.inspect_of(pod(status={**evicted, "containerStatuses": statuses}), "main")
    assert "Evicted: The node was low on memory." in found.why_not_running


def test_an_init_container_is_not_called_by_its_pods_name():
    found = pod(spec__initContainers=[{"name": "setup", "image": "tools"}])
    found["status"]["initContainerStatuses"] = [{"name": "setup", "state": RUNNING}]
    setup = pods.inspect_of(found, pods.choose_container(found, PodName("lab", "web", "setup")))
    assert (setup.name, setup.running) == ("kube:lab/web/setup", True)
    assert bound_name(setup) == "kube:lab/web/setup"
    assert pods.inspect_of(found, "main").name == "kube:lab/web"


def test_of_several_containers_one_is_named():
    two = pod(spec__containers=[{"name": "main"}, {"name": "side"}])
    with pytest.raises(ConfigurationError) as caught:
        pods.choose_container(two, PodName("lab", "web"))
    assert "kube:lab/web/main, kube:lab/web/side" in caught.value.advice
    assert pods.choose_container(two, PodName("lab", "web", "side")) == "side"
    with pytest.raises(ContainerNotFound) as missing:
        pods.choose_container(two, PodName("lab", "web", "nope"))
    assert "main, side" in missing.value.advice
    two["metadata"]["annotations"] = {"kubectl.kubernetes.io/default-container": "side"}
    assert pods.choose_container(two, PodName("lab", "web")) == "side"
    assert [item.name for item in pods.summaries_of(two)] == [
        "kube:lab/web/main",
        "kube:lab/web/side",
    ]


def test_an_ephemeral_container_is_one_by_its_name():
    found = pod(spec__ephemeralContainers=[{"name": "debug", "image": "tools"}])
    found["status"]["ephemeralContainerStatuses"] = [{"name": "debug", "state": RUNNING}]
    assert pods.choose_container(found, PodName("lab", "web")) == "main"
    debug = pods.inspect_of(found, pods.choose_container(found, PodName("lab", "web", "debug")))
    assert (debug.name, debug.image, debug.running) == ("kube:lab/web/debug", "tools", True)


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (owned("ReplicaSet", "web-5f", **{"pod-template-hash": "5f"}), "kube:lab/deploy/web"),
        (owned("ReplicaSet", "web-5f"), "kube:lab/rs/web-5f"),
        (owned("StatefulSet", "db"), "kube:lab/sts/web"),
        (owned("DaemonSet", "agent"), "kube:lab/ds/agent"),
        (owned("Job", "once"), "kube:lab/job/once"),
        (owned("Strange", "thing"), "kube:lab/web"),
    ],
)
def test_a_pod_is_bound_by_its_owner_who_replaces_it(found, name):
    assert pods.bound_name_of(found, "main") == name
    wanted = PodName.parse(name)
    assert pods.belongs(found, wanted) is bool(wanted.owner)
    assert not pods.belongs(pod(), PodName("lab", "web", owner="Deployment"))


def test_of_an_owners_pods_none_is_taken_that_crashes_while_another_runs():
    waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
    crashing = pod(metadata__name="web-1", status__containerStatuses=status(state=waiting))
    half = pod(
        metadata__name="web-2",
        status__containerStatuses=[*status(state=waiting), {"name": "side", "state": RUNNING}],
    )
    runs = pod(metadata__name="web-3")
    assert min(crashing, half, runs, key=pods.best_first) is half
    assert min(crashing, half, runs, key=lambda pod: pods.best_first(pod, "main")) is runs


def test_a_pod_that_waits_for_an_init_container_names_it():
    found = pod(status__containerStatuses=status(state={"waiting": {"reason": "PodInitializing"}}))
    assert pods.inspect_of(found, "main").why_not_running == "PodInitializing"
    done = {"name": "one", "state": {"terminated": {"reason": "Completed", "exitCode": 0}}}
    failed = {"terminated": {"reason": "Error", "exitCode": 1}}
    for state, words in (
        ({"state": RUNNING}, "it runs"),
        ({"state": failed, "restartCount": 2}, "Error, exit code 1; 2 restarts"),
        (
            {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": failed},
            "CrashLoopBackOff; Error, exit code 1",
        ),
        (
            {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no"}}},
            "ImagePullBackOff: no",
        ),
    ):
        found["status"]["initContainerStatuses"] = [done, {"name": "two", **state}]
        said = pods.inspect_of(found, "main").why_not_running
        assert said == f"the init container 'two' is to end first ({words})"


def test_of_an_owners_pods_one_that_runs_and_stays_is_taken():
    names = {"web-2": {}, "web-10": {}, "web-1": {"deletionTimestamp": "x"}}
    found = []
    for name, more in names.items():
        item = pod()
        item["metadata"] |= {"name": name, **more}
        found.append(item)
    found.append(pod(metadata__name="web-0", status={"phase": "Pending"}))
    assert pods.name_of(min(found, key=pods.best_first)).pod == "web-2"


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*"abc", "name", "state", "running", "env"]), inner, max_size=3
        )
    ),
    max_leaves=10,
)


@given(_json, _json, _json)
def test_nothing_of_a_pod_is_trusted(metadata, spec, state):
    found = {"metadata": metadata, "spec": spec, "status": state}
    try:
        for name in [*pods.container_names(found), "main"]:
            pods.inspect_of(found, name)
        pods.owner_of(found)
        pods.best_first(found)
    except DexecError:
        return
