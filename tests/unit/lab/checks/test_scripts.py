"""The texts of a lab that the student does not see."""

from __future__ import annotations

import pytest

from dexec_kernel.errors import LabUnusable
from dexec_kernel.lab.checks.scripts import LabTexts


@pytest.fixture
def texts(tmp_path) -> LabTexts:
    (tmp_path / "checks").mkdir()
    (tmp_path / "hints").mkdir()
    (tmp_path / "checks/a.sh").write_text("exit 0")
    (tmp_path / "checks/bad.sh").write_bytes(b"\xff")
    (tmp_path / "hints/a.md").write_text("# A\n\n## First\n\none\n\n## Empty\n\n## Last\n\ntwo\n")
    return LabTexts(tmp_path)


def test_they_are_read(texts):
    assert texts.check("a").text == "exit 0"
    assert texts.hints("a") == ("one", "two")
    assert texts.hints("none") == ()


@pytest.mark.parametrize("task", ["none", "bad"])
def test_what_cannot_be_read_names_no_folder(texts, tmp_path, task):
    with pytest.raises(LabUnusable) as caught:
        texts.check(task)
    assert str(tmp_path) not in caught.value.message
