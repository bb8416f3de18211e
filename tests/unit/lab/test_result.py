"""The result of a check, and its record."""

from __future__ import annotations

import pytest

from dexec_kernel.lab.result import (
    Broken,
    NotYet,
    Passed,
    TimedOut,
    last_words,
    record_of,
    result_of,
    state_of,
)
from dexec_kernel.lab.spec import Task

TASK = Task("pipes", points=2.5)


@pytest.mark.parametrize(
    ("result", "state", "points"),
    [
        (Passed(message="well done", stderr="secret", duration=0.12345), "passed", 2.5),
        (NotYet(message="well done", stderr="secret", duration=0.12345), "not yet", 0),
        (Broken(message="well done", duration=0.12345, reason="no shell"), "broken", 0),
        (TimedOut(message="well done", duration=0.12345, seconds=15), "timed out", 0),
    ],
)
def test_record(result, state, points):
    assert state_of(result) == state
    assert record_of(TASK, result, attempt=3) == {
        "task": "pipes",
        "state": state,
        "points": points,
        "max_points": 2.5,
        "message": "well done",
        "attempt": 3,
        "duration_s": 0.123,
    }


@pytest.mark.parametrize("exit_code", [2, 124, 126, 127, 137, 143, 255])
def test_an_exit_code_that_says_nothing_of_the_student_is_broken(exit_code):
    result = result_of(exit_code, message="m", stderr="s", why="why")
    assert result == Broken(
        message="m",
        stderr="s",
        reason=f"The check ended with exit code {exit_code} (why).",
        exit_code=exit_code,
    )


def test_exit_codes_that_say_something():
    assert result_of(0, message="m") == Passed(message="m")
    assert result_of(1, stderr="s") == NotYet(stderr="s")
    assert result_of(3).reason == "The check ended with exit code 3."


def test_the_teachers_text_is_not_shown_by_accident():
    assert "secret" not in repr(NotYet(stderr="secret"))
    assert last_words(" \n") == ""
    assert last_words("a\nb " + "c" * 500).endswith(" at last: " + "c" * 500)
