"""A private folder: locked by its owner, removed with it or by a later one."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dexec_kernel import folders
from dexec_kernel.folders import OwnedFolder, remove_abandoned

PREFIX = "owner-"


@pytest.fixture
def parent(tmp_path):
    return tmp_path / "a" / "b"


def abandon(parent):
    """Make a folder whose owner is gone without having removed it."""
    code = (
        "import sys, time; from pathlib import Path;"
        "from dexec_kernel.folders import OwnedFolder;"
        f"folder = OwnedFolder(Path(sys.argv[1]), {PREFIX!r});"
        "print(folder.path, flush=True); time.sleep(3600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(parent)], stdout=subprocess.PIPE
    ) as process:
        path = Path(process.stdout.readline().decode().strip())
        remove_abandoned(parent, PREFIX)
        assert path.is_dir(), "its owner lives"
        process.send_signal(signal.SIGKILL)
    return path


def test_a_folder_is_private_and_vanishes(parent):
    folder = OwnedFolder(parent, PREFIX)
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert folder.path.name.startswith(f"{PREFIX}{os.getpid()}-")
    (folder.path / "below").mkdir()
    remove_abandoned(parent, PREFIX)
    assert folder.is_open
    assert folder.path.is_dir()
    folder.close()
    assert not folder.is_open
    folder.close()
    assert list(parent.iterdir()) == []


def test_what_a_killed_owner_left_is_removed(parent):
    path = abandon(parent)
    other = parent / "other-1-x"
    other.mkdir()
    os.utime(other, (0, 0))
    assert path.is_dir()
    remove_abandoned(parent, PREFIX)
    assert list(parent.iterdir()) == [other]


def test_a_folder_without_a_lock_is_abandoned_once_it_is_old(parent):
    young, old = parent / f"{PREFIX}1-x", parent / f"{PREFIX}2-y"
    for path in (young, old):
        path.mkdir(parents=True)
    os.utime(old, (time.time() - 100,) * 2)
    remove_abandoned(parent, PREFIX)
    assert young.exists()
    assert not old.exists()


def test_there_is_nothing_to_remove(parent):
    remove_abandoned(parent, PREFIX)


def test_a_folder_that_another_process_removes_is_made_again(parent, monkeypatch):
    made = []
    take_lock = folders._take_lock

    def take_second(path):
        made.append(path)
        if len(made) == 1:
            path.rmdir()
        return take_lock(path)

    monkeypatch.setattr(folders, "_take_lock", take_second)
    folder = OwnedFolder(parent, PREFIX)
    assert made[1:] == [folder.path]
    folder.close()


def test_a_folder_that_is_removed_each_time_is_an_error(parent, monkeypatch):
    monkeypatch.setattr(folders, "_take_lock", lambda _path: None)
    with pytest.raises(OSError, match="Another process"):
        OwnedFolder(parent, PREFIX)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="Not a directory"):
        OwnedFolder(tmp_path / "file" / "below", PREFIX)


def test_a_folder_that_cannot_be_removed_is_logged(parent, monkeypatch, caplog):
    path = abandon(parent)

    def fail(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("shutil.rmtree", fail)
    remove_abandoned(parent, PREFIX)
    assert f"The folder {path} cannot be removed" in caplog.text
