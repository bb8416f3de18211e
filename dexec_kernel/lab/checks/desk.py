"""Where a student's checks and hints come from: the runner, and how far the student is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dexec_kernel.errors import UsageError
from dexec_kernel.lab.checks.facts import Facts
from dexec_kernel.lab.checks.runner import CheckRunner
from dexec_kernel.lab.progress import Progress, TaskProgress
from dexec_kernel.lab.result import CheckResult


@dataclass(frozen=True, slots=True)
class Checked:
    """A check that has run: the task as it is now, and whether there is a hint to offer."""

    progress: TaskProgress
    result: CheckResult
    has_hint: bool


@dataclass(frozen=True, slots=True)
class Hint:
    """One hint, in Markdown: the ``number``-th of ``count``."""

    progress: TaskProgress
    number: int
    count: int
    text: str


class CheckDesk:
    """The checks and hints of one kernel of a lab.

    ``progress`` is how far its student is, ``student`` returns the id of the lab's first container.
    With ``tells`` the one who runs them is the teacher, who sees all texts.
    """

    def __init__(
        self,
        runner: CheckRunner,
        progress: Progress,
        *,
        student: Callable[[], str],
        tells: bool = False,
    ) -> None:
        self._runner = runner
        self.progress = progress
        self.student = student
        self.tells = tells

    def choose(self, name: str) -> TaskProgress:
        """Return a task, the next open one without a name. Raises :class:`UsageError`."""
        if name:
            return self.progress.find(name)
        found = self.progress.next_open()
        if found is None:
            raise UsageError(
                "Every task of the lab has passed.", advice="%check NAME checks one again."
            )
        return found

    async def check(self, name: str, facts: Facts) -> Checked:
        """Run the check of a task, and take note of the result."""
        task = self.progress.find(name).task
        result = await self._runner.run(task, self.student(), facts)
        found = self.progress.checked(name, result)
        has_hint = found.deserves_hint and found.hints < len(self._runner.texts.hints(name))
        self._runner.prepare()
        return Checked(found, result, has_hint)

    @property
    def hints(self) -> frozenset[str]:
        """The names of the tasks for which a hint is offered."""
        deserving = (found.task.name for found in self.progress if found.deserves_hint)
        return frozenset(name for name in deserving if self._runner.texts.hints(name))

    def hint(self, name: str) -> Hint:
        """Return the next hint of a task; the last once more where all were shown.

        Raises :class:`UsageError` where there is none, or not yet.
        """
        found = self.choose(name)
        task = found.task
        hints = self._runner.texts.hints(task.name)
        if not hints:
            raise UsageError(f"The task {task.name} has no hints.")
        if found.failures < task.hints_after:
            raise UsageError(
                f"Hints for {task.name} come after {task.hints_after} checks that have not passed:"
                f" {found.failures} so far.",
                advice=f"%check {task.name}",
            )
        if found.hints < len(hints):
            found = self.progress.hinted(task.name)
        number = min(found.hints, len(hints))
        return Hint(found, number, len(hints), hints[number - 1])

    def prepare_soon(self) -> None:
        """Have a checker wait when the student has been quiet for a moment."""
        self._runner.prepare_soon()

    async def aclose(self) -> None:
        """Remove all checkers. May be called twice."""
        await self._runner.aclose()
