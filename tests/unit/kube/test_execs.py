"""Execs of one client, over a cluster whose answers are scripted."""

from __future__ import annotations

import pytest

from dexec_kernel.backend.models import ExecConfig, ExecState
from dexec_kernel.errors import (
    CommandNotStarted,
    ConfigurationError,
    ContainerNotRunning,
    EngineUnavailable,
    ExecLost,
    ExecNotFound,
    RightMissing,
)
from dexec_kernel.kube.execs import KubeExecs
from dexec_kernel.kube.names import PodName
from dexec_kernel.kube.wire import Version
from tests.unit.kube.test_wire import SUCCESS, exit_status, failure, sent, ws
from tests.unit.support.fake_kube import FakeKube

NAME = PodName("lab", "web", "main", uid="u-1")
CLOSE = ws(b"\x03\xe8", 8)
OK = [ws(b"\3" + SUCCESS), CLOSE]
NOT_FOUND = "OCI runtime exec failed: executable file not found in $PATH"


@pytest.fixture
def kube():
    return FakeKube()


@pytest.fixture
def execs(kube):
    made = KubeExecs(kube)
    yield made
    made.close()


def said(text: str) -> list[bytes]:
    return [ws(b"\1" + text.encode()), *OK]


def refused(message: str = NOT_FOUND) -> list[bytes]:
    causes = [{"message": message}]
    return [ws(b"\3" + failure(reason="InternalError", details={"causes": causes})), CLOSE]


def broken(message: str) -> list[bytes]:
    return [ws(b"\3" + failure(reason="InternalError", message=message)), CLOSE]


async def end(attached):
    while await attached.read():
        pass
    return await attached.wait()


async def test_a_command_goes_as_it_is_and_a_script_over_stdin(kube, execs):
    kube.answers = [OK, OK]
    created: list[str] = []
    plain = await execs.start(NAME, ExecConfig(["ls", "-l"]), created.append)
    assert kube.commands == [["ls", "-l"]]
    assert created == [plain.id]
    config = ExecConfig(["bash", "-c", "echo s3cret", "name"], env={"A": "s3cret"})
    await execs.start(NAME, config, created.append)
    assert kube.commands[1][:2] == ["bash", "-c"]
    assert "s3cret" not in " ".join(kube.commands[1])
    assert b"s3cret" in b"".join(data for _, data in sent(kube.streams[1].sent))


@pytest.mark.parametrize(
    ("error", "may_run"),
    [
        (RightMissing("no", status=403), False),
        (ContainerNotRunning.of("web"), False),
        (EngineUnavailable("The connection was lost."), True),
    ],
)
async def test_an_exec_that_was_refused_has_never_been_one(kube, execs, error, may_run):
    kube.answers = [error]
    created: list[str] = []
    with pytest.raises(type(error)):
        await execs.start(NAME, ExecConfig(["ls"]), created.append)
    assert bool(created) is may_run


@pytest.mark.parametrize("changes", [{"user": "jane"}, {"privileged": True}])
async def test_what_kubernetes_cannot_do_asks_the_cluster_nothing(kube, execs, changes):
    for start in (execs.start, execs.start_detached):
        with pytest.raises(ConfigurationError):
            await start(NAME, ExecConfig(["ls"], **changes), lambda _: None)
    assert kube.commands == []


@pytest.mark.parametrize(
    ("protocol", "proof", "is_lost"),
    [
        (Version.V4, None, False),  # v4 drops the line instead.
        (Version.V5, said("looked"), False),
        (Version.V5, said("alive\nlooked"), True),
        (Version.V5, said(""), True),
        (Version.V5, EngineUnavailable("gone"), True),
    ],
)
async def test_success_counts_when_the_process_is_gone(kube, execs, protocol, proof, is_lost):
    kube.protocol = protocol
    kube.answers = [[]]
    attached = await execs.start(NAME, ExecConfig(["sh", "-c", "exit 0"]), lambda _: None)
    mark = attached._greeting.mark.encode()
    attached.receive(ws(b"\2" + mark + b"start 42 7" + mark) + b"".join(OK))
    kube.answers = [] if proof is None else [proof]
    if is_lost:
        with pytest.raises(ExecLost):
            await end(attached)
        assert (await attached.inspect()).state is ExecState.RUNNING
    else:
        assert (await end(attached)).exit_code == 0
    assert any("/proc/42" in command[-1] for command in kube.commands[1:]) is (proof is not None)


