"""The outcome of ``lab test``: what each check said, when, and what is wrong with that. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum

from dexec_kernel.lab.spec import Task

PASSED, NOT_YET = "passed", "not yet"


class Moment(Enum):
    """When a check ran; the values stand in sentences."""

    FRESH = "in a fresh lab"
    SOLVED = "after its solution"
    AFTER_ALL = "after all solutions"


@dataclass(frozen=True, slots=True)
class Look:
    """One run of a check. ``state`` is its record's word, or "" where there was no record.

    ``solution`` says how the solution before it failed, "" if it did not.
    """

    task: str
    moment: Moment
    run: int
    state: str
    message: str = ""
    seconds: float = 0.0
    solution: str = ""

    @property
    def is_right(self) -> bool:
        """Whether the check said what it should at that moment."""
        return self.state == (NOT_YET if self.moment is Moment.FRESH else PASSED)


@dataclass(slots=True)
class Proof:
    """All runs of all checks, and the ``obstacles``: runs that ended before their end, and why."""

    tasks: tuple[Task, ...]
    runs: int
    looks: list[Look] = field(default_factory=list)
    obstacles: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every check ran at every moment, and was right."""
        wanted = len(self.tasks) * len(Moment) * self.runs
        is_whole = len(self.looks) == wanted and not self.obstacles
        return is_whole and all(look.is_right for look in self.looks)

    def faults(self) -> list[str]:
        """Return a sentence for each fault, once where every run has it."""
        found: dict[str, list[int]] = {}
        for look in self.looks:
            if not look.is_right:
                found.setdefault(_fault(look), []).append(look.run)
        return [*self.obstacles, *(f"{text}{self._when(runs)}" for text, runs in found.items())]

    def table(self) -> list[list[str]]:
        """Return a row of titles, and a row for each task; times are those of the slowest check."""
        titles = ["TASK", "FRESH", "SOLVED", "AFTER ALL", "SLOWEST", ""]
        return [titles, *(self._row(task) for task in self.tasks)]

    def _row(self, task: Task) -> list[str]:
        looks = [look for look in self.looks if look.task == task.name]
        cells = [_states(look for look in looks if look.moment is moment) for moment in Moment]
        slowest = max((look.seconds for look in looks), default=0.0)
        is_right = len(looks) == len(Moment) * self.runs and all(look.is_right for look in looks)
        time = f"{slowest:.2f} s" if looks else "-"
        return [task.name, *cells, time, "ok" if is_right else "FAULT"]

    def _when(self, runs: Sequence[int]) -> str:
        if len(set(runs)) == self.runs:
            return ""
        return f" (in run {', '.join(map(str, runs))} of {self.runs} alone)"


def _states(looks: Iterator[Look]) -> str:
    """Return the states of one moment in all runs: one word where they agree."""
    words = [look.state or "no answer" for look in looks]
    if len(set(words)) <= 1:
        return words[0] if words else "-"
    return ", then ".join(words)


def _fault(look: Look) -> str:
    said = f": {look.message}" if look.message else ""
    if look.state not in {PASSED, NOT_YET}:
        return f"{look.task}: {look.moment.value} its check is {look.state or 'no answer'}{said}"
    if look.moment is Moment.FRESH:
        return f"{look.task}: its check passes in a fresh lab, where nothing has been done"
    if look.moment is Moment.AFTER_ALL:
        return f"{look.task}: its check does not pass after all solutions{said}"
    blame = f" (the solution: {look.solution})" if look.solution else ""
    return f"{look.task}: its check does not pass after its solution{blame}{said}"
