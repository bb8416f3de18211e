"""The other files of a lab: scripts, hints and the notebook. No I/O.

Each function yields problems, a sentence each, without the name of the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from dexec_kernel.shell.language.grammar import check_syntax
from dexec_kernel.shell.language.lexer import SyntaxFault, Unfinished

#: In characters: a script's lines that are shorter say too little to be recognised elsewhere.
_TELLING = 12
_SHELL = re.compile(r"#!\s*\S*/(?:env\s+)?(?:ba|da|a|k)?sh\b")
_SECTION = re.compile(r"##\s+\S")
_NO_SECTION = re.compile(r"##[^#\s]")
_FENCE = re.compile(r"[ ]{0,3}(`{3,}|~{3,})")
_CHECK = re.compile(r"^[ \t]*%check(?:[ \t]+(?P<name>\S+))?[ \t]*$", re.MULTILINE)


def script_problems(text: str) -> Iterator[str]:
    """Look at a script that a shell in a container runs."""
    if not script_lines(text):
        yield "there is no command in it"
    if text.startswith("\ufeff"):
        yield "it begins with a byte order mark, which a shell takes for a command"
        text = text.removeprefix("\ufeff")
    if "\0" in text:
        yield "it has a NUL byte, where some shells stop reading"
        text = text.replace("\0", "")
    if "\r" in text:
        yield "its lines end as Windows has it (CRLF), which no shell in a container reads"
        text = text.replace("\r\n", "\n")
    if text.startswith("#!") and not _SHELL.match(text):
        return  # A program of another language.
    try:
        check_syntax(text)
    except SyntaxFault:
        yield "it is no shell script: its syntax is wrong"
    except Unfinished:
        yield "it ends in the middle of a command: a quote, a loop or a brace is not closed"
    except RecursionError:
        yield "it is nested too deeply"


def script_lines(text: str) -> list[str]:
    """Return a script's lines without comments and blank ones."""
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def hints(text: str) -> tuple[str, ...]:
    """Return a task's hints: the sections that begin with ``## ``, or else the text as one."""
    sections: list[list[str]] = []
    for line, is_code in _lines_of(text):
        if not is_code and _SECTION.match(line):
            sections.append([])
        elif sections:
            sections[-1].append(line)
    found = ["\n".join(lines).strip() for lines in sections] if sections else [text.strip()]
    return tuple(found)


def _lines_of(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the lines of Markdown, and whether each is in a block of code or begins or ends one."""
    fence = ""
    for line in text.splitlines():
        match = _FENCE.match(line)
        yield line, bool(fence or match)
        if match and not fence:
            fence = match[1]
        elif match and match[1].startswith(fence):
            fence = ""


def hint_problems(text: str) -> Iterator[str]:
    """Look at the hints of a task."""
    for number, (line, is_code) in enumerate(_lines_of(text), 1):
        if not is_code and _NO_SECTION.match(line):
            yield f"line {number} begins no hint: write a space after its ##"
    found = hints(text)
    for number, hint in enumerate(found, 1):
        if not hint:
            yield "it is empty" if len(found) == 1 else f"hint {number} has no text below its ##"


def notebook_problems(
    content: bytes, *, kernel: str, tasks: Iterable[str] | None, solutions: Mapping[str, str]
) -> Iterator[str]:
    """Look at the notebook: its kernel, its checks, and whether it gives a solution away.

    ``kernel`` is the kernelspec of the lab; ``tasks`` is None where they are not known;
    ``solutions`` are scripts by the names of their tasks.
    """
    try:
        # JupyterLab reads UTF-8 without a byte order mark, json any Unicode.
        notebook = json.loads(content.decode("utf-8"))
        cells = [dict(cell) for cell in notebook["cells"]]
        metadata = dict(notebook.get("metadata") or {})
        sources = [(str(cell["cell_type"]), _text(cell["source"])) for cell in cells]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        yield "it is no notebook of version 4: JupyterLab could not open it"
        return
    spec = metadata.get("kernelspec")
    name = spec.get("name") if isinstance(spec, dict) else None
    if name != kernel:
        yield f"its kernel is {name!r}, and should be {kernel!r} (metadata.kernelspec.name)"
    if tasks is not None:
        code = "\n".join(text for kind, text in sources if kind == "code")
        yield from _check_problems([match["name"] for match in _CHECK.finditer(code)], list(tasks))
    whole = "\n".join(_strings(cells))
    for task, solution in solutions.items():
        lines = [line for line in script_lines(solution) if len(line) >= _TELLING]
        if lines and all(line in whole for line in lines):
            yield f"it has the solution of {task} in it"


def _check_problems(checks: list[str | None], tasks: list[str]) -> Iterator[str]:
    """Compare the cells with ``%check`` with the tasks; without a name it is for the next task."""
    for check in checks:
        if check is not None and check not in tasks:
            near = get_close_matches(check, tasks, 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            yield f"%check {check}: there is no such task{meant}"
    if None not in checks:
        yield from (f"no cell has %check {task}" for task in tasks if task not in checks)


def _text(source: Any) -> str:
    """Return a cell's text, which the format has as one text or as a list of lines."""
    return source if isinstance(source, str) else "".join(source)


def _strings(value: Any) -> Iterator[str]:
    """Yield every text in a notebook's cells: sources, outputs, metadata."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list):
            if all(isinstance(line, str) for line in item):
                yield "".join(item)
            else:
                waiting += item