@pytest.mark.parametrize(("proof", "is_lost"), [("refused", False), (OK, True)])
async def test_without_a_shell_success_counts_while_the_kubelet_answers(
    kube, execs, proof, is_lost
):
    kube.answers = [OK, refused() if proof == "refused" else proof]
    attached = await execs.start(NAME, ExecConfig(["ls"]), lambda _: None)
    if is_lost:
        with pytest.raises(ExecLost):
            await end(attached)
    else:
        assert (await end(attached)).exit_code == 0


async def test_execs_are_remembered_and_others_are_unknown(kube, execs):
    kube.answers = [[ws(b"\3" + exit_status("3")), CLOSE]]
    attached = await execs.start(NAME, ExecConfig(["ls"]), lambda _: None)
    await end(attached)
    attached.close()
    assert (await execs.inspect(attached.id)).exit_code == 3
    with pytest.raises(ExecNotFound):
        await execs.inspect("kube-other")


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (said("looked"), ExecState.EXITED),
        (said("alive\nlooked"), ExecState.RUNNING),
        (EngineUnavailable("gone"), ExecState.RUNNING),
    ],
)
async def test_an_exec_that_nobody_reads_is_looked_at(kube, execs, answer, state):
    kube.answers = [[]]
    attached = await execs.start(NAME, ExecConfig(["sh", "-c", "sleep 9"]), lambda _: None)
    mark = attached._greeting.mark.encode()
    attached.receive(ws(b"\2" + mark + b"start 42 " + mark))
    attached.close()
    kube.answers = [answer]
    assert (await execs.inspect(attached.id)).state is state


async def test_a_detached_command_is_left_once_it_runs(kube, execs):
    kube.answers = [[ws(b"\1begun")]]
    found = await execs.start_detached(NAME, ExecConfig(["sleep", "9"]), lambda _: None)
    assert found.state is ExecState.RUNNING
    assert kube.streams[0].closed
    kube.answers = [refused()]
    with pytest.raises(CommandNotStarted):
        await execs.start_detached(NAME, ExecConfig(["no-such"]), lambda _: None)


async def test_a_terminals_program_is_held_by_another_shell(kube, execs):
    kube.answers = [said("no such word"), ContainerNotRunning.of("web")]
    config = ExecConfig(["bash", "-c", "echo s3cret", "name"], tty=True, attach_stdin=True)
    with pytest.raises(CommandNotStarted, match="terminal could not be set up"):
        await execs.start(NAME, config, lambda _: None)
    assert all(stream.closed for stream in kube.streams)
    with pytest.raises(ContainerNotRunning):
        await execs.start(NAME, config, lambda _: None)


async def test_closing_the_client_closes_its_connections(kube, execs):
    kube.answers = [[], []]
    for _ in range(2):
        await execs.start(NAME, ExecConfig(["ls"]), lambda _: None)
    execs.close()
    assert [stream.closed for stream in kube.streams] == [1, 1]


@pytest.mark.parametrize(
    "answer",
    [
        [CLOSE],
        broken("container not created: not found"),
        refused("OCI runtime exec failed: exec failed: setns process: exit status 1"),
    ],
)
async def test_a_container_that_ends_as_it_is_looked_into_does_not_run(kube, execs, answer):
    kube.answers = [answer]
    with pytest.raises(ContainerNotRunning):
        await execs.oom_kills_since(NAME, 0.0)


@pytest.mark.parametrize(
    ("answer", "ran_out"),
    [
        (said("looked 8"), True),
        (said("looked 7"), False),
        (said("looked"), False),
        (refused(), False),
    ],
)
async def test_a_process_that_ran_out_of_memory_is_counted(kube, execs, answer, ran_out):
    kube.answers = [[]]
    attached = await execs.start(NAME, ExecConfig(["sh", "-c", "hog"]), lambda _: None)
    mark = attached._greeting.mark.encode()
    attached.receive(ws(b"\2" + mark + b"start 42 7" + mark))
    kube.answers = [answer]
    assert await execs.oom_kills_since(NAME, 0.0) is ran_out
