"""What becomes of a cell when something happens to the engine, or to the kernel itself."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from devtools.engine import LeanEngine
from devtools.podman import PrivatePodman
from devtools.private import PrivateService
from tests.kernel.conftest import STANDBY, Kernel, starter
from tests.kernel.faults import FOLDER, IS_WHOLE, MOMENTS, Fault, Scene, meet, nothing
from tests.kernel.forking import ForkServer
from tests.waiting import until

_GONE = frozenset({"EngineUnavailable"})
_OK = frozenset({"ok"})
_LOST = frozenset({"ExecLost", "CommandFailed"})
_ENDS = frozenset({"CommandFailed"})


def _kill(scene: Scene) -> None:
    scene.engine.kill_daemon()
    # It dies with dockerd, and may stay a zombie: it is not to be taken for alive.
    (scene.engine.directory / "exec/containerd/containerd.pid").unlink(missing_ok=True)


def _start(scene: Scene) -> None:
    scene.engine.start_daemon()
    scene.again()


def _restart(scene: Scene) -> None:
    scene.engine.stop_daemon()
    _start(scene)


def _away(scene: Scene) -> Path:
    return scene.engine.directory / "away.sock"


FAULTS = {
    "stopped": Fault(lambda s: s.engine.stop_daemon(), _start, _GONE, _LOST),
    "killed": Fault(_kill, _start, _GONE, frozenset({"ExecLost"})),
    "frozen": Fault(
        lambda s: os.kill(s.engine.pid, signal.SIGSTOP),
        lambda s: os.kill(s.engine.pid, signal.SIGCONT),
        _GONE,
        _ENDS,
        holds=True,
    ),
    "restarted": Fault(_restart, nothing, _OK, _LOST),
    "without its socket": Fault(
        lambda s: s.engine.socket.rename(_away(s)),
        lambda s: _away(s).rename(s.engine.socket),
        # A connection that is kept goes on.
        _GONE | _OK,
        _ENDS,
        holds=True,
    ),
}
KINDS = ("docker", "docker --live-restore", "podman")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Scene]]:
    """One engine of each kind, with a container; started when it is needed.

    A container that Docker has deadlocked is left alone, and there is another one.
    """
    folder = tmp_path_factory.mktemp("scenes")
    with ExitStack() as stack:
        engines: dict[str, PrivateService] = {}
        made: dict[str, Scene] = {}
        numbers = itertools.count(1)

        def scene(kind: str) -> Scene:
            if kind not in engines:
                engines[kind] = stack.enter_context(
                    PrivatePodman() if kind == "podman" else LeanEngine(kind.split()[1:])
                )
            if kind not in made or made[kind].is_lost:
                name = f"web-{next(numbers)}"
                made[kind] = Scene(engines[kind], folder / name, name)
            return made[kind]

        yield scene


@pytest.fixture
def start(fork_server: ForkServer) -> Iterator[Callable[..., Kernel]]:
    """Start a kernel of a scene; by its kernelspec where it is its end that is tested."""
    with ExitStack() as stack:

        def begin(scene: Scene, *, installed: bool = False, **settings: str) -> Kernel:
            begun = stack.enter_context(starter(scene.host, None if installed else fork_server))
            named = {"DEXEC_CONTAINER": scene.name, "DEXEC_STATUS_BAR": "off", **settings}
            return begun(**named)

        yield begin


#: The cells of the table that stand for all: each fault at least once, on each kind of engine.
CHOSEN = {
    *(("docker", "during", fault) for fault in FAULTS),
    ("docker", "waiting", "killed"),
    ("docker", "waiting", "frozen"),
    ("docker", "after", "without its socket"),
    ("docker --live-restore", "waiting", "restarted"),
    ("docker --live-restore", "during", "restarted"),
    ("podman", "waiting", "restarted"),
    ("podman", "during", "killed"),
}
ALL = [(kind, moment, fault) for kind in KINDS for moment in MOMENTS for fault in FAULTS]


@pytest.mark.parametrize(
    ("kind", "moment", "fault"), [cell for cell in ALL if IS_WHOLE or cell in CHOSEN]
)
def test_a_cell_meets_a_fault(scenes, start, kind, moment, fault):
    scene = scenes(kind)
    kernel = start(scene, DEXEC_STANDBY="0" if moment == "before" else "1")
    kernel.run("A=1")
    meet(scene, kernel, FAULTS[fault], moment)
    kernel.manager.shutdown_kernel()
    scene.wait_until_empty()


@pytest.mark.parametrize("kind", KINDS if IS_WHOLE else ["docker --live-restore"])
def test_what_an_engine_has_kept_through_a_restart_is_ended(scenes, start, kind):
    """An engine with live-restore keeps standbys and guardians, and forgets their connections."""
    scene = scenes(kind)
    kernel = start(scene)
    kernel.run("A=1")
    until(lambda: scene.has(STANDBY))
    before = set(scene.processes())
    _kill(scene)
    _start(scene)
    assert kernel.run("echo $A").text() == "1\n"
    until(lambda: not before & set(scene.processes()))

    request = kernel.send(f"echo lost-{kind[-4:]} >>{FOLDER}/ran; sleep 100000")
    until(lambda: scene.has("dexec-guardian"))
    kernel.turn()
    _kill(scene)
    reply = kernel.collect(request).reply
    assert reply["ename"] == "ExecLost"
    _start(scene)
    assert kernel.run("echo $A").text() == "1\n"
    # The guardian of that cell is ended now, and the lost cell itself with the kernel.
    until(lambda: not scene.has("dexec-guardian"))
    kernel.manager.shutdown_kernel()
    scene.wait_until_empty()


# --- the kernel -----------------------------------------------------------------------------------

SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("kind", ["docker", "podman"] if IS_WHOLE else ["docker"])
@pytest.mark.parametrize("moment", MOMENTS if IS_WHOLE else ["during", "waiting"])
@pytest.mark.parametrize("number", SIGNALS)
def test_nothing_is_left_of_a_kernel_that_ends(scenes, start, kind, moment, number):
    scene = scenes(kind)
    kernel = start(scene, installed=True, DEXEC_STANDBY="0" if moment == "before" else "1")
    kernel.run("A=1")
    if moment == "waiting":
        until(lambda: scene.has(STANDBY))
    elif moment == "during":
        kernel.send("sleep 100000 & sleep 100000")
        until(lambda: scene.has("dexec-guardian"))
        kernel.turn()
    kernel.manager.signal_kernel(number)
    until(lambda: not kernel.manager.is_alive())
    scene.wait_until_empty()


@pytest.mark.parametrize("kind", ["docker", "podman"])
def test_sigterm_ends_a_kernel_whose_engine_is_frozen_and_its_cell(scenes, start, kind):
    """Its cell is ended from this machine; what else waits there ends with its connection."""
    scene = scenes(kind)
    kernel = start(scene, installed=True)
    kernel.send(f"echo {kind} >>{FOLDER}/ran; trap '' INT TERM; while :; do sleep 100000; done")
    until(lambda: scene.has("dexec-guardian"))
    kernel.turn()
    os.kill(scene.engine.pid, signal.SIGSTOP)
    try:
        kernel.manager.signal_kernel(signal.SIGTERM)
        until(lambda: not kernel.manager.is_alive())
        until(lambda: not scene.has("100000"))
    finally:
        os.kill(scene.engine.pid, signal.SIGCONT)
    scene.wait_until_empty()


# --- interrupts where no exec can start -----------------------------------------------------------


@pytest.mark.parametrize("kind", ["docker", "podman"])
def test_a_cell_interrupted_in_a_paused_container_ends_when_that_goes_on(scenes, start, kind):
    scene = scenes(kind)
    kernel = start(scene)
    request = kernel.send(f"echo p-{kind} >>{FOLDER}/ran; sleep 100000", allow_stdin=False)
    scene.settle()
    kernel.turn()
    scene.pause()
    try:
        kernel.interrupt()
        reply = kernel.collect(request).reply
        assert reply["ename"] == "KeyboardInterrupt"
        said = "".join(reply["traceback"])
        assert "until they can be ended" in said
        assert "is paused" in said
        assert scene.has("sleep 100000")
    finally:
        scene.unpause()
    until(lambda: not scene.has("sleep 100000"))
    assert kernel.run("echo next").text() == "next\n"


@pytest.mark.parametrize("kind", ["docker", "podman"])
def test_a_kernel_that_ends_while_its_container_is_paused(scenes, start, kind):
    scene = scenes(kind)
    kernel = start(scene, installed=True)
    kernel.send(
        f"echo e-{kind} >>{FOLDER}/ran; trap '' INT TERM; while :; do sleep 100000; done",
        allow_stdin=False,
    )
    scene.settle()
    kernel.turn()
    scene.pause()
    try:
        kernel.manager.signal_kernel(signal.SIGTERM)
        until(lambda: not kernel.manager.is_alive())
    finally:
        scene.unpause()
    scene.wait_until_empty()


@pytest.mark.parametrize("kind", ["docker", "podman"] if IS_WHOLE else ["docker"])
def test_an_interrupt_while_the_engine_is_frozen(scenes, start, kind):
    scene = scenes(kind)
    kernel = start(scene)
    request = kernel.send(f"echo f-{kind} >>{FOLDER}/ran; sleep 100000")
    until(lambda: scene.ran()[f"f-{kind}"])
    # The kernel asks for its PID by now.
    until(lambda: scene.has("dexec-guardian"))
    kernel.turn()
    os.kill(scene.engine.pid, signal.SIGSTOP)
    try:
        kernel.interrupt()
        reply = kernel.collect(request).reply
        assert reply["evalue"] == "interrupted by SIGINT"
        assert not scene.has("sleep 100000")
    finally:
        os.kill(scene.engine.pid, signal.SIGCONT)
    assert kernel.run("echo next").text() == "next\n"


def test_an_interrupt_of_a_fork_bomb(start, scenes, tmp_path):
    """No exec starts for the signals: they come from this machine."""
    scene = Scene(scenes("docker").engine, tmp_path / "bomb", "bomb", pids=24)
    try:
        os.mkfifo(scene.folder / "never")
        kernel = start(scene, DEXEC_INTERRUPT_GRACE="0.3")
        request = kernel.send(
            f"(while :; do sleep 100000 & done) 2>/dev/null; echo bomb >>{FOLDER}/ran;"
            f" trap '' INT TERM; read line <>{FOLDER}/never"
        )
        until(lambda: scene.ran()["bomb"])
        kernel.turn()
        kernel.interrupt()
        reply = kernel.collect(request).reply
        assert reply["evalue"] == "killed (SIGKILL)", reply
        assert not scene.has("100000")
    finally:
        scene.remove()
