"""``lab test`` and ``lab grade`` with real labs: a class that is honest, and one that is not."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.connect import LocalPortCache

from devtools import containers, images, processes
from dexec_kernel.grading.kernel import lab_kernel
from tests.kernel.labs import containers_of, make_lab
from tests.kernel.submissions import (
    CHEATS,
    claimed,
    code,
    example_lab,
    hand_in,
    root_lab,
    small_lab,
    solved,
    without_checks,
)
from tests.waiting import GUARD, until

TASKS = ("folders", "copy", "search", "count", "top", "run", "private", "process")
#: Those of the class: what the cheats are made for, and one that runs in the student's container.
FEW = ("count", "top", "private", "process")
#: No command works any more after it.
_REPLACED = """\
printf '#!/bin/busybox true\\n' >/tmp/yes
chmod +x /tmp/yes
for name in sh grep stat tr cat test; do
  /bin/busybox rm -f /bin/$name /usr/bin/$name
  /bin/busybox cp /tmp/yes /bin/$name
done
"""
BY_HAND = """\
# cut | sort
printf '%s\\n' 203.0.113.7 198.51.100.23 192.0.2.44 >~/top.txt || false
"""
_COMMAND = "from dexec_kernel.cli import main; main()"


def command(host: str, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a teacher does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DEXEC_")}
    return subprocess.run(
        [sys.executable, "-c", _COMMAND, "lab", *map(str, words)],
        env={**kept, "DOCKER_HOST": host, **environment},
        capture_output=True,
        text=True,
        timeout=10 * GUARD,
        check=False,
    )


def start(host: str, *words: object) -> subprocess.Popen[str]:
    """Start the command."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DEXEC_")}
    return subprocess.Popen(
        [sys.executable, "-c", _COMMAND, "lab", *map(str, words)],
        env={**kept, "DOCKER_HOST": host},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def kernels_of(lab: Path) -> list[int]:
    """Return the processes of a lab's kernels."""
    found = (processes.find(pid) for pid in processes.pids())
    return [process.pid for process in found if process and f"--lab={lab}" in process.arguments]


def commands(found: Iterable[str]) -> list[str]:
    """Return the command lines in containers."""
    return [item.command for one in found for item in processes.of_container(one)]


def grade(host: str, lab: Path, *words: object) -> dict[str, dict[str, Any]]:
    """Grade notebooks; return the rows of the report by the names of the notebooks."""
    report = lab.parent / "report.json"
    done = command(host, "grade", lab, *words, "-j", "2", "--json", report)
    assert report.exists(), done.stderr
    return {row["notebook"]: row for row in json.loads(report.read_text())["notebooks"]}


def states(row: dict[str, Any]) -> list[str]:
    return [task["state"] for task in row["tasks"].values()]


def test_a_kernel_that_grades_needs_no_port(host, tmp_path, monkeypatch):
    """Another program may take one before the kernel does, and the kernel would never answer."""

    def take(*_arguments: object) -> None:
        raise AssertionError("a port is taken")

    monkeypatch.setattr(LocalPortCache.instance(), "find_available_port", take)
    images.ensure_image(host, images.BUSYBOX)
    argv = [sys.executable, "-m", "dexec_kernel", "-f", "{connection_file}"]
    argv.append(f"--lab={make_lab(tmp_path, 'portlab')}")
    environment = {**os.environ, "DOCKER_HOST": host, "DEXEC_HISTORY_FILE": ":memory:"}

    async def begin() -> str:
        async with lab_kernel(argv, environment, tmp_path) as kernel:
            return await kernel.ready()

    assert asyncio.run(begin()) == ""
    assert containers_of(host, "portlab", checkers=True) == {}


@pytest.fixture(scope="module")
def lab(host, tmp_path_factory) -> Path:
    images.ensure_image(host, images.DEBIAN)
    return small_lab(tmp_path_factory.mktemp("labs"), FEW)


def test_the_example_lab_holds(host, tmp_path):
    images.ensure_image(host, images.DEBIAN)
    lab = example_lab(tmp_path)
    done = command(host, "test", lab, "--runs", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    for task in TASKS:
        assert f"\n{task} " in done.stdout
    assert "'Linux basics' holds" in done.stdout
    assert containers_of(host, "linux-basics") == {}


def test_a_class_of_six(host, lab, tmp_path):
    cheating = [*map(code, CHEATS), *without_checks(claimed(solved(lab, ())), FEW[2:])]
    papers = {
        "right": solved(lab),
        # Who writes the answer by hand has used no pipe.
        "partly": solved(lab, ("count", "private"), before=[BY_HAND]),
        "empty": [],
        "cheating": cheating,
    }
    paths = [
        hand_in(tmp_path / f"{name}/linux-basics.ipynb", cells) for name, cells in papers.items()
    ]
    broken = hand_in(tmp_path / "broken/linux-basics.ipynb", solved(lab))
    broken.write_text(broken.read_text()[:-40])
    table, report = tmp_path / "grades.csv", tmp_path / "report.json"
    words = ("-j", "2", "--csv", table, "--json", report)
    done = command(host, "grade", lab, *paths, broken, *words)
    found = json.loads(report.read_text())["notebooks"]
    rows = {row["notebook"].partition("/")[0]: row for row in found}

    assert states(rows["right"]) == ["passed"] * 4, rows["right"]
    assert rows["right"]["points"] == 6
    assert (rows["right"]["problem"], rows["right"]["notes"]) == ("", [])
    assert states(rows["partly"]) == ["passed", "failed"] * 2, rows["partly"]
    assert states(rows["empty"]) == ["failed"] * 4, rows["empty"]
    assert all(task["at_the_end"] for task in rows["empty"]["tasks"].values())

    assert rows["cheating"]["points"] == 0, rows["cheating"]
    assert states(rows["cheating"]) == ["failed"] * 4
    assert len(rows["cheating"]["differs"]) == 2
    assert rows["broken"]["problem"].startswith("it is not JSON")

    assert done.returncode == 1  # One of them was no notebook.
    assert "right/linux-basics.ipynb" in done.stdout
    assert "count: the notebook shows passed, it is failed" in done.stdout
    with table.open(newline="") as stream:
        points = [row["points"] for row in csv.DictReader(stream)]
    assert points == ["6", "2", "0", "0", "0"]
    assert containers_of(host, "linux-basics") == {}


def test_grading_goes_on_after_endless_cells(host, lab, tmp_path):
    endless = [
        code("while :; do :; done"),
        code("trap '' INT TERM; while :; do echo endless; done"),
        code("head -c 10000000000 /dev/zero | tr '\\0' x"),
    ]
    paper = hand_in(tmp_path / "endless.ipynb", [*endless, *solved(lab, ())])
    row = grade(host, lab, paper, "--cell-timeout", "3")["endless.ipynb"]
    notes = [note.partition(" ran")[0] for note in row["notes"]]
    assert notes[:3] == ["cell 1", "cell 2", "cell 3"]
    assert row["problem"] == ""
    assert "not reached" not in states(row)
    assert containers_of(host, "linux-basics") == {}


def test_a_kernel_that_is_killed_is_a_problem_of_one_row_and_leaves_nothing(host, tmp_path):
    images.ensure_image(host, images.BUSYBOX)
    lab = root_lab(tmp_path)
    paper = hand_in(tmp_path / "killed.ipynb", [code("kill -STOP -1; sleep 1000")])
    program = start(host, "grade", lab, paper, "--json", "-")

    def has_begun() -> bool:
        found = containers_of(host, "first-steps")
        return "sleep 1000" in commands(found)

    until(has_begun)
    for kernel in kernels_of(lab):
        os.kill(kernel, signal.SIGKILL)
    [row] = json.loads(program.communicate(timeout=GUARD)[0])["notebooks"]
    assert row["problem"] == "its kernel ended, or stopped answering, in cell 1"
    assert containers_of(host, "first-steps", checkers=True) == {}


def test_a_student_who_is_root_reaches_nothing(host, tmp_path, run_container):
    """Neither the checks, nor the teacher's machine, nor another container."""
    other = run_container(images.BUSYBOX)
    lab = root_lab(tmp_path)
    secret = tmp_path / "teacher"
    secret.write_text("the teacher's")
    stolen = tmp_path / "stolen"
    cells = [
        "echo /tmp/evil.so >/etc/ld.so.preload",
        f"%cp :/etc/passwd {stolen}",
        f"%cp {secret} :/tmp/read",
        f"%cp {lab}/checks/count.sh :/tmp/count",
        f"%container {other}\ntouch /tmp/entered",
        f"%%exec -c {other} -u root\ntouch /tmp/entered",
        "%%exec --privileged\ntouch /tmp/privileged",
        f"%cp :/etc/passwd {other}:/tmp/entered",
        f"%attach {other}",
        "%timeout 0",
        "grep -r swordfish /root /tmp /proc/self/environ >/tmp/found; env >>/tmp/found",
    ]
    ending = ["b() { b | b & }; b", "kill -9 -1", _REPLACED]
    claims = claimed(solved(lab, ()))
    paper = hand_in(tmp_path / "root.ipynb", [*map(code, [*cells, *ending]), *claims])
    late = hand_in(tmp_path / "late.ipynb", solved(lab, before=cells))
    row = grade(host, lab, paper, "--cell-timeout", "5")["root.ipynb"]
    assert row["points"] == 0, row
    assert row["problem"] == ""
    # One who tries that, and then does the tasks, has done them.
    row = grade(host, lab, late)["late.ipynb"]
    assert states(row) == ["passed"] * 3, row
    assert not stolen.exists()
    looked = containers.run(host, other, ["ls", "/tmp"])
    assert looked.stdout == ""
    assert containers_of(host, "first-steps") == {}


def test_a_lab_that_does_not_hold(host, tmp_path):
    images.ensure_image(host, images.BUSYBOX)
    lab = root_lab(tmp_path)
    (lab / "checks/greeting.sh").write_text("true\n")
    (lab / "checks/count.sh").write_text("no-such-command\n")
    (lab / "solutions/secret.sh").write_text("chmod 640 /root/secret.txt\n")
    done = command(host, "test", lab, "--runs", "1", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert not found["holds"]
    assert [fault.partition(":")[0] for fault in found["faults"]] == [
        *("greeting", "count", "count", "secret", "count", "secret"),
    ]
    assert found["faults"][0].endswith("passes in a fresh lab, where nothing has been done")
    assert "its check is broken" in found["faults"][1]
    assert "no-such-command" in found["faults"][1]
    (lab / "setup.sh").write_text("echo first >&2; no-such-setup\n")
    done = command(host, "test", lab, "--runs", "1")
    assert "setup.sh of the lab ended with exit code 127. It printed at last: first" in done.stdout
    assert "no-such-setup" in done.stdout
