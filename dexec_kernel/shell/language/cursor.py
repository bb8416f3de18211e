"""The word under the cursor and its role. No I/O, and nothing is evaluated.

Unlike the grammar, this accepts any text, however wrong, because the text is still being typed.
Positions are in code points, as in the messaging protocol from 5.2 on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from dexec_kernel.shell.language.level import Level
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
    is_backquoted = any(level.closer == "`" for level in scanner.levels)
    if scanner.variable is not None:
        start, name = scanner.variable
        return Cursor(Kind.VARIABLE, start, text[start:], name, is_backquoted=is_backquoted)
    level = scanner.levels[-1]
    is_word = level.start is not None
    if scanner.is_nothing or not level.has_words or (is_word and not level.is_known):
        return Cursor(Kind.NOTHING, len(text))
    start = len(text) if level.start is None else level.start
    raw = text[start:]
    if _dangling.search(raw) and level.quote != "'":
        raw = raw[:-1]
    value = "".join(level.value) if is_word else ""
    is_home = raw.startswith("~")
    if is_home and not value.startswith("~/"):
        return Cursor(Kind.NOTHING, len(text))  # Another user's home, or a name to be.
    return Cursor(
        _kind(level, value, is_home=is_home),
        start,
        raw,
        value,
        level.quote,
        is_home,
        level.command,
        is_backquoted,
    )


def _kind(level: Level, value: str, *, is_home: bool) -> Kind:
    if level.is_target or (level.start is not None and level.is_segment):
        return Kind.FILE
    if level.takes_command:
        return Kind.PROGRAM if "/" in value or is_home else Kind.COMMAND
    if level.command in _TAKES_FOLDER:
        return Kind.FOLDER
    if level.command in _TAKES_NAME and not value.startswith("-"):
        return Kind.NAME
    return Kind.FILE
