"""Quoting the rest of a name after its typed beginning. No I/O."""

from __future__ import annotations

import re

#: Characters without a meaning for the shell, anywhere in a word.
_plain = re.compile(r"[A-Za-z0-9_@%+=:,./-]")
_special_in_double = re.compile(r'([$`"\\])')
#: Characters that lose their backslash inside backquotes.
_special_in_backquotes = re.compile(r"[`\\$]")


def quote_rest(rest: str, quote: str, *, is_backquoted: bool = False) -> str | None:
    """Return ``rest`` as it continues a word in which ``quote`` is open; None where none can.

    ``quote`` is ``""``, ``'``, ``"`` or ``$'``. The quote is left open.
    """
    if is_backquoted and _special_in_backquotes.search(rest):
        return None
    if quote == "'":
        return rest.replace("'", "'\\''")
    if quote == "$'":
        return rest.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    if quote == '"':
        return _special_in_double.sub(r"\\\1", rest)
    return "".join(map(_escape, rest))


def closing(quote: str) -> str:
    """Return what ends a quote."""
    return quote[-1:]


def _escape(char: str) -> str:
    if _plain.match(char) or (not char.isascii() and char.isalnum()):
        return char
    # A backslash would take a newline away.
    return "'\n'" if char == "\n" else f"\\{char}"
