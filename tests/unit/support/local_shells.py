"""The shells of this machine, and the driver and the signals run by them without a container."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, TypeVar

import pytest

from dexec_kernel.shell.commands import (
    Shell,
    driver_command,
    driver_environment,
    driver_stdin,
    signal_command,
)
from dexec_kernel.shell.marks import MarkScanner, Message
from dexec_kernel.shell.state import ShellState

T = TypeVar("T")
MARK = "dexec:0123456789abcdef:"
#: In seconds: when a program is taken for one that hangs.
GUARD = 240
PROGRAMS = {"bash": ["bash"], "dash": ["dash"], "busybox": ["busybox", "sh"]}


def each_shell(function):
    """Run a test under every shell."""
    return pytest.mark.parametrize("shell", PROGRAMS)(function)


def program(shell: str) -> list[str]:
    name, *rest = PROGRAMS[shell]
    path = shutil.which(name)
    if path is None:
        package = "busybox-static" if name == "busybox" else name
        pytest.skip(f"this machine has no {name}: apt-get install {package}")
    return [path, *rest]


def until(look: Callable[[], T]) -> T:
    """Look again and again at what another process changes; return the first that is true."""
    given_up = time.monotonic() + GUARD
    while not (found := look()):
        assert time.monotonic() < given_up, found
        time.sleep(0.005)
    return found


def driver(shell: str, parts: Sequence[str] = ()) -> list[str]:
    return [*program(shell), *driver_command(Shell.SH)[1:], *parts]


def environment(state: ShellState | None = None, *, hand_over: bool = False) -> dict[str, str]:
    """What a container would give to the driver, and what the kernel adds."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    ours = driver_environment(MARK, hand_over=hand_over)
    return {**kept, **ours, **(state.environment() if state else {})}


def signals(shell: str, signal: str, leader: int) -> list[str]:
    return [*program(shell), *signal_command(Shell.SH, signal, leader)[1:]]


class Result:
    """What a cell did: ``greeting`` is the driver's, ``stderr`` what is left without it."""

    def __init__(self, done: subprocess.CompletedProcess[bytes]) -> None:
        self.exit_code = done.returncode
        self.stdout = done.stdout.decode()
        scanner = MarkScanner(MARK, messages=2_500)
        items = scanner.feed(done.stderr)
        rest = b"".join(item for item in items if isinstance(item, bytes)) + scanner.finish()
        self.stderr = rest.decode(errors="replace")
        messages = [item.data.partition(b" ") for item in items if isinstance(item, Message)]
        self.greetings = [said.decode() for kind, _, said in messages if kind == b"start"]
        self.handover = {kind.decode(): said for kind, _, said in messages if kind != b"start"}


def run_cell(shell: str, source: str, *, cwd: Path | None = None, **options: object) -> Result:
    """Run a cell as the kernel does, or with what ``options`` say to ``subprocess.run``."""
    given = {
        "input": driver_stdin(source, MARK),
        "timeout": GUARD,
        "env": environment(),
        **options,
    }
    done = subprocess.run(driver(shell), capture_output=True, check=False, cwd=cwd, **given)
    return Result(done)


def run_shared_cell(shell: str, source: str, release: Path, **options: Any) -> Result:
    """Run a cell that leaves a process with its output; touch ``release`` once the shell has said.

    ``options`` are those of ``subprocess.Popen``, and ``input``.
    """
    given = options.pop("input", driver_stdin(source, MARK))
    told = f"{MARK}background ".encode()
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
        return Result(subprocess.CompletedProcess([], code, stdout.result(), b"".join(pieces)))


def _send(stdin: IO[bytes], data: bytes) -> None:
    with stdin:
        stdin.write(data)


def run_arguments(shell: str, parts: Sequence[str]) -> Result:
    """Run a cell that is handed over as arguments."""
    command = driver(shell, parts)
    return Result(
        subprocess.run(
            command,
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=GUARD,
            env=environment(),
        )
    )
