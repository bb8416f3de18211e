"""A command line, split into words and unquoted as a shell does it. No I/O."""

from __future__ import annotations

import re

from dexec_kernel.errors import CellSyntaxError

#: The tokens of a command line. A comment begins where a word may begin.
_token = re.compile(
    r"""(?P<blank>[ \t\r]+|\\\n)|(?P<comment>\#[^\n]*)|(?P<end>\n)
    |(?P<word>(?:[^ \t\r\n'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+)""",
    re.DOTALL | re.VERBOSE,
)
#: The parts of a word in which quoting is undone, and what a backslash escapes in double quotes.
_part = re.compile(r"""'[^']*'|"(?:[^"\\]|\\.)*"|\\.""", re.DOTALL)
_escaped = re.compile(r'\\([$`"\\\n])')


def command_line(source: str) -> list[str]:
    """Return a cell's words, for an image without a shell; an empty list for an empty cell.

    The words are split and unquoted as a shell does; there are no variables, pipes or patterns.
    Raises :class:`CellSyntaxError` for more than one command.
    """
    commands: list[list[str]] = [[]]
    position = 0
    while position < len(source):
        match = _token.match(source, position)
        if match is None:
            line = source[position:].partition("\n")[0]
            raise CellSyntaxError(
                f"A quote or a backslash is left open: {line!r}.",
                advice="Close it: this container has no shell, and the cell is one command line.",
            )
        position = match.end()
        if match.lastgroup == "word":
            commands[-1].append(_part.sub(_unquote, match[0]))
        elif match.lastgroup == "end":
            commands.append([])
    commands = [words for words in commands if words]
    if len(commands) > 1:
        raise CellSyntaxError(
            f"This container has no shell, so that a cell is one command line; this one has"
            f" {len(commands)}.",
            advice="Put each command into a cell of its own.",
        )
    return commands[0] if commands else []


def _unquote(part: re.Match[str]) -> str:
    """Return what a quoted part of a word stands for. A backslash takes a newline away."""
    text = part[0]
    if text.startswith("'"):
        return text[1:-1]
    if text.startswith('"'):
        return _escaped.sub(lambda match: match[1].strip("\n"), text[1:-1])
    return text[1:].strip("\n")
