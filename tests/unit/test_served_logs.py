"""The logs that a server may serve: their URLs, and nothing else's file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dexec_kernel.served_logs import announce, log_name, open_log, url_of

FOLDER, NAME = "kernel-12-ab_c3", "cell-0001.log"


@pytest.fixture
def parent(tmp_path) -> Path:
    folder = tmp_path / "dexec" / FOLDER
    folder.mkdir(parents=True)
    (folder / NAME).write_text("the log")
    (tmp_path / "secret").write_text("not for you")
    return tmp_path / "dexec"


def read(parent: Path, folder: str, name: str) -> bytes:
    with os.fdopen(open_log(parent, folder, name), "rb") as file:
        return file.read()


def test_a_log_of_this_user_is_opened(parent):
    assert read(parent, FOLDER, NAME) == b"the log"
    assert log_name(1) == NAME


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("..", "secret"),
        (f"../dexec/{FOLDER}", NAME),
        (FOLDER, "../../secret"),
        (FOLDER, "lock"),
        (FOLDER, f"{NAME}\n"),
        (FOLDER, f"{NAME}\0"),
        (f"{FOLDER}/", NAME),
        (f"/{FOLDER}", NAME),
        ("kernel-\uff11-a", NAME),
        (FOLDER, "cell-0002.log"),
        ("kept-1-a", NAME),
        ("", ""),
    ],
)
def test_nothing_else_is_opened(parent, folder, name):
    with pytest.raises(OSError, match=r"."):
        open_log(parent, folder, name)


@pytest.mark.parametrize("where", ["parent", "folder", "name", "hard link", "pipe", "directory"])
def test_no_link_is_followed(parent, where):
    log = parent / FOLDER / NAME
    match where:
        case "parent":
            real = parent.rename(parent.with_name("real"))
            parent.symlink_to(real)
        case "folder":
            real = log.parent.rename(parent / "real")
            log.parent.symlink_to(real)
        case "name":
            log.unlink()
            log.symlink_to("../../secret")
        case "hard link":
            log.unlink()
            log.hardlink_to(parent.parent / "secret")
        case "pipe":
            log.unlink()
            os.mkfifo(log)
        case "directory":
            log.unlink()
            log.mkdir()
    with pytest.raises(OSError, match=r"."):
        open_log(parent, FOLDER, NAME)


def test_a_file_of_another_user_is_not_served(parent, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(PermissionError):
        open_log(parent, FOLDER, NAME)


def test_the_url_of_a_log(parent):
    environment: dict[str, str] = {}
    log = str(parent / FOLDER / NAME)
    assert url_of(log, environment) is None
    announce(environment, "/user/ada/dexec/logs/", parent)
    assert url_of(log, environment) == f"/user/ada/dexec/logs/{FOLDER}/{NAME}"
    assert url_of(None, environment) is None
    # A kernel with another runtime folder, or that of another user.
    assert url_of(f"/elsewhere/{FOLDER}/{NAME}", environment) is None
    assert url_of(str(parent / FOLDER / "other"), environment) is None


@pytest.mark.parametrize("url", ["javascript:alert(1)//", "https://example.com/", ""])
def test_a_url_that_is_no_path_is_no_link(parent, url):
    environment: dict[str, str] = {}
    announce(environment, url, parent)
    assert url_of(str(parent / FOLDER / NAME), environment) is None
