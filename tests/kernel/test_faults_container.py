"""What becomes of a cell when something happens to its container. The table is in the docs."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from devtools import containers, images
from devtools.engine import LeanEngine
from devtools.podman import PrivatePodman
from tests.kernel.conftest import Kernel, starter
from tests.kernel.faults import FOLDER, IS_WHOLE, MOMENTS, Fault, Scene, meet, name_of, nothing
from tests.kernel.forking import ForkServer
from tests.waiting import until

_OK = frozenset({"ok"})
#: An exit code of 137, or an exec that the engine has forgotten.
_ENDED = frozenset({"CommandFailed", "ExecLost"})


def _recreate(image: str) -> Callable[[Scene], None]:
    def recreate(scene: Scene) -> None:
        scene.remove()
        scene.create(image)

    return recreate


FAULTS = {
    "stopped": Fault(
        lambda s: containers.stop(s.host, s.id),
        Scene.again,
        frozenset({"ContainerNotRunning"}),
        _ENDED,
    ),
    "killed": Fault(
        lambda s: containers.kill(s.host, s.id),
        Scene.again,
        # The engine takes a moment to notice.
        frozenset({"ContainerNotRunning", "CommandNotStarted", "ExecLost"}),
        _ENDED,
    ),
    "restarted": Fault(lambda s: containers.restart(s.host, s.id), nothing, _OK, _ENDED),
    "paused": Fault(
        Scene.pause,
        Scene.unpause,
        frozenset({"ContainerPaused"}),
        frozenset({"CommandFailed"}),
        holds=True,
    ),
    "removed": Fault(Scene.remove, Scene.create, frozenset({"ContainerNotFound"}), _ENDED),
    "recreated": Fault(_recreate(images.BUSYBOX), nothing, _OK, _ENDED),
    "recreated from another image": Fault(_recreate(images.NOSHELL), nothing, _OK, _ENDED),
    "renamed": Fault(
        lambda s: containers.rename(s.host, s.id, f"{s.name}-away"),
        lambda s: containers.rename(s.host, s.id, s.name),
        frozenset({"ContainerNotFound"}),
        frozenset({"CommandFailed"}),
        holds=True,
    ),
}
#: By the fault: what a reply to a running cell names as the cause.
CAUSES = {
    "stopped": "stopped",
    "killed": "stopped",
    "restarted": "restarted|stopped",
    "removed": "removed|stopped",
    "recreated": "removed|stopped",
}


class Stages:
    """Kernels with a container each, by engine and moment; started when they are needed."""

    def __init__(self, stack: ExitStack, folder: Path, server: ForkServer) -> None:
        self._stack, self._folder, self._server = stack, folder, server
        self._starts: dict[str, tuple[str, Callable[..., Kernel]]] = {}
        self._engines: dict[str, LeanEngine | PrivatePodman] = {}
        self._made: dict[tuple[str, ...], tuple[Scene, Kernel]] = {}
        self._numbers = itertools.count(1)

    def engine(self, kind: str) -> LeanEngine | PrivatePodman:
        if kind not in self._engines:
            make = PrivatePodman if kind == "podman" else LeanEngine
            self._engines[kind] = self._stack.enter_context(make())
        return self._engines[kind]

    def stage(self, kind: str, moment: str) -> tuple[Scene, Kernel]:
        if (kind, moment) not in self._made:
            engine = self.engine(kind)
            start = self._stack.enter_context(starter(engine.host, self._server))
            # A stage that was dropped has left its folder and its container.
            name = f"web-{moment}-{next(self._numbers)}"
            scene = Scene(engine, self._folder / name, name)
            standby = "0" if moment == "before" else "1"
            kernel = start(
                DEXEC_CONTAINER=scene.name, DEXEC_STATUS_BAR="off", DEXEC_STANDBY=standby
            )
            self._made[kind, moment] = scene, kernel
        return self._made[kind, moment]

    def drop(self, kind: str, moment: str) -> None:
        """Let a stage go whose state a failed test has left."""
        self._made.pop((kind, moment), None)

    def end(self) -> list[str]:
        """End the kernels; return what is left in their containers."""
        for _, kernel in self._made.values():
            kernel.manager.shutdown_kernel()
        left: list[str] = []
        for scene, _ in self._made.values():
            until(lambda scene=scene: not scene.processes())  # type: ignore[misc] # a default
            left += scene.processes().values()
        return left


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory, fork_server: ForkServer) -> Iterator[Stages]:
    with ExitStack() as stack:
        made = Stages(stack, tmp_path_factory.mktemp("scenes"), fork_server)
        yield made
        assert made.end() == []


def _cells() -> Iterator[tuple[str, str, str]]:
    """The cells of the table: all of Docker's; of Podman's those that have differed.

    A pause straight after a cell comes in time, before a standby starts, on an idle machine alone.
    """
    for kind in ("docker", "podman"):
        for moment in MOMENTS:
            for fault in FAULTS:
                is_late = (moment, fault) == ("after", "paused")
                if IS_WHOLE or (kind == "docker" and not is_late) or moment == "during":
                    yield kind, moment, fault


@pytest.mark.parametrize(("kind", "moment", "fault"), list(_cells()))
def test_a_cell_meets_a_fault(stages, kind, moment, fault):
    scene, kernel = stages.stage(kind, moment)
    try:
        if fault == "recreated from another image":
            images.ensure_image(scene.host, images.NOSHELL)
            _meet_another_image(scene, kernel, moment)
            return
        result = meet(scene, kernel, FAULTS[fault], moment)
        if moment == "during" and (cause := CAUSES.get(fault)):
            assert any(word in result.reply["evalue"] for word in cause.split("|")), result.reply
    except BaseException:
        stages.drop(kind, moment)
        raise


def _meet_another_image(scene: Scene, kernel: Kernel, moment: str) -> None:
    """The new image has no shell, so that a standby or a shell of the old one cannot serve."""
    if moment == "during":
        request = kernel.send(f"echo begun; echo other >>{FOLDER}/ran; sleep 100000")
        until(lambda: scene.ran()["other"])
        _recreate(images.NOSHELL)(scene)
        assert name_of(kernel.collect(request)) in _ENDED
        assert scene.ran()["other"] == 1
    else:
        if moment == "waiting":
            until(lambda: scene.has("dexec-standby"))
        elif moment == "after":
            kernel.run("echo")
        _recreate(images.NOSHELL)(scene)
    result = kernel.run("echo next")
    assert (name_of(result), result.text()) == ("ok", "next\n")
    _recreate(images.BUSYBOX)(scene)
    assert kernel.run("echo again").text() == "again\n"
    (scene.folder / "ran").unlink(missing_ok=True)


if IS_WHOLE:

    def test_a_container_that_is_paused_straight_after_a_cell_is_not_deadlocked(stages):
        """An exec that starts just then would deadlock it inside Docker 20.10, for good."""
        scene, kernel = stages.stage("docker", "after")
        moments = random.Random(1)
        for _ in range(15):
            assert kernel.run("echo hi").text() == "hi\n"
            time.sleep(moments.uniform(0, 0.1))  # Some moment or other; each must do.
            containers.pause(scene.host, scene.id)
            assert name_of(kernel.run("echo")) == "ContainerPaused"
            containers.unpause(scene.host, scene.id)


# --- what a container has no more of --------------------------------------------------------------

PIDS, MEMORY = 24, 24 * 1024 * 1024
SMALL = {"/tmp": "size=64k"}


@pytest.fixture
def special(stages, tmp_path, fork_server):
    """A kernel in a container with options of its own, on one engine or the other."""
    with ExitStack() as stack:

        def start(kind, **options):
            engine = stages.engine(kind)
            scene = Scene(engine, tmp_path / "folder", f"special-{kind}", **options)
            stack.callback(scene.remove)
            kernel = stack.enter_context(starter(engine.host, fork_server))(
                DEXEC_CONTAINER=scene.name, DEXEC_STATUS_BAR="off"
            )
            return scene, kernel

        yield start


KINDS = pytest.mark.parametrize("kind", ["docker", "podman"] if IS_WHOLE else ["docker"])


@KINDS
def test_out_of_memory(special, kind):
    _, kernel = special(kind, memory=MEMORY)
    result = kernel.run("A=1; echo begun; exec tail /dev/zero")
    # Podman has no event for it.
    reason = "SIGKILL" if kind == "podman" else "SIGKILL, out of memory"
    assert result.reply["evalue"] == f"exit code 137 ({reason})"
    assert result.text() == "begun\n"
    assert kernel.run("echo next").text() == "next\n"


@KINDS
def test_out_of_processes(special, kind):
    """What the reply says is true: a cell that failed to start has not run; none runs twice."""
    scene, kernel = special(kind, pids=PIDS)
    kernel.run("A=1")
    until(lambda: scene.has("dexec-standby"))
    scene.occupy("while :; do sleep 99000 & done")
    until(lambda: scene.has("99000") > PIDS // 2)
    for number in range(4):
        word = f"cell-{number}"
        result = kernel.run(f"echo {word} >>{FOLDER}/ran; echo {word}; (exit 0)")
        name = name_of(result)
        if name in {"ok", "CommandFailed"}:
            assert (scene.ran()[word], result.text()) == (1, f"{word}\n")
        else:
            assert name in {"CommandNotStarted", "CellNotRun"}, result.reply
            assert scene.ran()[word] == 0
    # Its PID 1 reaps no children, so that they go on counting: a restart is what helps.
    containers.restart(scene.host, scene.id)
    assert kernel.run("echo $A").text() == "1\n"


@KINDS
@pytest.mark.parametrize(
    "options", [{"readonly": True}, {"readonly": True, "tmpfs": SMALL}], ids=["read-only", "full"]
)
def test_out_of_disk_and_read_only(special, kind, options):
    """A session needs no disk; a command that does fails with its own words."""
    scene, kernel = special(kind, **options)
    # Podman puts a tmpfs over the /tmp of a read-only container.
    file = "/tmp/file" if "tmpfs" in options else "/file"
    if "tmpfs" in options:
        containers.run(scene.host, scene.id, ["sh", "-c", "cat /dev/zero >/tmp/full"])
    big = "x" * 50_000
    assert kernel.run(f"A={big}; cd /tmp || cd /").reply["status"] == "ok"
    assert kernel.run("echo ${#A}; cat <<E\n$(seq 3)\nE").text() == "50000\n1\n2\n3\n"
    result = kernel.run(f"echo x >{file}")
    assert name_of(result) == "CommandFailed"
    assert any(word in result.text("stderr") for word in ("Read-only", "No space"))
    assert kernel.run("echo ${#A}").text() == "50000\n"
