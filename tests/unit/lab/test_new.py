"""A new lab is an example that works, in a folder that was empty."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dexec_kernel.errors import ConfigurationError
from dexec_kernel.lab import new
from dexec_kernel.lab.new import new_lab


def test_it_has_every_kind_of_file_and_its_own_kernel(tmp_path):
    files = new_lab(tmp_path / "some/pipes")
    names = {str(path.relative_to(tmp_path / "some/pipes")) for path in files}
    assert names >= {"lab.toml", "lab.ipynb", "setup.sh", "checks/count.sh", "hints/secret.md"}
    notebook = json.loads((tmp_path / "some/pipes/lab.ipynb").read_text())
    assert notebook["metadata"]["kernelspec"]["name"] == "dexec-lab-pipes"
    assert all("NAME" not in name for name in names)


def test_an_empty_folder_is_filled_and_any_other_is_left_alone(tmp_path):
    (tmp_path / "lab").mkdir()
    assert new_lab(tmp_path / "lab")
    before = (tmp_path / "lab/lab.toml").read_bytes()
    with pytest.raises(ConfigurationError, match="not an empty folder"):
        new_lab(tmp_path / "lab")
    assert (tmp_path / "lab/lab.toml").read_bytes() == before
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="not an empty folder"):
        new_lab(tmp_path / "file")


def test_a_name_that_no_kernelspec_can_have_is_refused_first(tmp_path):
    with pytest.raises(ConfigurationError, match="my-lab"):
        new_lab(tmp_path / "My Lab")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_said(tmp_path, monkeypatch):
    with pytest.raises(ConfigurationError, match="cannot be written"):
        new_lab(Path("/proc/nowhere/lab"))
    monkeypatch.setattr(new, "_EXAMPLE", tmp_path / "gone")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        new_lab(tmp_path / "lab")
