"""The outcome of grading: a row for each notebook, a column for each task. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path, PurePath

from dexec_kernel.lab.spec import Task


class State(Enum):
    """The outcome of a task; the values are the words of every report."""

    PASSED = "passed"
    FAILED = "failed"
    #: The check could not run, or ended with an exit code that is neither 0 nor 1.
    BROKEN = "broken"
    #: The check took longer than its time limit.
    TIMED_OUT = "timed out"
    #: The notebook's time was over, its kernel had ended, or it could not be run at all.
    NOT_REACHED = "not reached"

    @classmethod
    def of_record(cls, word: str) -> State:
        """Return the state for the word that a check's record has."""
        words = {"passed": cls.PASSED, "not yet": cls.FAILED, "timed out": cls.TIMED_OUT}
        return words.get(word, cls.BROKEN)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one task; ``seconds`` is the duration of its check.

    ``at_the_end`` tells that the notebook has no cell for the check: it ran after all cells.
    """

    state: State = State.NOT_REACHED
    message: str = ""
    seconds: float = 0.0
    at_the_end: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One notebook. ``problem`` says why it could not be graded to its end, "" if it could.

    ``notes`` are for the teacher: cells that ran into the time limit, for example. ``shown`` are
    the states that the submission shows; ``seconds`` is the time that its cells took.
    """

    name: str
    path: Path
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    def outcome(self, task: str) -> Outcome:
        """Return the outcome of a task."""
        return self.outcomes.get(task, Outcome())

    def points(self, tasks: Sequence[Task]) -> float:
        """Return the points of the tasks that are passed, as the lab counts them."""
        return sum(task.points for task in tasks if self.outcome(task.name).state is State.PASSED)

    def differences(self, tasks: Sequence[Task]) -> tuple[str, ...]:
        """Return a sentence for each task whose outcome is not what the submission shows."""
        found = []
        for task in tasks:
            word = self.shown.get(task.name)
            state = self.outcome(task.name).state
            if word is not None and (word == State.PASSED.value) != (state is State.PASSED):
                shown = "passed" if word == State.PASSED.value else "not passed"
                found.append(f"{task.name}: the notebook shows {shown}, it is {state.value}")
        return tuple(found)

    @property
    def needs_a_look(self) -> bool:
        """Whether a teacher has to look: it was not graded to its end, or a check is broken."""
        broken = (State.BROKEN, State.TIMED_OUT)
        return bool(self.problem) or any(
            outcome.state in broken for outcome in self.outcomes.values()
        )


@dataclass(frozen=True, slots=True)
class Report:
    """A graded class. Where it is not ``complete``, grading was interrupted."""

    title: str
    tasks: tuple[Task, ...]
    rows: tuple[Row, ...] = ()
    complete: bool = True

    @property
    def max_points(self) -> float:
        """The points of all tasks."""
        return sum(task.points for task in self.tasks)


def names_of(paths: Sequence[PurePath]) -> list[str]:
    """Return names that tell paths apart: the end of each, as long as it has to be."""
    longest = max((len(path.parts) for path in paths), default=1)
    for length in range(1, longest + 1):
        names = ["/".join(path.parts[-length:]) for path in paths]
        if len(set(names)) == len(names):
            return [one_line(name) for name in names]
    return [one_line(str(path)) for path in paths]


def one_line(text: str) -> str:
    """Return text that can be written, and is one line: what students name may be any bytes."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
