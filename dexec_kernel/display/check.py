"""The bar of a check: how it went, and below it the message. No I/O."""

from __future__ import annotations

from typing import Any

from dexec_kernel.display.html import bundle, display, element
from dexec_kernel.display.line import AMBER, BLUE, GREEN, RED, Look, Part, line_html, line_text
from dexec_kernel.display.markdown import shown_markdown
from dexec_kernel.display.style import box
from dexec_kernel.display.text import one_line, some_lines
from dexec_kernel.lab.checks.desk import Checked, Hint
from dexec_kernel.lab.result import (
    MIME_TYPE,
    Broken,
    CheckResult,
    NotYet,
    Passed,
    TimedOut,
    record_of,
)
from dexec_kernel.lab.spec import Task
from dexec_kernel.units import format_duration

_MESSAGE = box(18, ";white-space:pre-wrap;padding-top:2px;max-height:24em;overflow:auto")
_NOTE = box(18, ";opacity:.75")
#: The one thing to say of a check that tells nothing of the student.
_NOT_YOURS = "This says nothing about your work, and does not count."


def running_data(task: Task) -> dict[str, str]:
    """Return the mime bundle of a check that runs."""
    look, parts = Look("●", BLUE, "checking"), _task_parts(task)
    return bundle(line_html(look, parts), line_text(look, parts))


def check_data(checked: Checked, *, is_news: bool = False) -> dict[str, Any]:
    """Return the mime bundle of a check that has run, with its record."""
    found, result = checked.progress, checked.result
    task = found.task
    look = _look(result)
    points = task.points if isinstance(result, Passed) else 0
    parts = [
        *_task_parts(task),
        Part(f"{points:g} of {_count(task.points, 'point')}", "the points of this check"),
        Part(f"attempt {found.attempts}", "how often the task was checked in this kernel"),
        Part(format_duration(result.duration), "how long the check took"),
    ]
    lines = _lines(checked)
    below = [element("div", text, style=style) for text, style in lines]
    html = display("div", line_html(look, parts, is_news=is_news), *below, class_="dexec-check")
    plain = "\n".join([line_text(look, parts), *(text for text, _ in lines)])
    record = record_of(task, result, attempt=found.attempts)
    return {**bundle(html, plain), MIME_TYPE: record}


def hint_data(hint: Hint) -> dict[str, str]:
    """Return the mime bundle of a hint."""
    head = f"Hint {hint.number} of {hint.count} for {one_line(hint.progress.task.name)}"
    return {
        "text/markdown": f"**{head}**\n\n{shown_markdown(hint.text)}",
        "text/plain": f"{head}\n\n{some_lines(hint.text)}",
    }


def ending_of(result: CheckResult) -> str:
    """Return how a check went, in words for an error."""
    match result:
        case Passed():
            return "passed"
        case NotYet():
            return "not yet"
        case Broken(reason=reason):
            return f"the check is broken. {reason}"
        case TimedOut(seconds=seconds):
            return f"the check took more than {seconds:g} s, and was ended"


def _look(result: CheckResult) -> Look:
    match result:
        case Passed():
            return Look("✓", GREEN, "passed")
        case NotYet():
            return Look("✗", RED, "not yet")
        case Broken():
            return Look("!", AMBER, "broken")
        case TimedOut():
            return Look("■", AMBER, "timed out")


def _task_parts(task: Task) -> list[Part]:
    title = one_line(task.title)
    parts = [Part(one_line(task.name), f"the task {one_line(task.name)}")]
    return [*parts, Part(title, title, shrink=1)] if title else parts


def _lines(checked: Checked) -> list[tuple[str, str]]:
    """Return the texts below the bar, with their styles."""
    found, result = checked.progress, checked.result
    lines = [(some_lines(result.message), _MESSAGE)] if result.message else []
    if isinstance(result, Broken | TimedOut):
        ending = ending_of(result)
        lines.append((f"{ending[0].upper()}{ending[1:].rstrip('.')}. {_NOT_YOURS}", _NOTE))
    lines += [(some_lines(note), _NOTE) for note in result.notes]
    if found.waits_for and not isinstance(result, Passed):
        names = ", ".join(map(one_line, found.waits_for))
        lines.append((f"This task comes after: {names}.", _NOTE))
    if checked.has_hint:
        lines.append((f"%hint {one_line(found.task.name)} shows a hint.", _NOTE))
    return lines


def _count(number: float, noun: str) -> str:
    return f"{number:g} {noun}{'' if number == 1 else 's'}"
