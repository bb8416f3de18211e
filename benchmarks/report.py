"""The results as JSON, as Markdown in the documentation, and as a plot."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.measure import GOAL_HEADERS, HEADERS, Row, markdown
from benchmarks.plot import svg
from devtools import api

_DOCS = Path(__file__).resolve().parent.parent / "docs"
_JSON, _PAGE, _PLOT = "benchmarks.json", "benchmarks.md", "images/benchmarks.svg"
_PACKAGES = ("dexec-kernel", "ipykernel", "jupyter_client", "pyzmq", "tornado", "bash_kernel")
#: The subjects in the plot; the others are only in the table.
_PLOTTED = ("cells", "output", "start", "memory")


class ReportError(Exception):
    """The results do not fit the documentation; the message says why."""


def machine(host: str) -> dict[str, str]:
    """Describe the machine, without names of machines, people or folders."""
    engine = api.call_json(host, "GET", "/version")
    found = {
        "CPUs": f"{os.cpu_count()} of {_cpu()}",
        "system": f"{platform.system()} {platform.release()}",
        "engine": f"Docker Engine {engine['Version']} (API {engine['ApiVersion']})",
        "Python": platform.python_version(),
    }
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def content(
    machine: Mapping[str, str], rows: Mapping[str, Sequence[Row]], where: str
) -> dict[str, Any]:
    """Return everything for a program; the tables for people are made of it."""
    subjects = {subject: [_row(row) for row in found] for subject, found in rows.items()}
    today = datetime.now(UTC).date().isoformat()
    return {"measured": today, "machine": dict(machine), "subjects": subjects, "where": where}


def table(found: Mapping[str, Any]) -> str:
    """Return the table in Markdown."""
    lines = [row["text"] for rows in found["subjects"].values() for row in rows]
    return markdown(HEADERS, lines)


def goals(found: Mapping[str, Any]) -> str:
    """Return the table of the goals in Markdown."""
    rows = [row for rows in found["subjects"].values() for row in rows]
    return markdown(GOAL_HEADERS, [row["goal_text"] for row in rows if row.get("goal_text")])


def _row(row: Row) -> dict[str, Any]:
    goal = {} if row.goal is None else {"goal_text": row.goal_cells()}
    return {**row.to_json(), "text": row.cells(), **goal}


def merged(new: dict[str, Any], folder: Path = _DOCS) -> dict[str, Any]:
    """Return the documented figures, with the subjects that were measured now replaced.

    Raises :class:`ReportError` where the rest was measured on something else.
    """
    path = folder / _JSON
    if not path.exists():
        return new
    old = json.loads(path.read_text(encoding="utf-8"))
    if old["machine"] != new["machine"]:
        raise ReportError(
            f"{_JSON} was measured on another machine: {old['machine']}. Measure everything again."
        )
    subjects = {**old["subjects"], **new["subjects"]}
    return {**old, **new, "subjects": subjects, "where": new["where"] or old["where"]}


def with_one_core(new: Mapping[str, Any], folder: Path = _DOCS) -> dict[str, Any]:
    """Return the documented figures, with the goals as they were measured on one core."""
    old: dict[str, Any] = json.loads((folder / _JSON).read_text(encoding="utf-8"))
    return {**old, "one_core": {"measured": new["measured"], "subjects": new["subjects"]}}


def write(found: Mapping[str, Any], folder: Path = _DOCS) -> None:
    """Write JSON, plot, and the parts of the page between its marks.

    Raises :class:`ReportError` when the page has no such marks.
    """
    page = (folder / _PAGE).read_text(encoding="utf-8")
    what = "\n".join(f"- {name}: {value}" for name, value in found["machine"].items())
    parts = {
        "goals": goals(found),
        "one core": goals(found["one_core"]) if "one_core" in found else "Not measured yet.",
        "table": table(found),
        "machine": f"Measured on {found['measured']}, with:\n\n{what}",
        "where": found["where"],
    }
    for name, text in parts.items():
        page = _replaced(page, name, text)
    (folder / _PAGE).write_text(page, encoding="utf-8")
    (folder / _JSON).write_text(
        json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    (folder / _PLOT).write_text(svg(_panels(found)), encoding="utf-8")


def _panels(found: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of the plot, together where they have the same subject."""
    panels: dict[str, list[dict[str, Any]]] = {}
    for name in _PLOTTED:
        for row in found["subjects"].get(name, []):
            panels.setdefault(row["what"], []).append(row)
    return panels


def _replaced(page: str, name: str, text: str) -> str:
    begin, end = f"<!-- measured: {name} -->", f"<!-- end: {name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(page):
        raise ReportError(f"{_PAGE} has no part {begin} … {end}.")
    return pattern.sub(lambda _match: f"{begin}\n{text}\n{end}", page)


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
