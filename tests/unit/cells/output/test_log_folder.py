"""The folder of a kernel's logs: private, removed with the kernel, unless it is kept."""

from __future__ import annotations

import os
import stat

import pytest

from dexec_kernel.cells.output.log_folder import LogFolder, remove_stale_logs


@pytest.fixture
def parent(tmp_path):
    return tmp_path / "logs"


def make(folder):
    path, file = folder.new_file()
    os.close(file)
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
