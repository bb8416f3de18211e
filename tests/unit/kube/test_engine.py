"""The verbs of the contract, over a cluster whose answers are scripted."""

from __future__ import annotations

import pytest

from dexec_kernel.backend.models import ExecConfig
from dexec_kernel.errors import (
    ConfigurationError,
    ContainerNotFound,
    ContainerNotRunning,
    EngineApiError,
    EngineUnavailable,
)
from dexec_kernel.kube.engine import KubeEngine
from tests.unit.kube.test_execs import OK, said
from tests.unit.support.fake_kube import FakeKube, pod

#: When the container of the tests ended, in epoch seconds.
AT = 1767225610.0
OOM = {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-01-01T00:00:10Z"}}
ERROR = {"terminated": {"reason": "Error", "exitCode": 137, "finishedAt": "2026-01-01T00:00:10Z"}}
NOT_RUNNING = ContainerNotRunning.of("kube:lab/web")


def engine_of(*found: object, answers: object = ()) -> tuple[KubeEngine, FakeKube]:
    kube = FakeKube(*found)
    kube.answers = list(answers)
    return KubeEngine(kube), kube


async def test_a_name_is_looked_up_and_an_id_is_not():
    engine, kube = engine_of(pod(), answers=[OK, OK])
    await engine.exec("kube:web", ExecConfig(["ls"]))
    assert kube.asked == ["kube:lab/web"]
    found = await engine.container_inspect("kube:web")
    kube.asked.clear()
    await engine.exec(found.id, ExecConfig(["ls"]))
    assert kube.asked == []


async def test_another_pod_of_the_same_name_is_another_container():
    engine, kube = engine_of(pod())
    found = await engine.container_inspect("kube:web")
    kube.found[0]["metadata"]["uid"] = "u-2"
    with pytest.raises(ContainerNotFound):
        await engine.container_inspect(found.id)


async def test_a_container_that_does_not_run_says_why():
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    for start in ("exec", "exec_detached"):
        engine, _ = engine_of(
            pod(), pod(state=waiting, lastState=OOM, restartCount=4), answers=[NOT_RUNNING]
        )
        with pytest.raises(ContainerNotRunning) as caught:
            await getattr(engine, start)("kube:web", ExecConfig(["ls"]))
        for words in ("CrashLoopBackOff: back-off 10s", "OOMKilled, exit code 137", "4 restarts"):
            assert words in caught.value.message
    engine, _ = engine_of(pod(), ContainerNotFound.of("kube:lab/web"), answers=[NOT_RUNNING])
    with pytest.raises(ContainerNotFound):
        await engine.exec("kube:web", ExecConfig(["ls"]))


@pytest.mark.parametrize(
    ("found", "answer", "ran_out"),
    [
        ([pod(state=OOM)], None, True),
        ([pod(container_id="c://2", lastState=OOM)], None, True),
        # The kubelet takes its time: the container is gone already, and the status is the old one.
        ([pod(), pod(), pod(), pod(state=OOM)], NOT_RUNNING, True),
        ([pod(), pod(), pod(state=ERROR)], NOT_RUNNING, False),
        ([pod()], NOT_RUNNING, False),  # It never tells.
        # It was restarted between the look at the status and the look into the container.
        ([pod(), pod(container_id="c://2", lastState=OOM)], said("looked 0"), True),
        ([pod()], said("looked 0"), False),
        ([pod()], said(""), False),
    ],
)
async def test_the_end_for_want_of_memory_is_in_the_status_some_time(found, answer, ran_out):
    engine, kube = engine_of(*found, answers=[] if answer is None else [answer])
    assert await engine.container_oom_since("kube:web", AT - 5) is ran_out
    assert kube.answers == []


async def test_a_pod_that_goes_meanwhile_is_said_to_be_gone():
    engine, _ = engine_of(pod(), ContainerNotFound.of("kube:lab/web"), answers=[NOT_RUNNING])
    with pytest.raises(ContainerNotFound):
        await engine.container_oom_since("kube:web", AT)


async def test_an_owners_pod_that_runs_is_taken():
    engine, kube = engine_of()
    owner = {"kind": "DaemonSet", "name": "agent", "controller": True}
    waits, runs = pod("agent-a"), pod("agent-b")
    for item in (waits, runs):
        item["metadata"]["ownerReferences"] = [owner]
    waits["status"]["phase"] = "Pending"
    kube.lists = [([pod("other"), waits, runs], "7"), ([pod("other")], "8")]
    assert (await engine.container_inspect("kube:lab/ds/agent")).name == "kube:lab/agent-b"
    with pytest.raises(ContainerNotFound):
        await engine.container_inspect("kube:lab/ds/agent")


async def test_the_list_has_what_runs_unless_all_is_asked_for():
    engine, kube = engine_of()
    kube.lists = [([pod("a"), pod("b", state=ERROR)], "7")] * 2
    assert [line.name for line in await engine.container_list()] == ["kube:lab/a"]
    found = await engine.container_list(all=True, filters={"label": ["x=1", "y"]})
    assert [line.state for line in found] == ["running", "exited"]
    assert kube.asked[-1] == "list lab x=1,y"


async def test_what_kubernetes_cannot_do_is_refused_with_something_else_instead():
    engine, _ = engine_of(pod())
    with pytest.raises(ConfigurationError) as caught:
        await engine.container_restart("kube:web")
    assert "rollout restart" in caught.value.advice
    with pytest.raises(ConfigurationError) as caught:
        await engine.container_attach_ws("kube:web", stdin=True)
    assert "stdin: true" in caught.value.advice


@pytest.mark.parametrize(
    ("stdin", "once", "is_open", "ends"),
    [(False, False, False, False), (True, False, True, False), (True, True, False, True)],
)
async def test_an_open_stdin_is_attached_to_also_where_nothing_is_sent(stdin, once, is_open, ends):
    """containerd ends the attachment at once otherwise, or the stdin where that is for once."""
    found = pod()
    found["spec"]["containers"][0] |= {"stdin": stdin, "stdinOnce": once}
    engine, kube = engine_of(found, answers=[[]])
    assert await engine.attaching_ends_stdin(await engine.container_inspect("kube:web")) is ends
    (await engine.container_attach_ws("kube:web")).close()
    assert kube.stdin == [is_open]
    await engine.aclose()


@pytest.mark.parametrize(
    ("error", "answers"),
    [(None, True), (EngineApiError("no", status=403), True), (EngineUnavailable("no"), False)],
)
async def test_a_cluster_that_refuses_answers(error, answers):
    engine, kube = engine_of()

    async def version() -> str:
        if error is not None:
            raise error
        return "v1.31.0"

    kube.version = version
    assert await engine.answers() is answers
    if error is None:
        ping = await engine.ping()
        assert (ping.api_version, ping.is_podman) == ("v1.31.0", False)
    await engine.aclose()
    await engine.aclose()
    assert kube.is_closed
