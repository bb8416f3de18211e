"""``lab test`` and ``lab grade`` as commands, with labs that are no kernels."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import signal
import stat
from functools import partial

import pytest

from dexec_kernel.cli import lab_grade, lab_runs, lab_test
from dexec_kernel.cli.command import run
from dexec_kernel.cli.lab_runs import Stopped, lab_starter, run_until_stopped, write_file
from dexec_kernel.errors import ConfigurationError
from dexec_kernel.grading.session import Ended
from dexec_kernel.lab.new import new_lab
from tests.unit.support import fake_labs
from tests.unit.support.fake_labs import FakeLabs, FakeSession

TASKS = ("greeting", "count", "secret")
#: Cells that take no time: the command has a loop of its own, without our clock.
ran = partial(fake_labs.ran, seconds=0)


@pytest.fixture
def lab(tmp_path):
    new_lab(tmp_path / "mylab")
    return tmp_path / "mylab"


@pytest.fixture
def labs(monkeypatch) -> FakeLabs:
    labs = FakeLabs()
    for module in (lab_grade, lab_test):
        monkeypatch.setattr(module, "lab_starter", lambda _folder, **_more: labs)
        monkeypatch.setattr(module, "have_images_ready", lambda _lab, _folder: None)
    return labs


def passing() -> FakeSession:
    words = ("not yet", "passed", "passed")
    return FakeSession(
        {f"%check {task}": [ran(Ended.OK, (task, word)) for word in words] for task in TASKS},
        making=0,
    )


def graded(word: str = "passed") -> FakeSession:
    answers = {f"%check {task}": ran(Ended.OK, (task, word)) for task in TASKS}
    return FakeSession(answers, making=0)


def notebook(path):
    path.write_text('{"cells": []}')
    return str(path)


def test_a_lab_that_holds(lab, labs, capsys):
    labs.sessions = [passing(), passing()]
    assert run(["lab", "test", str(lab)]) == 0
    out = capsys.readouterr().out
    assert "greeting  not yet  passed  passed     0.25 s   ok" in out
    assert out.endswith("passes after its solution, in 2 fresh labs.\n")


def test_a_lab_with_a_fault(lab, labs, capsys):
    odd = passing()
    odd.answers["%check count"] = [ran(Ended.OK, ("count", "passed")) for _ in range(3)]
    labs.sessions = [odd]
    assert run(["lab", "test", str(lab), "--runs", "1"]) == 1
    found = capsys.readouterr()
    assert "count: its check passes in a fresh lab" in found.out
    assert found.err == "1 fault\n"
    labs.sessions = [FakeSession(problem="no such image", making=0)]
    assert run(["lab", "test", str(lab), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found == {"holds": False, "faults": ["run 1 of 2: no such image"], "checks": []}


def test_mistakes_come_before_a_run(lab, labs, capsys):
    (lab / "solutions/count.sh").unlink()
    assert run(["lab", "test", str(lab)]) == 1
    assert "solutions/count.sh: it is missing" in capsys.readouterr().err
    assert labs.started == []


def test_a_class_is_graded(lab, labs, capsys, tmp_path):
    names = [notebook(tmp_path / f"{name}.ipynb") for name in ("ada", "bob")]
    labs.sessions = [graded(), graded("not yet")]
    reports = ("--csv", str(tmp_path / "x.csv"), "--json", str(tmp_path / "x.json"))
    assert run(["lab", "grade", str(lab), *names, "-j", "1", *reports]) == 0
    found = capsys.readouterr()
    assert "ada.ipynb  5/5     passed    passed  passed" in found.out
    assert "1/2  ada.ipynb: 5 of 5 points" in found.err
    with (tmp_path / "x.csv").open(newline="") as stream:
        assert [row[:3] for row in csv.reader(stream)][1:] == [
            ["ada.ipynb", "5", "5"],
            ["bob.ipynb", "0", "5"],
        ]
    assert json.loads((tmp_path / "x.json").read_text())["complete"] is True


def test_a_report_on_stdout_is_alone_there(lab, labs, capsys, tmp_path):
    labs.sessions = [graded()]
    arguments = ["lab", "grade", str(lab), notebook(tmp_path / "a.ipynb")]
    assert run([*arguments, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["max_points"] == 5
    assert run([*arguments, "--json", "-", "--csv", "-"]) == 1
    assert "cannot both go to stdout" in capsys.readouterr().err


def test_what_the_teacher_has_to_look_at_is_the_exit_code(lab, labs, capsys, tmp_path):
    labs.sessions = [graded("broken")]
    assert run(["lab", "grade", str(lab), notebook(tmp_path / "a.ipynb")]) == 1
    assert "a.ipynb: count: the check is broken: count." in capsys.readouterr().out
    assert run(["lab", "grade", str(lab), str(tmp_path / "gone.ipynb")]) == 1
    assert "gone.ipynb: it cannot be read: No such file" in capsys.readouterr().out


def test_a_lab_that_cannot_grade(lab, labs, capsys, tmp_path):
    path = notebook(tmp_path / "a.ipynb")
    (lab / "checks/count.sh").unlink()
    (lab / "solutions/count.sh").unlink()
    assert run(["lab", "grade", str(lab), path]) == 1
    found = capsys.readouterr().err
    assert "checks/count.sh: it is missing" in found
    assert "solutions" not in found
    (tmp_path / "empty").mkdir()
    assert run(["lab", "grade", str(tmp_path / "empty"), path]) == 1
    assert "lab.toml: it is missing" in capsys.readouterr().err
    assert labs.started == []


@pytest.mark.parametrize("name", ["gone/x.csv", "."])
def test_a_report_that_cannot_be_written_is_told_before(lab, labs, capsys, tmp_path, name):
    path = notebook(tmp_path / "a.ipynb")
    assert run(["lab", "grade", str(lab), path, "--csv", str(tmp_path / name)]) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert labs.started == []


@pytest.mark.parametrize(
    "options",
    [
        *(["-j", "0"], ["-j", "x"], ["-j", "²"], ["--timeout", "0"], ["--timeout", "nan"]),
        *(["--cell-timeout", "inf"], ["--cell-timeout", "x"]),
    ],
)
def test_numbers_that_are_none(lab, labs, capsys, options):
    with pytest.raises(SystemExit) as error:
        run(["lab", "grade", str(lab), "a.ipynb", *options])
    assert error.value.code == 2
    assert "is no" in capsys.readouterr().err


def test_what_is_graded_is_reported_where_it_is_stopped(lab, labs, capsys, tmp_path):
    names = [notebook(tmp_path / f"{name}.ipynb") for name in ("ada", "bob")]
    stopping = graded()
    stopping.before = lambda _cell: os.kill(os.getpid(), signal.SIGTERM)
    stopping.answers["%check greeting"] = fake_labs.ran(seconds=3600)
    labs.sessions = [graded(), stopping]
    file = tmp_path / "x.json"
    assert run(["lab", "grade", str(lab), *names, "-j", "1", "--json", str(file)]) == 130
    assert "Stopped: 1 of 2 notebooks are graded." in capsys.readouterr().err
    assert json.loads(file.read_text())["complete"] is False
    assert labs.open == 0
    stopping = passing()
    stopping.before = lambda _cell: os.kill(os.getpid(), signal.SIGINT)
    stopping.answers["%check greeting"] = fake_labs.ran(seconds=3600)
    labs.sessions = [stopping]
    assert run(["lab", "test", str(lab)]) == 130
    assert labs.open == 0


def test_work_is_cancelled_by_a_signal_and_ends_in_order():
    ended = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    with pytest.raises(Stopped):
        run_until_stopped(work())
    assert ended == [True]


def test_a_report_is_written_whole_or_not_at_all(tmp_path, monkeypatch, capsys):
    file = tmp_path / "report"
    write_file(str(file), "é\n")
    assert file.read_text(encoding="utf-8") == "é\n"
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(file.stat().st_mode) == 0o666 & ~umask
    with pytest.raises(UnicodeEncodeError):
        write_file(str(file), "\ud800")
    assert [path.name for path in tmp_path.iterdir()] == ["report"]
    assert file.read_text(encoding="utf-8") == "é\n"
    write_file("-", "text")
    assert capsys.readouterr().out == "text"
    with pytest.raises(ConfigurationError):
        lab_runs.check_file(str(tmp_path))
    lab_runs.check_file("-")


async def test_kernels_do_not_have_the_teacher_s_own_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("DEXEC_CONTAINER", "mine")
    monkeypatch.setenv("DOCKER_HOST", "unix:///x")
    seen = {}

    class Started(Exception):
        pass

    def lab_kernel(argv, environment, folder):
        seen.update(argv=argv, environment=environment, files=list(folder.iterdir()))
        raise Started

    monkeypatch.setattr("dexec_kernel.grading.kernel.lab_kernel", lab_kernel)
    with pytest.raises(Started):
        async with lab_starter(tmp_path)():
            pass
    assert "DEXEC_CONTAINER" not in seen["environment"]
    assert seen["environment"]["DOCKER_HOST"] == "unix:///x"
    assert f"--lab={tmp_path}" in seen["argv"]
    assert seen["files"] == []
