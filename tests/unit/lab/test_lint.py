"""What is wrong with a lab's folder: every file is looked at, and nothing is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from devtools.session import ROOT
from dexec_kernel.errors import ConfigurationError
from dexec_kernel.lab.lint import check_name, kernel_name, lint
from dexec_kernel.lab.new import new_lab


@pytest.fixture
def lab(tmp_path) -> Path:
    new_lab(tmp_path / "mylab")
    return tmp_path / "mylab"


def problems(lab: Path) -> list[str]:
    return [str(problem) for problem in lint(lab).problems]


def change(lab: Path, file: str, old: str, new: str) -> None:
    text = (lab / file).read_text()
    assert old in text
    (lab / file).write_text(text.replace(old, new))


def test_the_example_has_no_problem(lab, monkeypatch):
    assert problems(lab) == []
    monkeypatch.chdir(lab)
    assert problems(Path()) == []


def test_the_lab_of_the_notebooks_has_no_problem():
    found = lint(ROOT / "notebooks/lab/linux-basics")
    assert found.problems == ()
    assert found.lab is not None
    assert (len(found.lab.tasks), found.lab.points) == (8, 10)


def test_there_is_no_folder(tmp_path):
    with pytest.raises(ConfigurationError, match="There is no folder"):
        lint(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError):
        lint(tmp_path / "file")


def test_an_empty_folder_misses_its_files(tmp_path):
    (tmp_path / "empty").mkdir()
    found = lint(tmp_path / "empty")
    assert found.lab is None
    assert [str(problem) for problem in found.problems] == [
        "lab.toml: it is missing",
        "lab.ipynb: it is missing",
    ]


def test_problems_of_every_file_come_at_once(lab):
    change(lab, "lab.toml", "points = 1", "pionts = 1")
    (lab / "setup.sh").write_text("if true; then\n")
    (lab / "checks/count.sh").write_bytes(b"echo \xff\n")
    (lab / "checks/greting.sh").write_text("true\n")
    (lab / "checks/README").touch()
    (lab / "solutions/secret.sh").unlink()
    (lab / "solutions/greeting.sh").write_text("# nothing\n")
    (lab / "hints/secret.md").write_text("")
    (lab / "hints/.hidden").touch()
    change(lab, "lab.ipynb", "check count", "check cuont")
    assert problems(lab) == [
        "lab.toml: tasks.greeting.pionts is not a key; did you mean tasks.greeting.points?",
        "setup.sh: it ends in the middle of a command: a quote, a loop or a brace is not closed",
        "checks/README: its name should be TASK.sh",
        "checks/greting.sh: lab.toml has no task 'greting'; did you mean greeting.sh?",
        "checks/count.sh: it is not UTF-8 text (byte 5)",
        "solutions/greeting.sh: there is no command in it",
        "solutions/secret.sh: it is missing: the task 'secret' needs it",
        "hints/secret.md: it is empty",
        "lab.ipynb: %check cuont: there is no such task; did you mean count?",
        "lab.ipynb: no cell has %check count",
    ]


def test_without_its_tasks_the_rest_is_looked_at(lab):
    (lab / "lab.toml").write_text("title = ")
    (lab / "checks/README").touch()
    change(lab, "lab.ipynb", "dexec-lab-mylab", "python3")
    [toml, readme, notebook] = problems(lab)
    assert toml.startswith("lab.toml: it is not TOML")
    assert readme == "checks/README: its name should be TASK.sh"
    assert notebook.startswith("lab.ipynb: its kernel is 'python3'")


def test_hints_and_the_setup_are_optional(lab):
    (lab / "hints/secret.md").unlink()
    (lab / "hints").rmdir()
    (lab / "setup.sh").unlink()
    assert problems(lab) == []


def test_links_that_lead_nowhere(lab):
    (lab / "setup.sh").unlink()
    (lab / "setup.sh").symlink_to("gone")
    (lab / "loop").symlink_to("loop")
    change(lab, "lab.toml", "cpus = 0.5", 'cpus = 0.5\nvolumes = ["./loop:/l", "./a\\u0000b:/x"]')
    (lab / "hints/secret.md").unlink()
    (lab / "hints/secret.md").symlink_to("secret.md")
    found = problems(lab)
    assert [problem.partition(":")[0] for problem in found] == [
        *("lab.toml", "setup.sh", "hints/secret.md"),
    ]
    assert "should be text, or a list" in found[0]
    long = "/".join(["a" * 200] * 20)
    change(lab, "lab.toml", "./a\\u0000b:/x", f"./{long}:/x")
    assert problems(lab)[:2] == [
        "lab.toml: volumes: there is no loop in the lab",
        f"lab.toml: volumes: there is no {long} in the lab",
    ]
    change(lab, "lab.toml", f', "./{long}:/x"', "")
    assert problems(lab)[0] == "lab.toml: volumes: there is no loop in the lab"


def test_what_is_no_file_or_too_large(lab):
    (lab / "setup.sh").unlink()
    (lab / "setup.sh").mkdir()
    with (lab / "lab.ipynb").open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    assert problems(lab) == [
        "setup.sh: it is not a file",
        "lab.ipynb: it has more than 16 MiB",
    ]


def test_a_file_that_cannot_be_read(lab, monkeypatch):
    def refuse(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    found = problems(lab)
    assert "lab.toml: it cannot be read: Permission denied" in found


def test_folders_that_containers_see(lab, tmp_path):
    volumes = '["./data:/d:ro", "./gone:/g", "./out:/o", "./in:/i", "vol:/v", "./checks:/c"]'
    change(lab, "lab.toml", "cpus = 0.5", f"cpus = 0.5\nvolumes = {volumes}")
    (lab / "data").mkdir()
    (lab / "out").symlink_to(tmp_path)
    (lab / "in").symlink_to("checks")
    assert problems(lab) == [
        "lab.toml: container.volumes: './checks:/c' shows checks to the student",
        "lab.toml: volumes: there is no gone in the lab",
        "lab.toml: volumes: './out:/o' leads out of the lab, or to its checks",
        "lab.toml: volumes: './in:/i' leads out of the lab, or to its checks",
    ]


def test_the_folder_s_name_is_the_kernelspec_s(lab):
    assert kernel_name("mylab") == "dexec-lab-mylab"
    renamed = lab.rename(lab.parent / "My Lab")
    assert problems(renamed)[0].startswith(".: A lab's folder cannot be called 'My Lab'")
    for name in ("lab", "lab-1.2_x", "0"):
        check_name(name)
    for name in ("", "Lab", "lab 1", "-lab", ".lab", "läb", "a" * 81):
        with pytest.raises(ConfigurationError, match="For example"):
            check_name(name)
    with pytest.raises(ConfigurationError, match="For example: uber-uns"):
        check_name("Über uns")
