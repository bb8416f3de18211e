"""The shells of this machine, and the driver and the signals run by them without a container."""

from __future__ import annotations

import os
import shutil
import signal as signals_module
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, TypeVar

import pytest

from dexec_kernel.backend.models import Frame, Stream
from dexec_kernel.cells.driver import (
    Background,
    Driver,
    Event,
    FolderLost,
    HandedOver,
    HasCell,
    Started,
)
from dexec_kernel.shell.commands import (
    DriverOptions,
    Program,
    Shell,
    driver_command,
    driver_environment,
    driver_stdin,
    signal_program,
)
from dexec_kernel.shell.handover import Handover
from dexec_kernel.shell.marks import Marks
from dexec_kernel.shell.state import ShellState
from dexec_kernel.shell.takeover import initial_state, put_together

T = TypeVar("T")
MARKS = Marks("dexec:0123456789abcdef:", "dexec:fedcba9876543210:")
PROGRAMS = {"bash": ["bash"], "dash": ["dash"], "busybox": ["busybox", "sh"]}
#: Shells that images have more seldom, as an image's `sh`.
OTHER_PROGRAMS = {
    "mksh": ["mksh"],
    "yash": ["yash", "-o", "posixly-correct"],
    "zsh": ["zsh", "--emulate", "sh"],
}
#: In seconds: when a program is taken for one that hangs.
GUARD = float(os.environ.get("DEXEC_TEST_GUARD", "240"))


def each_shell(function: Any) -> Any:
    """Run a test under every shell."""
    return pytest.mark.parametrize("shell", PROGRAMS)(function)


def program(shell: str) -> list[str]:
    name, *rest = (PROGRAMS | OTHER_PROGRAMS).get(shell, [shell])
    path = shutil.which(name)
    if path is None:
        package = "busybox-static" if name == "busybox" else name
        pytest.skip(f"this machine has no {name}: apt-get install {package}")
    return [path, *rest]


def until(look: Callable[[], T]) -> T:
    """Look again and again at the work of another process; return the first true value."""
    given_up = time.monotonic() + GUARD
    while not (found := look()):
        assert time.monotonic() < given_up, found
        time.sleep(0.005)
    return found


def driver(shell: str, parts: Sequence[str] = ()) -> list[str]:
    name = "bash" if shell == "bash" else "sh"
    return [*program(shell), *driver_command(Shell(name))[1:], *parts]


def plain_environment() -> dict[str, str]:
    """Return the environment that a container would give to a process."""
    given = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**given, "HOSTNAME": "container"}


def environment(
    state: ShellState | None = None,
    *,
    hand_over: bool = False,
    marks: Marks = MARKS,
    folder: str = "",
    **options: bool,
) -> dict[str, str]:
    """Return the environment of the driver: the container's, with the kernel's additions."""
    ours = driver_environment(marks, state, DriverOptions(keep=hand_over, **options), folder=folder)
    return {**plain_environment(), **ours}


def script(shell: str, ours: Program) -> list[str]:
    """Return the command that runs a script of ours in a shell of this machine."""
    env = [f"{name}={value}" for name, value in ours.env.items()]
    return ["env", *env, *program(shell), *ours.command[1:]]


def signals(shell: str, signal: str, leader: int) -> list[str]:
    return script(shell, signal_program(Shell.SH, signal, leader))


