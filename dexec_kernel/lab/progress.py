"""How far a student is: the state of each task of a lab. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import Enum

from dexec_kernel.errors import UsageError
from dexec_kernel.lab.result import CheckResult, NotYet, Passed
from dexec_kernel.lab.spec import Task


class Standing(Enum):
    """Where a task stands; the values are words for people."""

    #: Tasks that come before it have not passed. It can be checked all the same.
    LATER = "later"
    OPEN = "open"
    PASSED = "passed"


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """One task. ``attempts`` counts all checks, ``failures`` those that have said "not yet".

    ``waits_for`` names the tasks that have to pass first. A task that has passed stays passed;
    ``last`` is the latest result all the same. ``hints`` is the number of hints that were shown.
    """

    task: Task
    standing: Standing
    waits_for: tuple[str, ...] = ()
    attempts: int = 0
    failures: int = 0
    hints: int = 0
    last: CheckResult | None = None

    @property
    def points(self) -> float:
        """The points that the student has for it."""
        return self.task.points if self.standing is Standing.PASSED else 0

    @property
    def deserves_hint(self) -> bool:
        """Whether a hint is offered by now."""
        return self.standing is not Standing.PASSED and self.failures >= self.task.hints_after


class Progress:
    """The tasks of a lab, in its order, as one kernel knows them."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = {
            task.name: TaskProgress(task, Standing.LATER if task.after else Standing.OPEN)
            for task in tasks
        }

    def __iter__(self) -> Iterator[TaskProgress]:
        """Iterate over all tasks."""
        return (self._look(name) for name in self._tasks)

    @property
    def points(self) -> float:
        """The points that the student has."""
        return sum(task.points for task in self)

    @property
    def max_points(self) -> float:
        """The points of all tasks."""
        return sum(found.task.points for found in self)

    def find(self, name: str) -> TaskProgress:
        """Return a task. Raises :class:`UsageError` for one that there is not."""
        if name not in self._tasks:
            near = get_close_matches(name, self._tasks, 1)
            raise UsageError(
                f"The lab has no task {name!r}.",
                advice=f"Did you mean {near[0]}?"
                if near
                else f"Its tasks are: {', '.join(self._tasks) or 'none'}.",
            )
        return self._look(name)

    def next_open(self) -> TaskProgress | None:
        """Return the first task that is open; None where all have passed."""
        waiting = [found for found in self if found.standing is not Standing.PASSED]
        is_open = (found for found in waiting if found.standing is Standing.OPEN)
        return next(is_open, waiting[0] if waiting else None)

    def checked(self, name: str, result: CheckResult) -> TaskProgress:
        """Take note of a result; return the task as it is then."""
        before = self.find(name)
        is_passed = before.standing is Standing.PASSED or isinstance(result, Passed)
        self._tasks[name] = replace(
            before,
            standing=Standing.PASSED if is_passed else before.standing,
            attempts=before.attempts + 1,
            failures=before.failures + isinstance(result, NotYet),
            last=result,
        )
        return self._look(name)

    def hinted(self, name: str) -> TaskProgress:
        """Take note that one more hint was shown; return the task as it is then."""
        before = self.find(name)
        self._tasks[name] = replace(before, hints=before.hints + 1)
        return self._look(name)

    def _look(self, name: str) -> TaskProgress:
        found = self._tasks[name]
        if found.standing is Standing.PASSED:
            return replace(found, waits_for=())
        waits_for = tuple(
            other
            for other in found.task.after
            if other in self._tasks and self._tasks[other].standing is not Standing.PASSED
        )
        standing = Standing.LATER if waits_for else Standing.OPEN
        return replace(found, standing=standing, waits_for=waits_for)
