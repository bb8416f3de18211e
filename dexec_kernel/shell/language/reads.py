"""The prompts of a cell's `read` commands, from the cell's text. No I/O.

Shells print the prompt of ``read -p`` on a terminal only, and do not report ``-s`` at all. Nothing
is evaluated: if the text leaves open which `read` is waiting, there is no prompt.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

_read = re.compile(
    r"""(?:^|[;&|({\n]|\b(?:do|then|else|if|while|until|!))[ \t]*(?:IFS=\S*[ \t]+)?read\b
    (?P<words>(?:'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^;&|)}\n'"\\])*)""",
    re.VERBOSE,
)
#: With one of these, the order of execution is not the order of the text.
_not_straight = re.compile(r"\b(?:while|until|for|if|case|function|eval)\b|\(\)|&&|\|\||[|<]")
#: The options of bash's, dash's and ash's `read` that take an argument.
_WITH_ARGUMENT = "adinNptu"


@dataclass(frozen=True, slots=True)
class ReadCommand:
    """One `read`: its prompt, "" where that is not known, and whether it has ``-s``."""

    prompt: str = ""
    is_silent: bool = False


def which_read(source: str, number: int) -> ReadCommand:
    """Return the `read` that waits in a cell's shell after ``number`` lines were answered."""
    found = [_options(match["words"]) for match in _read.finditer(source)]
    if not found:
        return ReadCommand()
    if not _not_straight.search(source):
        return found[number] if number < len(found) else ReadCommand()
    if len(found) == 1:
        return found[0]
    # Better hidden without need than shown.
    return ReadCommand(is_silent=any(command.is_silent for command in found))


def _options(text: str) -> ReadCommand:
    words = shlex.split(text)  # All quotes in it are closed: see _read.
    prompt, is_silent = "", False
    while words and words[0].startswith("-"):
        letters = words.pop(0)[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            is_silent = is_silent or letter == "s"
            if letter in _WITH_ARGUMENT:
                argument = letters or (words.pop(0) if words else "")
                prompt = argument if letter == "p" else prompt
                break
    return ReadCommand("" if "$" in prompt or "`" in prompt else prompt, is_silent)
