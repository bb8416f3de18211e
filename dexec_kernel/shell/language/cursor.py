"""The word under the cursor and its role. No I/O, and nothing is evaluated.

Unlike the grammar, this accepts any text, however wrong, because the text is still being typed.
Positions are in code points, as in the messaging protocol from 5.2 on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from dexec_kernel.shell.language.frame import Level
from dexec_kernel.shell.language.scanner import Scanner

_dangling = re.compile(r"(?<!\\)(?:\\\\)*\\\Z")
_TAKES_FOLDER = frozenset({"cd", "pushd", "rmdir"})
_TAKES_NAME = frozenset({"export", "unset", "readonly", "local", "declare", "typeset", "read"})


class Kind(Enum):
    """The kinds of completions for a word."""

    COMMAND = "command"
    PROGRAM = "program"  # a command by its path
    FILE = "file"
    FOLDER = "folder"
    NAME = "name"  # a variable, without a $
    VARIABLE = "variable"  # after a $ or ${
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Cursor:
    """The word at the cursor.

    ``raw`` is the typed text from ``start`` to the cursor, ``value`` its unquoted value, ``quote``
    the open quote: ``'``, ``"`` or ``$'``. ``is_home`` is true if it begins with a ``~`` that the
    shell expands; ``command`` is the command whose argument it is.
    """

    kind: Kind
    start: int
    raw: str = ""
    value: str = ""
    quote: str = ""
    is_home: bool = False
    command: str = ""
    is_backquoted: bool = False


def find_cursor(text: str, position: int) -> Cursor:
    """Look at shell text up to ``position``."""
    text = text[:position]
    scanner = Scanner(text)
    scanner.scan()
    is_backquoted = any(frame.closer == "`" for frame in scanner.frames)
    if scanner.variable is not None:
        start, name = scanner.variable
        return Cursor(Kind.VARIABLE, start, text[start:], name, is_backquoted=is_backquoted)
    frame = scanner.frames[-1]
    is_word = frame.start is not None
    if scanner.is_nothing or not frame.has_words or (is_word and not frame.is_known):
        return Cursor(Kind.NOTHING, len(text))
    start = len(text) if frame.start is None else frame.start
    raw = text[start:]
    if _dangling.search(raw) and frame.quote != "'":
        raw = raw[:-1]
    value = "".join(frame.value) if is_word else ""
    is_home = raw.startswith("~")
    if is_home and not value.startswith("~/"):
        return Cursor(Kind.NOTHING, len(text))  # Another user's home, or a name to be.
    return Cursor(
        _kind(frame, value, is_home=is_home),
        start,
        raw,
        value,
        frame.quote,
        is_home,
        frame.command,
        is_backquoted,
    )


def _kind(frame: Level, value: str, *, is_home: bool) -> Kind:
    if frame.is_target or (frame.start is not None and frame.is_segment):
        return Kind.FILE
    if frame.takes_command:
        return Kind.PROGRAM if "/" in value or is_home else Kind.COMMAND
    if frame.command in _TAKES_FOLDER:
        return Kind.FOLDER
    if frame.command in _TAKES_NAME and not value.startswith("-"):
        return Kind.NAME
    return Kind.FILE
