"""Reports: a table, JSON and CSV, in which no text of a student does anything."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pytest

from dexec_kernel.grading.results import Outcome, Report, Row, State
from dexec_kernel.grading.writers import remarks, table, to_csv, to_json
from dexec_kernel.lab.spec import Task

TASKS = (Task("copy", title="Copy", points=1), Task("count", points=2))
ADA = Row(
    "ada.ipynb",
    Path("in/ada.ipynb"),
    {
        "copy": Outcome(State.PASSED, "There.", 0.25, at_the_end=True),
        "count": Outcome(State.BROKEN, "exit code 3"),
    },
    shown={"copy": "not yet"},
    notes=("cell 3 ran into the time limit",),
    seconds=1.5,
)
BOB = Row("bob.ipynb", Path("in/bob.ipynb"), problem="it is empty")
REPORT = Report("Basics", TASKS, (ADA, BOB))


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_a_row_for_each_notebook_and_a_column_for_each_task():
    assert table(REPORT) == [
        ["NOTEBOOK", "POINTS", "copy", "count"],
        ["ada.ipynb", "1/3", "passed", "BROKEN"],
        ["bob.ipynb", "0/3", "-", "-"],
    ]
    assert table(Report("Basics", TASKS)) == [["NOTEBOOK", "POINTS", "copy", "count"]]


def test_remarks_say_what_the_table_has_no_room_for():
    assert remarks(REPORT) == [
        "ada.ipynb: cell 3 ran into the time limit",
        "ada.ipynb: copy: the notebook shows not passed, it is passed",
        "ada.ipynb: count: the check is broken: exit code 3",
        "bob.ipynb: it is empty",
    ]
    late = Row("eve", Path("eve"), {"copy": Outcome(State.TIMED_OUT, "pipe\nbob: 5 of 5")})
    assert remarks(Report("Basics", TASKS, (late,))) == [
        "eve: copy: the check is timed out: pipe\\nbob: 5 of 5"
    ]


def test_json_has_everything():
    found = json.loads(to_json(REPORT))
    assert (found["lab"], found["complete"], found["max_points"]) == ("Basics", True, 3)
    assert found["tasks"][0] == {"name": "copy", "title": "Copy", "points": 1}
    ada, bob = found["notebooks"]
    assert ada["tasks"]["copy"] == {
        "state": "passed",
        "points": 1,
        "message": "There.",
        "shown": "not yet",
        "at_the_end": True,
        "seconds": 0.25,
    }
    assert ada["tasks"]["count"]["points"] == 0
    assert ada["differs"] == ["copy: the notebook shows not passed, it is passed"]
    assert (ada["points"], ada["seconds"], ada["path"]) == (1, 1.5, "in/ada.ipynb")
    assert (bob["problem"], bob["tasks"]["copy"]["state"]) == ("it is empty", "not reached")


def test_json_of_a_name_that_is_no_text():
    odd = Row("x", Path(os.fsdecode(b"\xff")))
    assert json.loads(to_json(Report("B", (), (odd,))))["notebooks"][0]["path"] == "\\udcff"


def test_csv_has_states_and_points():
    titles, ada, bob = rows_of(to_csv(REPORT))
    assert titles == [
        *("notebook", "points", "max_points", "copy", "copy points", "count", "count points"),
        *("seconds", "problem", "differs", "notes"),
    ]
    assert ada[:8] == ["ada.ipynb", "1", "3", "passed", "1", "broken", "0", "1.5"]
    assert ada[8:] == [
        "",
        "copy: the notebook shows not passed, it is passed",
        "cell 3 ran into the time limit",
    ]
    assert bob[:5] == ["bob.ipynb", "0", "3", "not reached", "0"]


@pytest.mark.parametrize(
    "name",
    [
        "=cmd|' /C calc'!A0",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "  =1",
        "\uff1d1",
        '=HYPERLINK("http://x","y").ipynb',
    ],
)
def test_no_text_is_a_formula(name):
    odd = Row(name, Path("x"), problem=name, notes=(name,))
    text = to_csv(Report("B", TASKS, (odd,)))
    row = rows_of(text)[1]
    for cell in (row[0], row[8], row[10]):
        assert cell.startswith("'")


def test_no_text_breaks_its_row():
    odd = Row('a"b,c\nd\x1b[31m\u202e;e', Path("x"))
    titles, row = rows_of(to_csv(Report("B", TASKS, (odd,))))
    assert len(row) == len(titles)
    assert row[0] == 'a"b,c\\nd\\x1b[31m\\u202e;e'
