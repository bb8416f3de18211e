"""The variables that a shell has printed of itself, read again. No I/O.

``export -p`` of dash and busybox prints ``export NAME='value'``, bash's ``declare -p`` prints
``declare -x NAME="value"`` or ``$'value'``; a value may hold newlines.
"""

from __future__ import annotations

import re

_posix = re.compile(
    rb"^(?:(?P<word>export|readonly) )?(?P<name>[A-Za-z_]\w*)"
    rb"(?P<value>=(?:'[^']*'|\"[^\"]*\")*)?$",
    re.MULTILINE,
)
_bash = re.compile(
    rb"^declare (?P<flags>-\S+) (?P<name>[A-Za-z_]\w*)"
    rb"(?P<value>=(?:\"(?:[^\"\\]|\\.)*\"|\$'(?:[^'\\]|\\.)*'|\(.*\)))?$",
    re.MULTILINE | re.DOTALL,
)
_quoted = re.compile(rb"'([^']*)'|\"([^\"]*)\"")
_bash_line = re.compile(rb"^declare (?P<flags>-\S+) (?P<name>[A-Za-z_]\w*)", re.MULTILINE)
_escape_in_double = re.compile(r'\\([$`"\\\n])')
_escape_in_dollar = re.compile(r"\\(?:([0-7]{1,3})|(.))", re.DOTALL)
_ESCAPES = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "v": "\v",
    "f": "\f",
    "E": "\x1b",
}


def exported_values(printed: bytes) -> dict[str, str]:
    """Return the exported variables, those without a value left out."""
    if printed.startswith(b"declare "):
        return _bash_values(printed)
    found: dict[str, str] = {}
    for match in _posix.finditer(printed):
        if match["word"] == b"export" and match["value"] is not None:
            parts = (a or b for a, b in _quoted.findall(match["value"]))
            found[match["name"].decode()] = b"".join(parts).decode("utf-8", "replace")
    return found


def _bash_values(printed: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    # Cut where a statement begins, so that one array cannot swallow what follows it.
    starts = [match.start() for match in _bash_line.finditer(printed)]
    for start, end in zip(starts, [*starts[1:], len(printed)], strict=True):
        match = _bash.match(printed[start:end].rstrip(b"\n"))
        if match is not None and b"x" in match["flags"] and match["value"] is not None:
            value = match["value"][1:].decode("utf-8", "replace")
            found[match["name"].decode()] = _bash_unquote(value)
    return found


def _bash_unquote(value: str) -> str:
    if value.startswith('"'):
        return _escape_in_double.sub(lambda match: match[1].strip("\n"), value[1:-1])
    if value.startswith("$'"):
        return _escape_in_dollar.sub(_dollar_escape, value[2:-1])
    return value


def _dollar_escape(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 8))
    return _ESCAPES.get(match[2], match[2])
