"""driver.sh of this machine's shells, started ahead: it waits for its cell."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from dexec_kernel.backend.models import Frame, Stream
from dexec_kernel.cells.driver import Driver, Event, HandedOver, HasCell, Started
from dexec_kernel.shell.commands import driver_stdin
from dexec_kernel.shell.state import ShellState
from dexec_kernel.shell.takeover import put_together
from tests.unit.support.local_shells import GUARD, MARKS, driver, environment


class Waiting:
    """A driver that waits. ``events`` are its words, ``stderr`` and ``stdout`` the cell's."""

    def __init__(self, shell: str, folder: Path, state: ShellState | None = None) -> None:
        env = environment(state, hand_over=True, standby=True, folder=state.folder if state else "")
        self.process = subprocess.Popen(
            driver(shell),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=env,
        )
        assert self.process.stderr is not None
        self._driver = Driver(MARKS)
        self.events: list[Event] = []
        self._printed = b""
        while not self.all(Started):
            self._hear(os.read(self.process.stderr.fileno(), 65536))

    def all(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def folder(self) -> str:
        """Where the cell ran."""
        [event] = self.all(HasCell)
        return event.folder

    def run(self, source: str, update: bytes = b"") -> None:
        data = driver_stdin(source, MARKS, update)
        stdout, stderr = self.process.communicate(data, timeout=GUARD)
        self._hear(stderr)
        self.stdout = stdout.decode()
        rest = b"".join(frame.data for frame in self._driver.finish())
        self.stderr = (self._printed + rest).decode()

    def handed_over(self) -> ShellState:
        [event] = self.all(HandedOver)
        state, dropped = put_together(event.handover, ("PATH", "HOME", "LANG"), None)
        assert dropped == []
        return state

    def _hear(self, data: bytes) -> None:
        assert data or self.process.returncode is not None, "it has ended"
        for item in self._driver.feed(Frame(Stream.STDERR, data)):
            if isinstance(item, Frame):
                self._printed += item.data
            else:
                self.events.append(item)

    @property
    def name(self) -> str:
        return Path(f"/proc/{self.process.pid}/comm").read_text().strip()
