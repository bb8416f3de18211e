"""Demo and lab: whatever a user can cause ends in words."""

from __future__ import annotations

from http.client import RemoteDisconnected

import pytest

from devtools import api, session
from devtools.demo import run as run_demo
from devtools.engine import EngineStartError
from devtools.packages import PackagesError

REFUSED = api.ApiError(403, "no containers for you")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (session.NotReadyError("start one"), "start one\n"),
        (session.NotReadyError(), ""),
        (REFUSED, "the engine refuses: no containers for you (status 403)\n"),
        (EngineStartError("dockerd did not come up"), "EngineStartError: dockerd did not"),
        (PackagesError("apt-get: not found"), "PackagesError: apt-get: not found\n"),
        (PermissionError(13, "Permission denied", "build"), "PermissionError: [Errno 13]"),
        (RemoteDisconnected("gone"), "RemoteDisconnected: gone\n"),
    ],
)
def test_an_error_ends_in_its_message(error, words, capsys):
    def main() -> int:
        raise error

    assert session.ended(main) == 1
    shown = capsys.readouterr().err
    assert shown.startswith(words)
    assert bool(shown) == bool(words)


def test_other_endings():
    def interrupted() -> int:
        raise KeyboardInterrupt

    assert session.ended(lambda: 7) == 7
    assert session.ended(interrupted) == 130


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("unix:///nonexistent/engine.sock", "at unix:///nonexistent/engine.sock: no such file"),
        ("gopher://x", "gopher://x"),
    ],
)
def test_without_an_engine_an_ordinary_user_is_told_what_to_do(address, words, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", address)
    monkeypatch.setattr(session, "find_running", lambda: None)
    monkeypatch.setattr(session.os, "geteuid", lambda: 1000)
    with pytest.raises(session.NotReadyError, match=words), session.engine():
        pass


def test_a_notebook_that_is_none(tmp_path):
    path = tmp_path / "x.ipynb"
    path.write_text("no JSON")
    with pytest.raises(session.NotReadyError, match=r"x\.ipynb is not a notebook"):
        run_demo(path, "unix:///x", "web", kernel="dexec")
