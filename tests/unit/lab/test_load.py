"""A lab's folder, read to be run."""

from __future__ import annotations

import pytest

from dexec_kernel.errors import LabUnusable
from dexec_kernel.lab.load import load_lab
from dexec_kernel.lab.new import new_lab


def test_a_lab_is_read_or_says_why_not(tmp_path):
    new_lab(tmp_path / "my")
    assert load_lab(tmp_path / "my").title == "First steps"
    with pytest.raises(LabUnusable, match="No such file") as raised:
        load_lab(tmp_path / "other")
    assert "lab install" in raised.value.advice
    (tmp_path / "my/lab.toml").write_text("title = 1")
    with pytest.raises(LabUnusable, match="title") as raised:
        load_lab(tmp_path / "my")
    assert "container is missing" in raised.value.output
    assert "lab lint" in raised.value.advice
