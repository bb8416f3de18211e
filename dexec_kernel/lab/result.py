"""The result of a check, and its record: what a program reads of it in a stored notebook."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dexec_kernel.lab.spec import Task

#: In characters: of the text that is the teacher's, in an error.
_TOLD = 500
MIME_TYPE = "application/vnd.dexec.check+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """What every result has.

    ``message`` is the check's stdout, for the student; ``stderr`` is the teacher's alone.
    ``duration`` is in seconds. ``notes`` are sentences of ours, for both: such as that a link was
    not handed to the check.
    """

    message: str = ""
    stderr: str = field(default="", repr=False)
    duration: float = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed(_Result):
    """The check's exit code was 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotYet(_Result):
    """The check's exit code was 1: the student has not done it yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken(_Result):
    """The check could not run, or ended otherwise: nothing is known of the student's work.

    ``reason`` is a sentence. ``exit_code`` is None where the check has not begun.
    """

    reason: str
    exit_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedOut(_Result):
    """The check was ended after ``seconds``: nothing is known of the student's work."""

    seconds: float


CheckResult = Passed | NotYet | Broken | TimedOut


def state_of(result: CheckResult) -> str:
    """Return the word of the record for a result."""
    match result:
        case Passed():
            return "passed"
        case NotYet():
            return "not yet"
        case Broken():
            return "broken"
        case TimedOut():
            return "timed out"


def result_of(
    exit_code: int,
    *,
    message: str = "",
    stderr: str = "",
    notes: tuple[str, ...] = (),
    why: str = "",
) -> Passed | NotYet | Broken:
    """Return what an exit code means. ``why`` explains it, such as "out of memory"."""
    match exit_code:
        case 0:
            return Passed(message=message, stderr=stderr, notes=notes)
        case 1:
            return NotYet(message=message, stderr=stderr, notes=notes)
        case _:
            reason = f"The check ended with exit code {exit_code}{f' ({why})' if why else ''}."
            return Broken(
                message=message, stderr=stderr, notes=notes, reason=reason, exit_code=exit_code
            )


def last_words(text: str) -> str:
    """Return the end of what a script has printed for its teacher, "" for nothing."""
    words = " ".join(text.split())
    return f" It printed at last: {words[-_TOLD:]}" if words else ""


def record_of(task: Task, result: CheckResult, *, attempt: int) -> dict[str, object]:
    """Return the record. ``attempt`` is the number of the check in its kernel, from 1."""
    return {
        "task": task.name,
        "state": state_of(result),
        "points": task.points if isinstance(result, Passed) else 0,
        "max_points": task.points,
        "message": result.message,
        "attempt": attempt,
        "duration_s": round(result.duration, 3),
    }
