"""driver.sh started ahead: it waits for a cell, and says when it has it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dexec_kernel.cells.workspace import Session
from dexec_kernel.shell.commands import driver_environment, driver_stdin
from dexec_kernel.shell.marks import MarkScanner, Message
from dexec_kernel.shell.state import ShellState
from dexec_kernel.shell.update import update_between
from tests.unit.support.local_shells import MARK, driver, each_shell, environment, run_cell


class Waiting:
    """A driver that waits. ``said`` are its messages, ``stderr`` and ``stdout`` the cell's."""

    def __init__(self, shell: str, folder: Path, state: ShellState | None = None) -> None:
        env = environment(state) | driver_environment(MARK, hand_over=True, standby=True)
        if state is not None:
            env["DEXEC_FOLDER"] = state.folder
        self.process = subprocess.Popen(
            driver(shell),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=env,
        )
        assert self.process.stderr is not None
        self._scanner = MarkScanner(MARK, messages=16)
        self.said: dict[str, str] = {}
        self._printed = b""
        while "start" not in self.said:
            self._hear(os.read(self.process.stderr.fileno(), 65536))

    def run(self, source: str, update: bytes = b"") -> None:
        stdout, stderr = self.process.communicate(driver_stdin(source, MARK, update), timeout=20)
        self._hear(stderr)
        self.stdout = stdout.decode()
        self.stderr = (self._printed + self._scanner.finish()).decode()

    def handed_over(self) -> ShellState:
        session = Session()
        handover = {kind: said.encode() for kind, said in self.said.items()}
        assert session.take_over("c", handover, env_names=("PATH", "HOME", "LANG")) == ""
        state = session.state("c")
        assert state is not None
        return state

    def _hear(self, data: bytes) -> None:
        assert data or self.process.returncode is not None, "it has ended"
        for item in self._scanner.feed(data):
            if isinstance(item, Message):
                kind, _, said = item.data.partition(b" ")
                self.said[kind.decode()] = said.decode()
            else:
                self._printed += item

    @property
    def name(self) -> str:
        return Path(f"/proc/{self.process.pid}/comm").read_text().strip()


@pytest.fixture
def wait(tmp_path: Path) -> Iterator[type[Waiting]]:
    started: list[Waiting] = []

    def start(shell: str, state: ShellState | None = None, folder: Path = tmp_path) -> Waiting:
        started.append(Waiting(shell, folder, state))
        return started[-1]

    yield start  # type: ignore[misc] # called alike
    for waiting in started:
        waiting.process.kill()
        waiting.process.communicate()


def state_after(shell: str, source: str) -> ShellState:
    session = Session()
    result = run_cell(shell, source, env=environment(hand_over=True))
    session.take_over("c", result.handover, env_names=("PATH", "HOME", "LANG"))
    state = session.state("c")
    assert state is not None
    return state


@each_shell
def test_it_runs_the_cell_that_comes(wait, shell, tmp_path):
    waiting = wait(shell)
    assert waiting.said == {"start": f"{waiting.process.pid} {tmp_path}"}
    waiting.run("echo hi; echo oh >&2; exit 3")
    assert (waiting.stdout, waiting.stderr) == ("hi\n", "oh\n")
    assert waiting.process.returncode == 3
    assert waiting.said["cell"] == str(tmp_path)
    assert waiting.handed_over().folder == str(tmp_path)


@each_shell
def test_it_has_a_name_of_its_own_while_it_waits(wait, shell):
    waiting = wait(shell)
    deadline = time.monotonic() + 5
    while waiting.name != "dexec-standby" and time.monotonic() < deadline:
        time.sleep(0.01)  # It speaks first.
    assert waiting.name == "dexec-standby"
    waiting.run("read -r name </proc/$$/comm; echo $name")
    assert waiting.stdout.strip() in {"bash", "dash", "busybox", "sh"}


@each_shell
@pytest.mark.parametrize("sent", [b"", b"echo half of a cell\n", b"export A=1\ndexec:"])
def test_it_ends_with_its_stdin_and_runs_no_half_cell(wait, shell, sent):
    waiting = wait(shell)
    stdout, stderr = waiting.process.communicate(sent, timeout=10)
    assert (waiting.process.returncode, stdout, stderr) == (125, b"", b"")


@each_shell
def test_the_session_is_there_and_can_have_gone_on(wait, shell, tmp_path):
    before = state_after(shell, f"A=1; cd {tmp_path}; alias say='echo old'")
    waiting = wait(shell, before)
    folder = tmp_path / "it's here"
    folder.mkdir()
    change = f'A=2; B="3  \'\n4"; cd "{folder}"; alias say=\'echo new\'; set -f'
    after = run_cell(shell, change, env=environment(before, hand_over=True))
    session = Session()
    session.take_over("c", after.handover, env_names=("PATH", "HOME", "LANG"))
    update = update_between(before, session.state("c"))
    assert update
    waiting.run('echo $A "$B"; pwd; say it; echo *', update)
    assert waiting.stdout == f"2 3  '\n4\n{folder}\nnew it\n*\n"
    assert waiting.said["cell"] == str(folder)


@each_shell
def test_it_waits_in_a_folder_that_is_made_anew(wait, shell, tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    waiting = wait(shell, state_after(shell, f"cd {folder}"))
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "new").touch()
    waiting.run("echo *; pwd")
    assert waiting.stdout == f"new\n{folder}\n"


@each_shell
def test_where_the_folder_is_gone_it_is_where_it_began(wait, shell, tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    waiting = wait(shell, state_after(shell, f"cd {folder}"))
    folder.rmdir()
    waiting.run("pwd")
    assert waiting.stdout == f"{tmp_path}\n"
    assert waiting.said["cell"] == str(tmp_path)


@each_shell
def test_cd_goes_back_to_where_the_session_was(wait, shell, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    waiting = wait(shell, state_after(shell, f"cd {first}; cd {second}"))
    waiting.run("cd - >/dev/null; pwd")
    assert waiting.stdout == f"{first}\n"


def test_bash_counts_seconds_from_the_beginning_of_the_cell(wait):
    waiting = wait("bash")
    waiting.run("echo $SECONDS")
    assert waiting.stdout == "0\n"


@each_shell
def test_a_cell_sees_none_of_our_names(wait, shell):
    waiting = wait(shell)
    waiting.run("set | grep -i '^_*dexec'; env | grep -i dexec; echo $#")
    assert waiting.stdout == "0\n"
