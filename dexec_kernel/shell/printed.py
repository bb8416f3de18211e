"""Statements that a shell has printed of itself, cut apart without being evaluated. No I/O.

``declare -p``, ``export -p``, ``alias``, ``set`` and ``trap`` print commands that the same shell
reads: words in quotes, one statement a line, where a line's end in a value is within quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dexec_kernel.shell.handover import DamagedHandover

_QUOTED = rb"'[^']*'|\"(?:[^\"\\]|\\.)*\"|\$'(?:[^'\\]|\\.)*'|\\."
_word = re.compile(
    rb"(?:" + _QUOTED + rb"|\((?:" + _QUOTED + rb"|[^()'\"\\])*\)|[^\s'\"\\()])+", re.DOTALL
)
_blank = re.compile(rb"[ \t]+")
_part = re.compile(_QUOTED, re.DOTALL)
_escaped_in_double = re.compile(rb"\\([$`\"\\\n])")
_escaped_in_dollar = re.compile(
    rb"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|c(.)|(.))",
    re.DOTALL,
)
_LETTERS = {
    b"n": b"\n",
    b"t": b"\t",
    b"r": b"\r",
    b"a": b"\a",
    b"b": b"\b",
    b"v": b"\v",
    b"f": b"\f",
    b"e": b"\x1b",
    b"E": b"\x1b",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One command: its words, quoted as they were, and the whole."""

    text: bytes
    words: tuple[bytes, ...]


def statements(printed: bytes) -> Iterator[Statement]:
    """Return the statements. Raises :class:`DamagedHandover` where there is a quote too many."""
    position, end = 0, len(printed)
    while position < end:
        words: list[bytes] = []
        begin = position
        while position < end and printed[position : position + 1] != b"\n":
            match = _blank.match(printed, position)
            if match is None:
                match = _word.match(printed, position)
                if match is None:
                    raise DamagedHandover("The shell's state has a quote too many.")
                words.append(match[0])
            position = match.end()
        if words:
            yield Statement(printed[begin:position], tuple(words))
        position += 1


def unquote(word: bytes) -> bytes:
    """Return what a word stands for; no part of it is expanded."""
    return _part.sub(_unquoted, word)


def _unquoted(match: re.Match[bytes]) -> bytes:
    text = match[0]
    if text.startswith(b"'"):
        return text[1:-1]
    if text.startswith(b'"'):
        return _escaped_in_double.sub(lambda found: found[1].strip(b"\n"), text[1:-1])
    if text.startswith(b"$"):
        return _escaped_in_dollar.sub(_escape, text[2:-1])
    return text[1:].strip(b"\n")


def _escape(match: re.Match[bytes]) -> bytes:
    octal, hexadecimal, short, long, control, letter = match.groups()
    if octal:
        return bytes([int(octal, 8) & 0xFF])
    if hexadecimal:
        return bytes([int(hexadecimal, 16)])
    if short or long:
        number = int(short or long, 16)
        return chr(number).encode("utf-8", "surrogatepass") if number < 0x110000 else match[0]  # noqa: PLR2004 -- the end of Unicode
    if control:
        return bytes([control[0] & 0x1F])
    return _LETTERS.get(letter, letter)
