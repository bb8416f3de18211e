"""Bars on disk: what is written is read again, old ones go, and faults lose bars and no more."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace

import pytest

from dexec_kernel.display import stored
from dexec_kernel.display.stored import BarFolder, StoredBar, is_gone

BAR = StoredBar(
    bar_id="0" * 32,
    notebook="/srv/a.ipynb",
    kernel_id="k",
    host=socket.gethostname(),
    pid=os.getpid(),
    has_ended=False,
    models={"m": {"state": {"value": "<b>é"}}},
    data={"text/html": "<b>"},
)


def bar(number: int, **changes: object) -> StoredBar:
    return replace(BAR, bar_id=f"{number:032x}", **changes)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "bars"


@pytest.fixture
def folder(path):
    return BarFolder(path)


def write(folder, path, *bars):
    """Write bars, each a second younger than the one before."""
    for one in bars:
        folder.write(one)
        moment = int(one.bar_id, 16)
        os.utime(path / f"{one.bar_id}.json", (moment, moment))


def test_a_bar_is_read_as_it_was_written_last(folder, path):
    folder.write(BAR)
    folder.write(replace(BAR, has_ended=True))
    assert folder.read(BAR.bar_id) == replace(BAR, has_ended=True)
    assert [file.name for file in path.iterdir()] == [f"{BAR.bar_id}.json"]


def test_nobody_else_may_read_them(folder, path):
    folder.write(BAR)
    assert path.stat().st_mode & 0o077 == 0
    assert (path / f"{BAR.bar_id}.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["f" * 32, "", "../" * 11, "A" * 32, "0" * 33, f"{'0' * 32}\n"])
def test_other_names_name_no_bar(folder, name):
    folder.write(BAR)
    assert folder.read(name) is None


def test_whether_its_kernel_is_gone():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert is_gone(replace(BAR, pid=process.pid))
    assert not is_gone(BAR)
    assert not is_gone(replace(BAR, pid=1))
    assert is_gone(replace(BAR, host="elsewhere.example")) is None


def test_a_notebook_has_its_own_the_newest_first(folder, path, monkeypatch):
    assert folder.of_notebook("/srv/a.ipynb") == []
    other = bar(3, notebook="/srv/b.ipynb")
    write(folder, path, bar(1), bar(2), other, bar(4))
    assert folder.of_notebook("/srv/a.ipynb") == [bar(4), bar(2), bar(1)]
    assert folder.of_notebook("/srv/b.ipynb") == [other]
    monkeypatch.setattr(stored, "MAX_OF_NOTEBOOK", 2)
    assert folder.of_notebook("/srv/a.ipynb") == [bar(4), bar(2)]


def test_the_oldest_go(folder, path, monkeypatch):
    monkeypatch.setattr(stored, "MAX_STORED", 2)
    folder.prune()
    write(folder, path, *(bar(number) for number in range(1, 6)))
    folder.prune()
    assert folder.of_notebook("/srv/a.ipynb") == [bar(5), bar(4)]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"bar_id": 1}', "\x00"])
def test_a_broken_file_is_no_bar(folder, path, text, caplog):
    write(folder, path, bar(1))
    (path / f"{BAR.bar_id}.json").write_text(text)
    assert folder.read(BAR.bar_id) is None
    assert "cannot be read" in caplog.text
    assert folder.of_notebook("/srv/a.ipynb") == [bar(1)]


def test_a_folder_that_cannot_be_made_is_said(tmp_path, caplog):
    (tmp_path / "file").touch()
    folder = BarFolder(tmp_path / "file" / "bars")
    folder.write(BAR)
    assert "cannot be stored" in caplog.text
    assert folder.of_notebook("/srv/a.ipynb") == []
