"""The state of a lab's tasks."""

from __future__ import annotations

import pytest

from dexec_kernel.errors import UsageError
from dexec_kernel.lab.progress import Progress, Standing
from dexec_kernel.lab.result import Broken, NotYet, Passed, TimedOut
from dexec_kernel.lab.spec import Task


@pytest.fixture
def progress() -> Progress:
    return Progress(
        [
            Task("files", points=1),
            Task("pipes", points=2, after=("files",), hints_after=2),
            Task("text", points=4),
            Task("last", points=8, after=("pipes", "text")),
        ]
    )


def standings(progress: Progress) -> dict[str, str]:
    return {found.task.name: found.standing.value for found in progress}


def test_tasks_open_when_those_before_have_passed(progress):
    assert standings(progress) == {
        "files": "open",
        "pipes": "later",
        "text": "open",
        "last": "later",
    }
    assert progress.find("last").waits_for == ("pipes", "text")
    assert progress.checked("files", Passed()).standing is Standing.PASSED
    assert progress.find("pipes").standing is Standing.OPEN
    progress.checked("pipes", Passed())
    assert progress.find("last").waits_for == ("text",)
    progress.checked("text", Passed())
    assert progress.find("last").standing is Standing.OPEN
    assert (progress.points, progress.max_points) == (7, 15)


def test_the_next_open_task_is_the_first_in_the_labs_order(progress):
    for name in ("files", "pipes", "text", "last"):
        found = progress.next_open()
        assert found is not None
        assert found.task.name == name
        progress.checked(name, Passed())
    assert progress.next_open() is None


def test_what_has_passed_stays_so(progress):
    progress.checked("files", Passed(message="yes"))
    found = progress.checked("files", NotYet(message="no"))
    assert found.standing is Standing.PASSED
    assert (found.points, found.attempts, found.last) == (1, 2, NotYet(message="no"))
    assert progress.find("pipes").standing is Standing.OPEN


def test_only_not_yet_is_a_failure(progress):
    progress.checked("pipes", Broken(reason="no shell"))
    progress.checked("pipes", TimedOut(seconds=15))
    found = progress.checked("pipes", NotYet())
    assert (found.attempts, found.failures, found.deserves_hint) == (3, 1, False)
    assert progress.checked("pipes", NotYet()).deserves_hint
    assert not progress.checked("pipes", Passed()).deserves_hint


def test_hints_are_counted(progress):
    assert progress.hinted("text").hints == 1
    assert progress.hinted("text").hints == 2


def test_a_name_that_is_no_task_gets_the_nearest(progress):
    with pytest.raises(UsageError, match="no task 'pipe'") as caught:
        progress.find("pipe")
    assert caught.value.advice == "Did you mean pipes?"
    with pytest.raises(UsageError) as caught:
        progress.find("xyz")
    assert caught.value.advice == "Its tasks are: files, pipes, text, last."


def test_a_task_that_names_one_which_is_not_there_is_not_locked_for_ever():
    progress = Progress([Task("a", after=("nowhere",))])
    assert progress.find("a").standing is Standing.OPEN


def test_tasks_that_wait_for_each_other_are_checked_all_the_same():
    progress = Progress([Task("a", after=("b",)), Task("b", after=("a",))])
    found = progress.next_open()
    assert found is not None
    assert found.task.name == "a"
