"""The Pythons that the matrix finds, and its lowest versions."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from devtools.matrix import LOWEST, VERSIONS, Run, candidates, find_runs, is_python, main


def find(version: str) -> Iterator[str]:
    yield f"python{version}"
    yield f"/pyenv/{version}/bin/python"


def test_the_first_command_that_works_is_taken_and_the_lowest_python_goes_twice():
    works = {("/pyenv/3.12/bin/python", "3.12"), ("python3.13", "3.13")}
    runs, missing = find_runs(find, lambda command, version: (command, version) in works)
    assert runs == [
        Run("3.12", "/pyenv/3.12/bin/python"),
        Run("3.13", "python3.13"),
        Run(LOWEST, "/pyenv/3.12/bin/python"),
    ]
    assert missing == ["3.11", "3.14"]


def test_a_machine_without_any_has_no_runs():
    assert find_runs(find, lambda _command, _version: False) == ([], list(VERSIONS))


def test_a_python_is_asked_for_its_version():
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert is_python(sys.executable, ours)
    assert not is_python(sys.executable, "2.7")
    assert not is_python("/no/such/python", ours)


def test_pyenv_is_looked_at_and_its_newest_comes_first(tmp_path, monkeypatch):
    for version in ("3.12.1", "3.12.9", "3.13.0"):
        (tmp_path / ".pyenv/versions" / version / "bin").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    assert [command.replace(str(tmp_path), "~") for command in candidates("3.12")] == [
        "python3.12",
        "~/.pyenv/versions/3.12.9/bin/python",
        "~/.pyenv/versions/3.12.1/bin/python",
    ]


def test_a_row_that_this_machine_lacks_is_an_error(capsys):
    assert main(["2.7"]) == 2
    assert "2.7" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["3.12", LOWEST])
def test_each_run_has_an_environment_of_its_own(name):
    run = Run(name, "python")
    assert run.environment.name == f".venv-{name}"
    assert run.own_python == f"{run.environment}/bin/python"
