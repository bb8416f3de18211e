"""Whether a cell's text is complete: what a console asks when Enter is pressed. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from dexec_kernel.shell.language.grammar import check_syntax
from dexec_kernel.shell.language.lexer import SyntaxFault, Unfinished

#: In characters: no one types more at a prompt, and a front end waits for the answer.
_MAX_SIZE = 100_000
_INDENT = "  "
_line_magic = re.compile(r"[ \t]*%[A-Za-z_]\w*")
_cell_magic = re.compile(r"\s*%%(?P<name>[A-Za-z_]\w*)(?P<rest>[^\n]*)(?P<body>\n.*)?", re.DOTALL)
_SHELLS = frozenset({"bash", "sh", "dash", "ash"})


class Status(Enum):
    """What ``is_complete_reply`` may say."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    INVALID = "invalid"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Completeness:
    """Whether text is complete; ``indent`` is what the next line begins with if it is not."""

    status: Status
    indent: str = ""


def is_complete(text: str) -> Completeness:
    """Judge a cell: shell text below line magics, or the body of a cell magic.

    A body that is not shell, which nobody here can read, is complete when an empty line ends it.
    """
    if len(text) > _MAX_SIZE or "\0" in text:
        return Completeness(Status.UNKNOWN)
    if cell := _cell_magic.fullmatch(text):
        body, rest = cell["body"] or "", cell["rest"]
        if re.search(r"(?:^|\s)(?:--help|-h)(?:\s|$)", rest):
            return Completeness(Status.COMPLETE)
        if (cell["name"] == "exec" and " -- " not in f"{rest} ") or cell["name"] in _SHELLS:
            return _shell(body) if body.strip() else Completeness(Status.INCOMPLETE)
        ended = body.strip() and body.endswith("\n")
        return Completeness(Status.COMPLETE if ended else Status.INCOMPLETE)
    lines = text.split("\n")
    while lines and (not lines[0].strip() or _line_magic.match(lines[0])):
        del lines[0]
    return _shell("\n".join(lines))


def _shell(text: str) -> Completeness:
    try:
        check_syntax(text)
    except SyntaxFault:
        return Completeness(Status.INVALID)
    except Unfinished as end:
        return Completeness(Status.INCOMPLETE, "" if end.inside_text else _INDENT * end.depth)
    except RecursionError:
        return Completeness(Status.UNKNOWN)
    return Completeness(Status.COMPLETE)
