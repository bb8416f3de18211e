"""Fixtures of the tests of shells: drivers that wait for their cells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dexec_kernel.shell.state import ShellState
from tests.unit.support.standby_driver import Waiting


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