class Result:
    """The result of a cell: ``events`` are the driver's, ``stdout`` and ``stderr`` its own."""

    def __init__(self, exit_code: int, stdout: bytes, stderr: bytes, marks: Marks = MARKS) -> None:
        self.exit_code = exit_code
        self._is_in_parts = f"{marks.secret}parts ".encode() in stderr
        heard = Driver(marks)
        items = [
            *heard.feed(Frame(Stream.STDERR, stderr)),
            *heard.feed(Frame(Stream.STDOUT, stdout)),
            *heard.finish(),
        ]
        self.events: list[Event] = [item for item in items if not isinstance(item, Frame)]
        output = {Stream.STDOUT: b"", Stream.STDERR: b""}
        for item in items:
            if isinstance(item, Frame):
                output[item.stream] += item.data
        self.stdout = output[Stream.STDOUT].decode(errors="replace")
        self.stderr = output[Stream.STDERR].decode(errors="replace")

    def all(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def greetings(self) -> list[str]:
        return [f"{event.pid} {event.folder}" for event in self.all(Started)]

    @property
    def ran(self) -> bool:
        return bool(self.all(HasCell))

    @property
    def folder_lost(self) -> bool:
        return bool(self.all(FolderLost))

    @property
    def background(self) -> bool:
        return bool(self.all(Background))

    @property
    def in_parts(self) -> bool:
        """Whether the state came in parts, since another process had the output."""
        return self._is_in_parts

    @property
    def handover(self) -> Handover | None:
        found = self.all(HandedOver)
        return found[-1].handover if found else None


def run_cell(
    shell: str,
    source: str,
    *,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    input: bytes | None = None,  # noqa: A002 -- as subprocess has it
    timeout: float = GUARD,
    marks: Marks = MARKS,
) -> Result:
    """Run one cell to the end of its streams."""
    data = driver_stdin(source, marks) if input is None else input
    return _run(
        driver(shell),
        cwd,
        env if env is not None else environment(marks=marks),
        data,
        timeout,
        marks,
    )


def run_arguments(shell: str, parts: Sequence[str]) -> Result:
    """Run a cell whose text comes as arguments, with a stdin that has nothing."""
    marks = Marks(MARKS.greeting, MARKS.greeting)
    return _run(driver(shell, parts), None, environment(marks=marks), b"", GUARD, marks)


def _run(  # noqa: PLR0917 -- private
    command: list[str],
    cwd: Path | None,
    env: dict[str, str],
    data: bytes,
    timeout: float,
    marks: Marks,
) -> Result:
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=env,
        # As in a container. With a preexec_fn Python would fork, and copy the tests' large process.
        start_new_session=True,
    ) as process:
        try:
            stdout, stderr = process.communicate(data, timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signals_module.SIGKILL)
            stdout, stderr = process.communicate()
            pytest.fail(f"the cell did not end: {stdout!r} {stderr!r}")
    return Result(process.returncode, stdout, stderr, marks)


def run_shared_cell(
    shell: str, source: str, release: Path, *, marks: Marks = MARKS, **options: Any
) -> Result:
    """Run a cell that leaves a process with its output; touch ``release`` once the shell has said.

    ``options`` are those of ``subprocess.Popen``, and ``input``.
    """
    given = options.pop("input", driver_stdin(source, marks))
    told = f"{marks.secret}background ".encode()
    pieces = [b""]
    with (
        ThreadPoolExecutor(2) as others,
        subprocess.Popen(
            driver(shell),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **{"env": environment(), **options},
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        others.submit(_send, process.stdin, given)
        stdout = others.submit(process.stdout.read)
        while piece := os.read(process.stderr.fileno(), 65536):
            if told in pieces[-1][-len(told) :] + piece:
                release.touch()
            pieces.append(piece)
        code = process.wait(GUARD)
        return Result(code, stdout.result(), b"".join(pieces), marks)


def _send(stdin: IO[bytes], data: bytes) -> None:
    with stdin:
        stdin.write(data)


class Cells:
    """Cells one after the other in one session, as the kernel runs them.

    ``note`` is the user's message about the state after the last one.
    """

    def __init__(self, shell: str, cwd: Path, **variables: str) -> None:
        self.shell = shell
        self.cwd = cwd
        self._variables = variables
        self.state = initial_state(variables)
        self.dropped: list[str] = []
        self.handed_over = True

    def __call__(
        self, source: str, *, stdin: bytes = b"", release: Path | None = None, **options: bool
    ) -> Result:
        """Run a cell. Its background processes may wait for ``release``."""
        marks = Marks.new()
        folder = self.state.folder if self.state else ""
        ours = environment(self.state, hand_over=True, marks=marks, folder=folder, **options)
        given = {
            "cwd": self.cwd,
            "env": {**plain_environment(), **self._variables, **ours},
            "input": driver_stdin(source, marks) + stdin,
        }
        if release is None:
            result = run_cell(self.shell, source, marks=marks, **given)
        else:
            release.unlink(missing_ok=True)
            result = run_shared_cell(self.shell, source, release, marks=marks, **given)
        names = ("PATH", "LANG", *self._variables)
        self.dropped = []
        for event in result.all(HasCell):
            if event.failed and self.state:
                self.state = self.state.without(event.failed)
                self.dropped += event.failed
        self.handed_over = result.handover is not None
        if result.handover is not None:
            self.state, dropped = put_together(result.handover, names, self.state)
            self.dropped += dropped
        return result
