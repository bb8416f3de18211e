"""A submitted notebook: its cells, and the results that it shows. No I/O.

A submission is not trusted, and may be anything. Nothing that it shows is believed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dexec_kernel.cells.source.cell import parse_cell
from dexec_kernel.errors import DexecError

#: The record of a check, as ``%check`` shows it.
CHECK_RECORD = "application/vnd.dexec.check+json"
CHECK_MAGIC = "%check"
_PASSED = "passed"
#: In characters: no student writes more into all cells together, and reading it takes a second.
_MOST_TEXT = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CodeCell:
    """A code cell. ``number`` is its place among all cells, from 1.

    ``checks`` are the tasks that it checks; "" is the next open one.
    """

    number: int
    source: str
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Submission:
    """A notebook that could be read. ``shown`` are the states that its outputs show, by task.

    ``kernel`` is the kernelspec that it names, "" for none.
    """

    cells: tuple[CodeCell, ...] = ()
    shown: Mapping[str, str] = field(default_factory=dict)
    kernel: str = ""


def read_submission(content: bytes) -> Submission:
    """Read a notebook of version 4, 3 or 2. Raises ValueError, whose text says what is wrong.

    A cell that is none is left out; the others are what a front end would show.
    """
    if not content.strip():
        raise ValueError("it is empty")
    try:
        notebook = json.loads(content)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"it is not JSON: {error}") from error
    cells = _cells(notebook)
    if cells is None:
        raise ValueError("it is JSON, and no notebook")
    sources = {
        number: source
        for number, cell in enumerate(cells, 1)
        if cell.get("cell_type") == "code" and (source := _source(cell)).strip()
    }
    if sum(map(len, sources.values())) > _MOST_TEXT:
        raise ValueError(f"the text of its cells has more than {_MOST_TEXT:,} characters")
    found = tuple(CodeCell(number, text, checks_of(text)) for number, text in sources.items())
    return Submission(found, _shown(cells), _kernel(notebook))


def checks_of(source: str) -> tuple[str, ...]:
    """Return the tasks that a cell checks; none where the kernel refuses the cell."""
    try:
        cell = parse_cell(source)
    except DexecError:
        return ()
    found = []
    for magic in cell.magics:
        if magic.sign == CHECK_MAGIC and "--help" not in magic.arguments:
            names = [word for word in magic.arguments if not word.startswith("-")]
            found.append(names[0] if names else "")
    return tuple(found)


def states_in(output: Any) -> Iterator[tuple[str, str]]:
    """Yield the tasks and states of the check's records in an output; it may be anything."""
    data = output.get("data") if isinstance(output, dict) else None
    record = data.get(CHECK_RECORD) if isinstance(data, dict) else None
    if isinstance(record, dict):
        task, state = record.get("task"), record.get("state")
        if isinstance(task, str) and isinstance(state, str):
            yield task, state


def _cells(notebook: Any) -> list[dict[str, Any]] | None:
    """Return the cells, each of them a table; None where it is no notebook."""
    if not isinstance(notebook, dict):
        return None
    sheets = notebook.get("worksheets")
    holders = sheets if "cells" not in notebook and isinstance(sheets, list) else [notebook]
    found = []
    for holder in holders:
        cells = holder.get("cells") if isinstance(holder, dict) else None
        if not isinstance(cells, list):
            return None
        found += [cell if isinstance(cell, dict) else {} for cell in cells]
    return found


def _source(cell: dict[str, Any]) -> str:
    """Return a cell's text; version 3 has it as its ``input``."""
    source = cell.get("source", cell.get("input"))
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    if not isinstance(source, str):
        return ""
    # Half a surrogate pair can be neither sent to a kernel nor written into a report.
    return source.encode("utf-8", "replace").decode()


def _shown(cells: list[dict[str, Any]]) -> dict[str, str]:
    """Return the states that are shown: the last one of each task, and passed once it has been."""
    found: dict[str, str] = {}
    for cell in cells:
        outputs = cell.get("outputs")
        for output in outputs if isinstance(outputs, list) else ():
            for task, state in states_in(output):
                if found.get(task) != _PASSED:
                    found[task] = state
    return found


def _kernel(notebook: dict[str, Any]) -> str:
    metadata = notebook.get("metadata")
    spec = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    name = spec.get("name") if isinstance(spec, dict) else None
    return name if isinstance(name, str) else ""
