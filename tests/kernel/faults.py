"""The faults of docs/reference/faults.md: a container and a kernel, and a cell at each moment."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devtools import containers, freezer, images, processes
from devtools.private import PrivateService
from tests.kernel.conftest import STANDBY, Kernel, Result
from tests.waiting import until

#: Where a container has the folder of this machine that its cells write to.
FOLDER = "/log"
MOMENTS = ("before", "after", "during", "waiting")
#: The whole product of faults, moments and engines, where it is asked for.
IS_WHOLE = os.environ.get("DEXEC_FAULTS") == "all"
#: The cells whose reply says that nothing has run.
NOT_RUN = frozenset(
    {
        *("ContainerNotFound", "ContainerNotRunning", "ContainerPaused", "EngineUnavailable"),
        *("CommandNotStarted", "CellNotRun"),
    }
)
_numbers = itertools.count(1)


class Scene:
    """A container on an engine, and what its cells have written to a folder of this machine."""

    def __init__(self, engine: PrivateService, folder: Path, name: str, **options: Any) -> None:
        self.engine = engine
        self.name = name
        self.folder = folder
        self.folder.mkdir(mode=0o777)
        self._options = options
        self.id = ""
        #: Whether it is of no use any more: deadlocked by Docker (:meth:`unpause`), or not empty.
        self.is_lost = False
        self.create()

    @property
    def host(self) -> str:
        return self.engine.host

    def create(self, image: str = images.BUSYBOX) -> None:
        """Run the container, under the same name as before."""
        images.ensure_image(self.host, image)
        binds = [f"{self.folder}:{FOLDER}"]
        self.id = containers.run_container(
            self.host, image, self.name, binds=binds, **self._options
        )

    def remove(self) -> None:
        containers.remove_container(self.host, self.id)

    def again(self) -> None:
        """Start the container where it does not run."""
        if not containers.inspect(self.host, self.id)["State"]["Running"]:
            containers.start(self.host, self.id)

    def ran(self) -> Counter[str]:
        """How often each cell has run, by the word that it has written first."""
        path = self.folder / "ran"
        return Counter(path.read_text().split() if path.exists() else [])

    def processes(self) -> dict[int, str]:
        """Command lines by PID, of all in the container but its PID 1; it needs no engine."""
        return {
            process.pid: f"{process.name}: {process.command}"
            for process in processes.of_container(self.id)
            # runc is what starts an exec.
            if not (process.zombie or process.name.startswith("runc"))
            and "2147483647" not in process.command
        }

    def has(self, word: str) -> int:
        """How many processes in the container have a word in their name or command line."""
        return sum(word in line for line in self.processes().values())

    def wait_until_empty(self) -> None:
        """Wait until nothing but PID 1 runs in the container; AssertionError names what does."""
        try:
            until(lambda: not self.processes())
        except AssertionError:
            self.is_lost = True  # What one test has left is no other's failure.
            raise AssertionError(self.processes()) from None

    def settle(self) -> None:
        """Wait until a cell's guardian is there, and no exec is being started any more.

        Docker 20.10 deadlocks a container that is paused while an exec starts. The cell is to be
        sent with ``allow_stdin=False``: up to its guardian's start, the kernel looks for readers of
        an open stdin by an exec.
        """
        until(lambda: self.has("dexec-guardian"))
        freezer.settle(self.host, self.id)

    def pause(self) -> None:
        containers.pause(self.host, self.id)

    def unpause(self) -> None:
        """Let the container go on. Where Docker has deadlocked it, it is lost: TimeoutError."""
        try:
            freezer.unpause(self.host, self.id)
        except TimeoutError:
            self.is_lost = True
            raise

    def occupy(self, script: str) -> None:
        """Run a script in the container, beside the kernel."""
        command = ["sh", "-c", script]
        threading.Thread(
            target=containers.run, args=(self.host, self.id, command), daemon=True
        ).start()

    def kill(self, word: str) -> None:
        """End the processes whose command line has a word."""
        for pid, line in self.processes().items():
            if word in line:
                with_start = processes.find(pid)
                if with_start is not None and not with_start.zombie:
                    os.kill(pid, signal.SIGKILL)


Act = Callable[[Scene], object]


def nothing(_scene: Scene) -> None:
    """Heal a fault that heals by itself."""


@dataclass(frozen=True)
class Fault:
    """A fault: how it strikes and is healed, and the replies of cells: an ename, or "ok".

    ``outside`` are those of a cell that comes before, after or to a standby; ``during`` those of a
    cell that runs. A fault that ``holds`` a running cell leaves it to end in its own way once it is
    healed.
    """

    strike: Act
    heal: Act
    outside: frozenset[str]
    during: frozenset[str]
    holds: bool = False


def meet(scene: Scene, kernel: Kernel, fault: Fault, moment: str) -> Result:
    """Let a fault strike at a moment, and heal. Check the cell that meets it and the next one."""
    word = f"cell-{next(_numbers)}"
    if moment == "during":
        result = _during(scene, kernel, fault, word)
    else:
        result = _outside(scene, kernel, fault, word, moment)
    name = name_of(result)
    expected = fault.during if moment == "during" else fault.outside
    assert name in expected, (name, result.reply)
    following = kernel.run("echo next")
    assert (name_of(following), following.text()) == ("ok", "next\n"), following.reply
    ran = scene.ran()
    if name == "ok":
        assert ran[word] == 1
    elif name in NOT_RUN:
        assert ran[word] == 0
    # No cell has run twice, of this fault or one before.
    assert set(ran.values()) <= {1}, ran
    return result


def name_of(result: Result) -> str:
    return str(result.reply.get("ename", "ok"))


def _outside(scene: Scene, kernel: Kernel, fault: Fault, word: str, moment: str) -> Result:
    if moment == "waiting":
        until(lambda: scene.has(STANDBY))
    elif moment == "after":
        assert kernel.run("echo").reply["status"] == "ok"
    fault.strike(scene)
    result = kernel.run(f"echo {word} >>{FOLDER}/ran; echo out {word}")
    fault.heal(scene)
    assert result.text() == (f"out {word}\n" if name_of(result) == "ok" else "")
    return result


def _during(scene: Scene, kernel: Kernel, fault: Fault, word: str) -> Result:
    go_on = scene.folder / f"go-{word}"
    request = kernel.send(
        f"echo begun; echo {word} >>{FOLDER}/ran;"
        f" until [ -e {FOLDER}/{go_on.name} ]; do sleep 0.05; done; echo done; exit 7",
        allow_stdin=not fault.holds,
    )
    until(lambda: scene.ran()[word])
    if fault.holds:
        scene.settle()
    fault.strike(scene)
    if fault.holds:
        fault.heal(scene)
        go_on.touch()
    result = kernel.collect(request)
    go_on.touch()  # It may be running on.
    if fault.holds:
        # It runs to its end: nothing is lost, and its exit code is true.
        assert result.reply["evalue"] == "exit code 7", result.reply
        assert result.text() == "begun\ndone\n"
    else:
        assert "done" not in result.text()
        # The end of the stream may have overtaken the cell's first words; then the reply says so.
        assert result.text() == "begun\n" or "Output may be missing" in result.reply["evalue"]
        fault.heal(scene)
    return result
