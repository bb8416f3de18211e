"""The surroundings of the command: no engine, and nothing of the developer's own."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def environment(tmp_path, monkeypatch):
    """Point everything at an empty folder."""
    for name in [*os.environ]:
        if name.startswith(("DOCKER_", "DEXEC_", "JUPYTER_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
