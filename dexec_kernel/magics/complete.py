"""Completion and help of magics: their names, their options, containers, paths. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from dexec_kernel.cells.source.cell import SIGN, says_nothing
from dexec_kernel.cells.source.exec_magic import CELL_MAGICS, exec_help, is_exec_magic
from dexec_kernel.magics.registry import Magic, Registry

_name = re.compile(r"[ \t]*(?P<sign>%%?[\w.-]*)\Z")
_line = re.compile(rf"[ \t]*(?P<sign>{SIGN})(?P<rest>\??\??(?:[ \t].*)?)", re.DOTALL)
_option_line = re.compile(r"^ +(-.*?)(?:  |$)", re.MULTILINE)
_option = re.compile(r"(?<!\S)--?\w[\w-]*")
_last_word = re.compile(r"\S*\Z")
_TAKES_CONTAINER = frozenset({"%container", "%attach"})
_TAKES_TASK = frozenset({"%check", "%hint"})
_LAB, _RESET = "%lab", "reset"
_CONTAINER_OPTIONS = frozenset({"-c", "--container"})


class Wanted(Enum):
    """The source of completions for a magic's word, besides the known ``words``."""

    NOTHING = "nothing"
    CONTAINER = "container"
    TASK = "task"  # of the kernel's lab
    MEMBER = "member"  # a container, by its name in the kernel's lab
    SHELL = "shell"  # the rest of the line is a command, as after %%exec --


@dataclass(frozen=True, slots=True)
class MagicWord:
    """The word at the cursor, from ``start``, on a magic's line."""

    start: int
    word: str
    words: tuple[str, ...] = ()
    wanted: Wanted = Wanted.NOTHING


def magic_at(text: str, position: int, registry: Registry) -> MagicWord | None:
    """Return the magic's word at the cursor; None in the cell's body."""
    begin = _line_of_head(text, position)
    if begin is None:
        return None
    before = text[begin:position]
    if match := _name.fullmatch(before):
        signs = [*(magic.sign for magic in registry), *(f"%%{name}" for name in CELL_MAGICS)]
        words = tuple(sign for sign in signs if sign.startswith(match["sign"]))
        return MagicWord(begin + match.start("sign"), match["sign"], words)
    match = _line.fullmatch(before)
    if match is None:
        return None
    word = _last_word.search(before)
    assert word is not None  # noqa: S101 -- it matches the empty word as well
    start, sign = begin + word.start(), match["sign"]
    earlier = before[: word.start()].split()
    if "--" in earlier and is_exec_magic(sign.removeprefix("%%")):
        end = before.index(" --", len(sign)) + len(" --")
        return MagicWord(begin + end, before[end:], wanted=Wanted.SHELL)
    if earlier[-1] in _CONTAINER_OPTIONS or sign in _TAKES_CONTAINER:
        return MagicWord(start, word[0], wanted=Wanted.CONTAINER)
    if not word[0].startswith("-"):
        if sign in _TAKES_TASK and len(earlier) == 1:
            return MagicWord(start, word[0], wanted=Wanted.TASK)
        if sign == _LAB and len(earlier) == 1:
            return MagicWord(start, word[0], (_RESET,) if _RESET.startswith(word[0]) else ())
        if earlier == [_LAB, _RESET]:
            return MagicWord(start, word[0], wanted=Wanted.MEMBER)
    options = tuple(
        option for option in _options(sign, registry) if word[0] and option.startswith(word[0])
    )
    return MagicWord(start, word[0], options)


def magic_help(text: str, position: int, registry: Registry) -> str:
    """Return the help of the magic on the cursor's line, "" for none."""
    begin = _line_of_head(text, position)
    match = None if begin is None else _line.match(text, begin)
    if match is None:
        return ""
    name = match["sign"].removeprefix("%%")
    if match["sign"].startswith("%%") and is_exec_magic(name):
        return exec_help(name)
    magic = _find(match["sign"], registry)
    return magic.help if magic is not None else ""


def _line_of_head(text: str, position: int) -> int | None:
    """Return the start of the cursor's line in a cell's head, None in its body."""
    begin = text.rfind("\n", 0, position) + 1
    for line in text[:begin].split("\n"):
        match = _line.fullmatch(line)
        if not says_nothing(line) and (match is None or match["sign"].startswith("%%")):
            return None
    return begin


def _find(sign: str, registry: Registry) -> Magic | None:
    return next((magic for magic in registry if magic.sign == sign), None)


def _options(sign: str, registry: Registry) -> Iterator[str]:
    """Yield a magic's options, as its help lists them."""
    name = sign.removeprefix("%%")
    if sign.startswith("%%") and is_exec_magic(name):
        text = exec_help(name)
    else:
        magic = _find(sign, registry)
        text = magic.help if magic is not None else ""
    for line in _option_line.findall(text):
        yield from _option.findall(line)
    yield "--help"
