"""driver.sh of this machine's shells, started ahead: it waits for its cell."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from dexec_kernel.shell.commands import driver_environment, driver_stdin
from dexec_kernel.shell.marks import MarkScanner, Message
from dexec_kernel.shell.state import Session, ShellState
from tests.unit.support.local_shells import GUARD, MARK, driver, environment


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
        stdout, stderr = self.process.communicate(driver_stdin(source, MARK, update), timeout=GUARD)
        self._hear(stderr)
        self.stdout = stdout.decode()
        self.stderr = (self._printed + self._scanner.finish()).decode()

    def handed_over(self) -> ShellState:
        session = Session()
        handover = {kind: said.encode() for kind, said in self.said.items()}
        assert session.take_over(handover, env_names=("PATH", "HOME", "LANG")) == ""
        state = session.state
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
