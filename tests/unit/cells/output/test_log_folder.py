"""The folder of a kernel's logs: private, removed with the kernel, unless it is kept."""

from __future__ import annotations

import os
import stat

import pytest

from dexec_kernel.cells.output import log_folder as log_folder_module
from dexec_kernel.cells.output.log_folder import MAX_FULL_LOGS, LogFolder, remove_stale_logs


@pytest.fixture
def parent(tmp_path):
    return tmp_path / "logs"


def make(folder, size=0, limit=100):
    path, file = folder.new_file(limit)
    os.write(file, b"x" * size)
    os.close(file)
    folder.closed(path)
    return path


def test_the_folder_goes_with_the_kernel(parent):
    folder = LogFolder(parent)
    path = make(folder)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    remove_stale_logs(parent)
    assert path.exists(), "its kernel lives"
    folder.close()
    folder.close()
    assert list(parent.iterdir()) == []


def test_nothing_is_made_before_it_is_needed(parent):
    LogFolder(parent).close()
    assert not parent.exists()


def test_a_kept_folder_stays(parent):
    folder = LogFolder(parent, keep=True)
    path = make(folder)
    folder.close()
    remove_stale_logs(parent)
    assert path.exists()


def test_files_have_numbers(parent):
    folder = LogFolder(parent)
    assert [make(folder).name for _ in range(2)] == ["cell-0001.log", "cell-0002.log"]
    folder.close()


def test_the_oldest_make_room(parent):
    folder = LogFolder(parent)
    paths = [make(folder, 90) for _ in range(10)]
    assert [path.exists() for path in paths] == [False] * 6 + [True] * MAX_FULL_LOGS
    folder.close()


def test_short_ones_stay(parent):
    folder = LogFolder(parent)
    paths = [make(folder, 3) for _ in range(50)]
    assert all(path.exists() for path in paths)
    folder.close()


def test_their_number_is_bounded(parent, monkeypatch):
    monkeypatch.setattr(log_folder_module, "MAX_FILES", 5)
    folder = LogFolder(parent)
    for _ in range(20):
        make(folder)
    assert len(list(parent.glob("*/*.log"))) == 5
    folder.close()


def test_one_that_is_written_is_never_removed(parent):
    folder = LogFolder(parent)
    open_files = [folder.new_file(100) for _ in range(MAX_FULL_LOGS - 1)]
    closed = [make(folder, 90) for _ in range(3)]
    assert [path.exists() for path in closed] == [False, False, True]
    open_files.append(folder.new_file(100))
    assert not closed[2].exists()
    with pytest.raises(OSError, match="written already"):
        folder.new_file(100)
    folder.closed(open_files[0][0])
    make(folder, 1)
    for _, file in open_files:
        os.close(file)
    folder.close()


def test_one_that_is_gone_by_itself_takes_no_room(parent):
    folder = LogFolder(parent)
    make(folder, 100).unlink()
    paths = [make(folder, 100) for _ in range(3)]
    assert all(path.exists() for path in paths)
    folder.close()
