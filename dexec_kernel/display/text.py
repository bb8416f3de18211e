"""Text from outside, made fit for a line of a display, or for a message."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from typing import Any

#: Deeper values are for programs: a front end's JSON view, or its parser, does not bear them.
MAX_DEPTH = 100


#: Characters that act instead of being seen: controls, formats such as bidirectional overrides,
#: halves of surrogate pairs, and separators of lines and paragraphs.
_ACTING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
#: Joiners: emoji and several scripts are made of them, and they act on their neighbours alone.
_JOINERS = frozenset("\u200c\u200d")


def one_line(text: str) -> str:
    r"""Return ``text`` in one line, with escapes such as ``\n`` and ``\x1b`` for what would act.

    The result neither breaks the line nor reorders or colours the text next to it.
    """
    return _visible(text, "")


def some_lines(text: str) -> str:
    """Return ``text`` as :func:`one_line` does, but with its line ends and tabs."""
    return _visible(text.replace("\r\n", "\n"), "\n\t")


def _visible(text: str, kept: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        char
        if char.isprintable()
        or char in kept
        or char in _JOINERS
        or unicodedata.category(char) not in _ACTING
        else char.encode("unicode_escape").decode()
        for char in text
    )


def well_formed(text: str) -> str:
    """Return ``text`` with U+FFFD for what is no character: half a surrogate pair."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def sendable(value: Any, depth: int = MAX_DEPTH) -> Any:
    """Return ``value`` as JSON can say it: what cannot be said is replaced, never left out."""
    match value:
        case str():
            return well_formed(value)
        case Mapping() if depth:
            return {well_formed(str(k)): sendable(v, depth - 1) for k, v in value.items()}
        case list() | tuple() if depth:
            return [sendable(item, depth - 1) for item in value]
        case None | bool() | int():
            return value
        case float() if math.isfinite(value):
            return value
        case Mapping() | list() | tuple():
            return "…"
    return well_formed(str(value))


def is_deep(value: Any) -> bool:
    """Return whether lists and mappings are nested more than ``MAX_DEPTH`` times in ``value``."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [outer for outer in level if isinstance(outer, dict | list)]
        if not level:
            return False
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return True
