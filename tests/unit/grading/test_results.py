"""The outcome of grading: points, differences, and names that tell notebooks apart."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

import pytest

from dexec_kernel.grading.results import Outcome, Report, Row, State, names_of
from dexec_kernel.lab.spec import Task

TASKS = (Task("copy", points=1), Task("count", points=2.5), Task("top", points=2))


def row(*states: State, **more) -> Row:
    outcomes = {
        task.name: Outcome(state) for task, state in zip(TASKS[: len(states)], states, strict=True)
    }
    return Row("ada", Path("ada.ipynb"), outcomes, **more)


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("passed", State.PASSED),
        ("not yet", State.FAILED),
        ("timed out", State.TIMED_OUT),
        ("broken", State.BROKEN),
        ("anything", State.BROKEN),
    ],
)
def test_the_words_of_records(word, state):
    assert State.of_record(word) is state


def test_points_are_those_of_passed_tasks():
    assert row(State.PASSED, State.FAILED, State.PASSED).points(TASKS) == 3
    assert row().points(TASKS) == 0
    assert row().outcome("top").state is State.NOT_REACHED
    assert Report("Lab", TASKS).max_points == 5.5


def test_what_a_submission_shows_is_compared_and_not_believed():
    shown = {"copy": "passed", "count": "not yet", "top": "passed", "gone": "passed"}
    found = row(State.FAILED, State.PASSED, State.PASSED, shown=shown)
    assert found.differences(TASKS) == (
        "copy: the notebook shows passed, it is failed",
        "count: the notebook shows not passed, it is passed",
    )
    assert found.points(TASKS) == 4.5
    assert row(State.FAILED).differences(TASKS) == ()


def test_a_teacher_looks_at_what_could_not_be_graded():
    assert not row(State.PASSED, State.FAILED, State.NOT_REACHED).needs_a_look
    assert row(State.BROKEN).needs_a_look
    assert row(State.TIMED_OUT).needs_a_look
    assert row(problem="it is empty").needs_a_look


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        ([], []),
        (["a/x.ipynb"], ["x.ipynb"]),
        (["a/x.ipynb", "b/y.ipynb"], ["x.ipynb", "y.ipynb"]),
        (["in/ada/x.ipynb", "in/bob/x.ipynb"], ["ada/x.ipynb", "bob/x.ipynb"]),
        (["1/ada/x.ipynb", "2/ada/x.ipynb", "y"], ["1/ada/x.ipynb", "2/ada/x.ipynb", "y"]),
        (["x.ipynb", "ada/x.ipynb"], ["x.ipynb", "ada/x.ipynb"]),
        (["x", "x"], ["x", "x"]),
        ([os.fsdecode(b"\xff.ipynb")], ["\\udcff.ipynb"]),
        (["a\nbob: 5\x1b[0m"], ["a\\nbob: 5\\x1b[0m"]),
    ],
)
def test_names_tell_notebooks_apart(paths, names):
    assert names_of([PurePath(path) for path in paths]) == names
