"""``dexec-kernel lab``: its output, and its exit codes."""

from __future__ import annotations

import json

import pytest

from dexec_kernel.cli.command import FAILED, OK, run


def test_a_new_lab_has_no_problem(tmp_path, capsys):
    folder = tmp_path / "my"
    assert run(["lab", "new", str(folder)]) == OK
    printed = capsys.readouterr().out
    assert f"written  {folder}/lab.toml\n" in printed
    assert f"dexec-kernel lab lint {folder}\n" in printed
    assert run(["lab", "lint", str(folder)]) == OK
    assert capsys.readouterr().out == (
        "No problem found in 'First steps': 1 container, 3 tasks, 5 points.\n"
    )
    assert run(["lab", "lint", str(folder), "--json"]) == OK
    assert json.loads(capsys.readouterr().out) == {
        "problems": [],
        "tasks": ["greeting", "count", "secret"],
        "points": 5,
    }


def test_problems_are_lines_and_the_exit_code(tmp_path, capsys):
    folder = tmp_path / "my"
    run(["lab", "new", str(folder)])
    (folder / "checks/count.sh").unlink()
    (folder / "hints/\x1b[31m").touch()
    capsys.readouterr()
    assert run(["lab", "lint", str(folder)]) == FAILED
    printed = capsys.readouterr()
    assert printed.out.startswith("checks/count.sh: it is missing")
    assert "\x1b" not in printed.out
    assert printed.err == "2 problems\n"
    (folder / "lab.toml").unlink()
    assert run(["lab", "lint", str(folder), "--json"]) == FAILED
    found = json.loads(capsys.readouterr().out)
    assert (found["tasks"], found["points"]) == (None, None)
    assert {"file": "lab.toml", "text": "it is missing"} in found["problems"]


def test_what_cannot_be_done_is_said(tmp_path, capsys):
    assert run(["lab", "lint", str(tmp_path / "none")]) == FAILED
    assert "There is no folder" in capsys.readouterr().err
    (tmp_path / "my").mkdir()
    assert run(["lab", "lint", str(tmp_path / "my")]) == FAILED
    assert capsys.readouterr().err == "2 problems\n"
    assert run(["lab"]) == OK
    assert "lint" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        run(["lab", "lnit", "x"])
    assert "Did you mean lint?" in capsys.readouterr().err


def test_an_installed_lab_is_a_card_with_its_title(tmp_path, capsys, monkeypatch):
    folder, prefix = tmp_path / "my", tmp_path / "prefix"
    run(["lab", "new", str(folder)])
    capsys.readouterr()
    assert run(["lab", "install", str(folder), "--prefix", str(prefix)]) == OK
    spec = prefix / "share/jupyter/kernels/dexec-lab-my"
    content = json.loads((spec / "kernel.json").read_text())
    assert content["display_name"] == "First steps"
    assert content["argv"][2:5] == ["dexec_kernel", "--lab", str(folder)]
    assert (spec / "logo-64x64.png").exists()
    printed = capsys.readouterr()
    assert "The kernel of the lab 'First steps' was written." in printed.out
    assert "card" not in printed.out
    how = f"JUPYTER_PATH={prefix}/share/jupyter jupyter lab"
    assert (
        printed.err
        == f"warning: Jupyter does not look into {prefix}/share/jupyter; start it with: {how}\n"
    )
    monkeypatch.setenv("JUPYTER_PATH", str(prefix / "share/jupyter"))
    assert run(["lab", "install", str(folder), "--prefix", str(prefix)]) == OK
    printed = capsys.readouterr()
    assert "has a card in the launcher now." in printed.out
    assert printed.err == ""
    other = tmp_path / "other/my"
    run(["lab", "new", str(other)])
    capsys.readouterr()
    assert run(["lab", "install", str(other), "--prefix", str(prefix)]) == FAILED
    refused = capsys.readouterr().err
    assert f"of the lab in {folder}" in refused
    assert "Rename this lab's folder" in refused
    (folder / "checks/count.sh").unlink()
    assert run(["lab", "install", str(folder), "--prefix", str(prefix)]) == FAILED
    assert "a mistake: checks/count.sh: it is missing" in capsys.readouterr().err
