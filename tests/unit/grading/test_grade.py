"""Grading: each notebook in a lab of its own, and nothing that it shows is believed."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from dexec_kernel.grading.grade import LARGEST, Grader, Limits, in_order
from dexec_kernel.grading.results import Row, State
from dexec_kernel.grading.session import Ended
from dexec_kernel.grading.submission import CHECK_RECORD
from dexec_kernel.lab.spec import Lab, Task
from tests.unit.support.fake_labs import FakeLabs, FakeSession, ran

LAB = Lab(title="Basics", tasks=(Task("copy", points=1), Task("count", points=2)))


class Watcher:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def started(self, name: str) -> None:
        self.heard.append(f"+{name}")

    def finished(self, row: Row) -> None:
        self.heard.append(f"-{row.name}")


def write(path: Path, *sources: str, shown: str = "") -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    cells = [{"cell_type": "code", "source": source, "outputs": []} for source in sources]
    if shown:
        record = {"task": shown, "state": "passed", "points": 99}
        cells[0]["outputs"] = [{"data": {CHECK_RECORD: record}}]
    path.write_text(json.dumps({"cells": cells}))
    return path


async def grade(path: Path, session: FakeSession, lab: Lab = LAB, **limits: float) -> Row:
    grader = Grader(lab, FakeLabs(session), Watcher(), limits=Limits(**limits))
    [row] = (await grader.grade([path])).rows
    return row


def states(row: Row, lab: Lab = LAB) -> list[str]:
    return [row.outcome(task.name).state.value for task in lab.tasks]


async def test_cells_run_in_order_and_their_checks_count(tmp_path):
    path = write(tmp_path / "a.ipynb", "ls", "%check copy", "%check")
    session = FakeSession(
        {
            "%check copy": ran(Ended.OK, ("copy", "passed")),
            "%check": ran(Ended.ERROR, ("count", "not yet")),
        }
    )
    row = await grade(path, session)
    assert session.sources == ["ls", "%check copy", "%check"]
    assert states(row) == ["passed", "failed"]
    assert row.points(LAB.tasks) == 1
    assert row.outcome("count").message == "count."
    # The lab took 1000 s to be made.
    assert row.seconds == 3
    assert (row.problem, row.notes) == ("", ())


async def test_a_record_in_another_cell_is_not_believed(tmp_path):
    path = write(tmp_path / "a.ipynb", "cat forged", "%check copy", shown="copy")
    forged = ran(Ended.OK, ("copy", "passed"), ("count", "passed"))
    session = FakeSession(
        {
            "cat forged": forged,
            "%check copy": ran(Ended.ERROR, ("copy", "not yet")),
            "%check count": ran(Ended.ERROR, ("count", "not yet")),
        }
    )
    row = await grade(path, session)
    assert states(row) == ["failed", "failed"]
    assert row.differences(LAB.tasks) == ("copy: the notebook shows passed, it is failed",)


async def test_a_check_whose_cell_is_missing_runs_at_the_end(tmp_path):
    path = write(tmp_path / "a.ipynb", "ls")
    session = FakeSession({"%check count": ran(Ended.OK, ("count", "passed"))})
    row = await grade(path, session)
    assert session.sources == ["ls", "%check copy", "%check count"]
    assert row.outcome("count").at_the_end
    assert row.outcome("count").state is State.PASSED
    # %check copy has answered nothing at all.
    assert row.outcome("copy").state is State.BROKEN
    assert row.outcome("copy").message == "the check has shown no result"
    assert row.seconds == 1


async def test_an_empty_notebook_is_checked_at_the_end(tmp_path):
    row = await grade(
        write(tmp_path / "a.ipynb"),
        FakeSession(
            {f"%check {name}": ran(Ended.ERROR, (name, "not yet")) for name in ("copy", "count")}
        ),
    )
    assert states(row) == ["failed", "failed"]


async def test_a_task_that_was_passed_once_is_passed(tmp_path):
    path = write(tmp_path / "a.ipynb", "%check copy", "rm x", "%check copy", "%check count")
    checks = [ran(Ended.OK, ("copy", "passed")), ran(Ended.ERROR, ("copy", "not yet"))]
    session = FakeSession(
        {"%check copy": checks, "%check count": ran(Ended.OK, ("count", "broken"))}
    )
    row = await grade(path, session)
    assert states(row) == ["passed", "broken"]
    assert row.needs_a_look


async def test_a_check_that_fails_and_passes_later(tmp_path):
    path = write(tmp_path / "a.ipynb", "%check copy", "cp", "%check copy", "%check count")
    checks = [ran(Ended.ERROR, ("copy", "not yet")), ran(Ended.OK, ("copy", "passed"))]
    session = FakeSession(
        {"%check copy": checks, "%check count": ran(Ended.ERROR, ("count", "timed out"))}
    )
    assert states(await grade(path, session)) == ["passed", "timed out"]


async def test_it_goes_on_after_a_time_limit(tmp_path):
    path = write(tmp_path / "a.ipynb", "sleep inf", "%check copy\n%check count")
    passed = ran(Ended.OK, ("copy", "passed"), ("count", "passed"))
    session = FakeSession(
        {"sleep inf": ran(Ended.TIMED_OUT, seconds=10), "%check copy\n%check count": passed}
    )
    row = await grade(path, session, cell=10)
    assert states(row) == ["passed", "passed"]
    assert row.notes == ("cell 1 ran into the time limit of 10 s",)
    # A check has its own time beside the cell's.
    assert session.cells == [("sleep inf", 10), ("%check copy\n%check count", 10 + 2 * 75)]


@pytest.mark.parametrize(
    ("checks", "seconds"), [("copy", 75), ("copy\n%check copy", 75), ("\n%check" * 99, 150)]
)
async def test_a_check_that_is_there_many_times_has_the_time_of_one(tmp_path, checks, seconds):
    session = FakeSession({})
    await grade(write(tmp_path / "a.ipynb", f"%check {checks}"), session, cell=10)
    assert session.cells[0][1] == 10 + seconds


async def test_a_notebook_that_may_be_somebody_else_s_work_has_a_note(tmp_path):
    ada = write(tmp_path / "ada/lab.ipynb", "ls")
    for name in ("bob", "eve"):
        (tmp_path / name).mkdir()
    bob, eve = tmp_path / "bob/lab.ipynb", tmp_path / "eve/lab.ipynb"
    bob.symlink_to("../ada/lab.ipynb")
    os.link(ada, eve)
    report = await Grader(LAB, FakeLabs(), Watcher()).grade([ada, bob, eve])
    same = "it is the same file as ada/lab.ipynb"
    assert [row.notes for row in report.rows] == [
        (),
        (f"it is a link to {ada.resolve()}", same),
        (same,),
    ]


async def test_time_that_is_over(tmp_path):
    path = write(tmp_path / "a.ipynb", "%check copy", "sleep inf", "ls", "%check count")
    session = FakeSession(
        {
            "%check copy": ran(Ended.OK, ("copy", "passed")),
            "sleep inf": ran(Ended.TIMED_OUT, seconds=29),
        }
    )
    row = await grade(path, session, cell=100, notebook=30)
    assert states(row) == ["passed", "not reached"]
    assert row.problem == "its time of 30 s was over before cell 3"
    assert row.notes == ("cell 2 ran into the time limit of 29 s",)


async def test_a_kernel_that_ends(tmp_path):
    path = write(tmp_path / "a.ipynb", "%check copy", "kill", "%check count")
    session = FakeSession(
        {"%check copy": ran(Ended.OK, ("copy", "passed")), "kill": ran(Ended.LOST)}
    )
    row = await grade(path, session)
    assert states(row) == ["passed", "not reached"]
    assert row.problem == "its kernel ended, or stopped answering, in cell 2"
    lost = FakeSession({"%check copy": ran(Ended.LOST)})
    row = await grade(write(tmp_path / "b.ipynb", "ls"), lost)
    assert row.problem == "its kernel ended, or stopped answering, in the check of copy"


async def test_a_lab_that_cannot_be_made(tmp_path):
    row = await grade(write(tmp_path / "a.ipynb", "ls"), FakeSession(problem="no such image"))
    assert row.problem == "no such image"
    assert states(row) == ["not reached", "not reached"]


async def test_tasks_that_come_after_others(tmp_path):
    lab = Lab(tasks=(Task("second", after=("first",)), Task("first"), Task("third")))
    path = write(tmp_path / "a.ipynb", "ls")
    session = FakeSession(
        {
            "%check first": ran(Ended.ERROR, ("first", "not yet")),
            "%check second": ran(Ended.ERROR, error="UsageError"),
            "%check third": ran(Ended.TIMED_OUT),
        }
    )
    row = await grade(path, session, lab)
    assert session.sources == ["ls", "%check first", "%check second", "%check third"]
    assert states(row, lab) == ["failed", "failed", "timed out"]
    assert row.outcome("second").message == "comes after first"
    session = FakeSession({"%check first": ran(Ended.OK, ("first", "passed"))})
    session.answers["%check second"] = ran(Ended.ERROR, error="InternalError")
    row = await grade(path, session, lab)
    assert row.outcome("second").state is State.BROKEN
    assert row.outcome("second").message == "InternalError: said"


def test_tasks_that_wait_for_each_other_are_in_some_order():
    tasks = [Task("a", after=("b",)), Task("b", after=("a",)), Task("c", after=("gone",))]
    assert [task.name for task in in_order(tasks)] == ["c", "a", "b"]


async def test_what_cannot_be_read(tmp_path):
    (tmp_path / "broken.ipynb").write_text('{"cells": [')
    with (tmp_path / "huge.ipynb").open("wb") as file:
        file.truncate(LARGEST + 1)
    os.mkfifo(tmp_path / "fifo.ipynb")
    (tmp_path / "loop.ipynb").symlink_to("loop.ipynb")
    names = ["broken.ipynb", "huge.ipynb", "fifo.ipynb", "loop.ipynb", "gone.ipynb", "."]
    labs = FakeLabs()
    grader = Grader(LAB, labs, Watcher())
    report = await grader.grade(tmp_path / name for name in names)
    assert [row.problem.partition(":")[0] for row in report.rows] == [
        "it is not JSON",
        "it has more than 64 MiB",
        "it is not a file",
        "it cannot be read",
        "it cannot be read",
        "it is a folder; name the notebooks in it",
    ]
    assert labs.started == []


@pytest.mark.parametrize(("parallel", "open_labs"), [(1, 2), (2, 3), (9, 4)])
async def test_several_run_side_by_side_and_stay_in_order(tmp_path, parallel, open_labs):
    paths = [write(tmp_path / f"{name}/lab.ipynb", "ls") for name in "dcba"]
    labs = FakeLabs(FakeSession({"ls": ran(seconds=500)}))
    watcher = Watcher()
    grader = Grader(LAB, labs, watcher, parallel=parallel)
    report = await grader.grade([*paths, paths[0]])
    assert [row.name for row in report.rows] == [f"{name}/lab.ipynb" for name in "dcba"]
    assert report.complete
    # Labs are made ahead, and no more cells run at a time.
    assert labs.most_open == open_labs
    assert labs.most_running == min(parallel, 4)
    assert labs.open == 0
    assert len(labs.started) == 4
    assert sorted(watcher.heard) == sorted(
        [f"{sign}{name}/lab.ipynb" for sign in "+-" for name in "dcba"]
    )


async def test_labs_begin_in_the_order_of_the_notebooks(tmp_path):
    first = write(tmp_path / "a.ipynb", f"echo a {'x' * 2_000_000}")  # the longest to read
    paths = [first, *(write(tmp_path / f"{name}.ipynb", f"echo {name}") for name in "bcd")]
    labs = FakeLabs()
    await Grader(LAB, labs, Watcher(), parallel=3).grade(paths)
    assert [session.sources[0][:6] for session in labs.started] == [
        f"echo {name}" for name in "abcd"
    ]


async def test_nothing_to_grade():
    assert (await Grader(LAB, FakeLabs(), Watcher()).grade([])).rows == ()


async def test_what_is_graded_stays_where_grading_is_cancelled(tmp_path):
    paths = [write(tmp_path / name, "ls") for name in ("a.ipynb", "b.ipynb")]
    begun = asyncio.Event()
    endless = FakeSession({"ls": ran(seconds=1e9)}, before=lambda _cell: begun.set())
    labs = FakeLabs(FakeSession(), endless)
    grader = Grader(LAB, labs, Watcher())
    grading = asyncio.create_task(grader.grade(paths))
    await begun.wait()
    grading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await grading
    # Which of the two it is, is up to the threads that read them.
    assert len(grader.report.rows) == 1
    assert not grader.report.complete
    assert labs.open == 0
