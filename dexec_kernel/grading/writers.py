"""A report as rows for a terminal, as JSON and as CSV. No I/O."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from dexec_kernel.grading.results import Report, Row, State, one_line

#: A cell that begins with one of these is a formula for spreadsheets, which run it on opening.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
#: Short words for a column as narrow as a task's name.
_MARKS = {
    State.PASSED: "passed",
    State.FAILED: "failed",
    State.BROKEN: "BROKEN",
    State.TIMED_OUT: "TIMED OUT",
    State.NOT_REACHED: "-",
}


def table(report: Report) -> list[list[str]]:
    """Return a row of titles, and a row for each notebook."""
    titles = ["NOTEBOOK", "POINTS", *(task.name for task in report.tasks)]
    return [titles, *(_table_row(report, row) for row in report.rows)]


def remarks(report: Report) -> list[str]:
    """Return a sentence for all that the table has no room for, with the name of the notebook."""
    found = []
    for row in report.rows:
        sentences = [row.problem, *row.notes, *row.differences(report.tasks)]
        for task in report.tasks:
            outcome = row.outcome(task.name)
            if outcome.state in {State.BROKEN, State.TIMED_OUT}:
                message = f": {outcome.message}" if outcome.message else ""
                sentences.append(f"{task.name}: the check is {outcome.state.value}{message}")
        found += [one_line(f"{row.name}: {sentence}") for sentence in sentences if sentence]
    return found


def to_json(report: Report) -> str:
    """Return a report as JSON, in ASCII."""
    content = {
        "lab": report.title,
        "complete": report.complete,
        "max_points": report.max_points,
        "tasks": [
            {"name": task.name, "title": task.title, "points": task.points} for task in report.tasks
        ],
        "notebooks": [_json_row(report, row) for row in report.rows],
    }
    return json.dumps(content, indent=2) + "\n"


def to_csv(report: Report) -> str:
    """Return a report as CSV for spreadsheets; no text in it is a formula."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    titles = ["notebook", "points", "max_points"]
    for task in report.tasks:
        titles += [task.name, f"{task.name} points"]
    writer.writerow([*titles, "seconds", "problem", "differs", "notes"])
    for row in report.rows:
        cells: list[str | float] = [row.name, row.points(report.tasks), report.max_points]
        for task in report.tasks:
            state = row.outcome(task.name).state
            cells += [state.value, task.points if state is State.PASSED else 0]
        cells += [round(row.seconds, 3), row.problem]
        cells += ["; ".join(row.differences(report.tasks)), "; ".join(row.notes)]
        writer.writerow([_csv_cell(cell) for cell in cells])
    return stream.getvalue()


def _table_row(report: Report, row: Row) -> list[str]:
    points = f"{row.points(report.tasks):g}/{report.max_points:g}"
    marks = [_MARKS[row.outcome(task.name).state] for task in report.tasks]
    return [row.name, points, *marks]


def _json_row(report: Report, row: Row) -> dict[str, Any]:
    tasks: dict[str, Any] = {}
    for task in report.tasks:
        outcome = row.outcome(task.name)
        is_passed = outcome.state is State.PASSED
        tasks[task.name] = {
            "state": outcome.state.value,
            "points": task.points if is_passed else 0,
            "message": outcome.message,
            "shown": row.shown.get(task.name),
            "at_the_end": outcome.at_the_end,
            "seconds": round(outcome.seconds, 3),
        }
    return {
        "notebook": row.name,
        "path": str(row.path).encode("utf-8", "backslashreplace").decode(),
        "points": row.points(report.tasks),
        "seconds": round(row.seconds, 3),
        "problem": row.problem,
        "notes": list(row.notes),
        "differs": list(row.differences(report.tasks)),
        "tasks": tasks,
    }


def _csv_cell(value: str | float) -> str | float:
    if not isinstance(value, str):
        return f"{value:g}"
    text = one_line(value)
    return f"'{text}" if value.lstrip(" ").startswith(_FORMULA) else text
