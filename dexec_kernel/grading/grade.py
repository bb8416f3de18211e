"""Grades notebooks: each runs in a fresh lab, cell by cell, several of them side by side."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from dexec_kernel.grading.results import Outcome, Report, Row, State, names_of
from dexec_kernel.grading.session import Ended, LabSession, Ran, StartSession
from dexec_kernel.grading.submission import CHECK_MAGIC, CodeCell, Submission, read_submission
from dexec_kernel.lab.spec import Lab, Task

#: In bytes: outputs included, no notebook that a student has written is larger.
LARGEST = 64 * 1024 * 1024
#: In seconds: what a check may take beside its own time limit, which its container enforces.
_AROUND_CHECK = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """In seconds: how long a cell may take, and all cells of a notebook together.

    The time in which the lab is made does not count.
    """

    cell: float = 60.0
    notebook: float = 600.0


class Watcher(Protocol):
    """Is told how far grading is."""

    def started(self, name: str) -> None:
        """Tell that a notebook is being run."""

    def finished(self, row: Row) -> None:
        """Tell that a notebook is graded."""


class Grader:
    """Grades notebooks in labs of their own; ``parallel`` of them run cells at a time.

    What is graded is in :attr:`report`, also where :meth:`grade` was cancelled.
    """

    def __init__(
        self,
        lab: Lab,
        start: StartSession,
        watcher: Watcher,
        *,
        limits: Limits | None = None,
        parallel: int = 1,
    ) -> None:
        self._lab = lab
        self._start = start
        self._watcher = watcher
        self._limits = limits or Limits()
        self._parallel = parallel
        self._rows: dict[int, Row] = {}
        self._paths: tuple[Path, ...] = ()
        self._reading = asyncio.Lock()
        self._files: dict[tuple[int, int], str] = {}

    @property
    def report(self) -> Report:
        """The rows of the notebooks that are graded, in the order in which they were given."""
        rows = tuple(self._rows[index] for index in sorted(self._rows))
        complete = len(rows) == len(self._paths)
        return Report(self._lab.title, self._lab.tasks, rows, complete)

    async def grade(self, paths: Iterable[Path]) -> Report:
        """Grade notebooks; one that is given twice is graded once."""
        self._paths = tuple(dict.fromkeys(paths))
        names = names_of(self._paths)
        waiting = iter(list(enumerate(zip(self._paths, names, strict=True))))

        turn = asyncio.Semaphore(self._parallel)

        async def work() -> None:
            for index, (path, name) in waiting:
                self._watcher.started(name)
                row = await self._grade_one(path, name, turn)
                self._rows[index] = row
                self._watcher.finished(row)

        # While some run their cells, the labs of the next ones are made, and old ones removed.
        workers = self._parallel + (self._parallel + 1) // 2
        async with asyncio.TaskGroup() as group:
            for _ in range(min(workers, len(self._paths))):
                group.create_task(work())
        return self.report

    async def _grade_one(self, path: Path, name: str, turn: asyncio.Semaphore) -> Row:
        try:
            # One after the other, so that their labs begin in the order of the notebooks.
            async with self._reading:
                submission = await asyncio.to_thread(_read, path)
        except ValueError as error:
            return Row(name, path, problem=str(error))
        except OSError as error:
            return Row(name, path, problem=f"it cannot be read: {error.strerror or error}")
        run = _Run(self._lab.tasks, self._limits)
        run.notes += self._shared(path, name)
        async with self._start() as session:
            problem = await session.ready()
            if not problem:
                async with turn:
                    problem = await run.all(session, submission)
        return Row(
            name,
            path,
            outcomes=run.outcomes,
            shown=submission.shown,
            problem=problem,
            notes=tuple(run.notes),
            seconds=run.seconds,
        )

    def _shared(self, path: Path, name: str) -> Iterator[str]:
        """Yield a note where the file may be the work of somebody else."""
        if path.is_symlink():
            yield f"it is a link to {path.resolve()}"
        with suppress(OSError):  # It was there to be read.
            found = path.stat()
            other = self._files.setdefault((found.st_dev, found.st_ino), name)
            if other != name:
                yield f"it is the same file as {other}"


def _read(path: Path) -> Submission:
    """Read a notebook. Raises OSError, and ValueError whose text says what is wrong."""
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise ValueError("it is a folder; name the notebooks in it")
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is not a file")
    if found.st_size > LARGEST:
        raise ValueError(f"it has more than {LARGEST // 1024**2} MiB")
    return read_submission(path.read_bytes())


@dataclass
class _Run:
    """One notebook in its lab."""

    tasks: Sequence[Task]
    limits: Limits
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    async def all(self, session: LabSession, submission: Submission) -> str:
        """Run all cells, and the checks that none of them has; return what ended that early."""
        for cell in submission.cells:
            left = self.limits.notebook - self.seconds
            if left <= 0:
                return f"its time of {self.limits.notebook:g} s was over before cell {cell.number}"
            limit = min(left, self.limits.cell) + self._time_of_checks(cell)
            ran = await session.run(cell.source, limit=limit)
            self.seconds += ran.seconds
            if cell.checks:
                self._note(ran, at_the_end=False)
            if ran.ended is Ended.LOST:
                return f"its kernel ended, or stopped answering, in cell {cell.number}"
            if ran.ended is Ended.TIMED_OUT:
                self.notes.append(f"cell {cell.number} ran into the time limit of {limit:g} s")
        return await self._check_the_rest(session)

    async def _check_the_rest(self, session: LabSession) -> str:
        """Run the checks that have not run: those whose cells are missing, or were refused."""
        for task in in_order(self.tasks):
            if task.name in self.outcomes:
                continue
            ran = await check(session, task)
            self._note(ran, at_the_end=True)
            if ran.ended is Ended.LOST:
                return f"its kernel ended, or stopped answering, in the check of {task.name}"
            if task.name not in self.outcomes:
                self.outcomes[task.name] = self._without_record(task, ran)
        return ""

    def _time_of_checks(self, cell: CodeCell) -> float:
        """Return the seconds that the checks of a cell may take beside the cell's own time.

        One that is there more than once has the time of one: a cell may have thousands.
        """
        names = set(cell.checks)
        # A check without a name may be that of any task.
        tasks = [task for task in self.tasks if task.name in names or "" in names]
        return sum(task.timeout + _AROUND_CHECK for task in tasks)

    def _note(self, ran: Ran, *, at_the_end: bool) -> None:
        """Take note of the outcome of checks. A task that was passed once is passed."""
        for record in ran.records:
            name = record.get("task")
            before = self.outcomes.get(str(name))
            if before is not None and before.state is State.PASSED:
                continue
            self.outcomes[str(name)] = Outcome(
                State.of_record(str(record.get("state"))),
                message_of(record, ran),
                float(record.get("duration_s") or 0.0),
                at_the_end,
            )

    def _without_record(self, task: Task, ran: Ran) -> Outcome:
        """Return the outcome of a check that was refused, or has not answered."""
        open_tasks = [
            name
            for name in task.after
            if self.outcomes.get(name, Outcome()).state is not State.PASSED
        ]
        if open_tasks:
            message = f"comes after {', '.join(open_tasks)}"
            return Outcome(State.FAILED, message, at_the_end=True)
        if ran.ended is Ended.TIMED_OUT:
            return Outcome(State.TIMED_OUT, at_the_end=True)
        said = ": ".join(part for part in (ran.error, ran.message) if part)
        return Outcome(State.BROKEN, said or "the check has shown no result", at_the_end=True)


def message_of(record: Mapping[str, Any], ran: Ran) -> str:
    """Return the text of a check's result: its own, or why it could not run."""
    is_known = State.of_record(str(record.get("state"))) in {State.PASSED, State.FAILED}
    message = str(record.get("message", "")).strip()
    return message if is_known else ran.message or message


async def check(session: LabSession, task: Task) -> Ran:
    """Run the check of a task, as a cell of ours."""
    return await session.run(f"{CHECK_MAGIC} {task.name}", limit=task.timeout + _AROUND_CHECK)


def in_order(tasks: Sequence[Task]) -> list[Task]:
    """Return tasks in their order, each behind those that it comes after."""
    found: list[Task] = []
    waiting = list(tasks)
    names = {task.name for task in tasks}
    while waiting:
        done = {task.name for task in found}
        free = [task for task in waiting if set(task.after) & names <= done]
        # Tasks that wait for each other are a mistake that lint names: they come as they are.
        following = (free or waiting)[0]
        found.append(following)
        waiting.remove(following)
    return found
