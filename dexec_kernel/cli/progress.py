"""How far a long command is: a moving line on a terminal, else a line for each step, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dexec_kernel.cli.terminal import complain, printable
from dexec_kernel.grading.results import Row
from dexec_kernel.lab.spec import Task

if TYPE_CHECKING:
    from rich.status import Status

#: How many notebooks that are being run the line names.
_NAMED = 3


@contextmanager
def step_teller() -> Iterator[Callable[[str], None]]:
    """Yield what tells the step that is being done. Without a terminal it tells nothing."""
    with _line() as line:
        yield line or _nothing


def _nothing(_text: str) -> None:
    """Tell nobody."""


@contextmanager
def _line() -> Iterator[Callable[[str], None] | None]:
    """Yield what sets the line of a terminal, None without one."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 -- slow, and a pipe does without
    from rich.markup import escape  # noqa: PLC0415

    status: Status
    with Console(stderr=True).status("") as status:
        yield lambda text: status.update(escape(printable(text)))


@contextmanager
def grading_progress(count: int, tasks: Sequence[Task]) -> Iterator[GradingProgress]:
    """Yield what tells how many of ``count`` notebooks are graded."""
    with _line() as line:
        yield GradingProgress(count, tasks, line)


class GradingProgress:
    """Tells how far grading is, in the line of a terminal, or in lines where there is none."""

    def __init__(
        self, count: int, tasks: Sequence[Task], line: Callable[[str], None] | None
    ) -> None:
        self._count = count
        self._tasks = tasks
        self._line = line
        self._running: list[str] = []
        self._done = 0

    def started(self, name: str) -> None:
        """Tell that a notebook is being run."""
        self._running.append(name)
        self._show()

    def finished(self, row: Row) -> None:
        """Tell that a notebook is graded."""
        self._running.remove(row.name)
        self._done += 1
        if self._line is None:
            most = sum(task.points for task in self._tasks)
            points = f"{row.points(self._tasks):g} of {most:g} points"
            complain(f"{self._done}/{self._count}  {row.name}: {row.problem or points}")
        self._show()

    def _show(self) -> None:
        if self._line is None:
            return
        names = ", ".join(self._running[:_NAMED])
        more = ", …" if len(self._running) > _NAMED else ""
        self._line(f"{self._done} of {self._count} graded; running {names}{more}")
