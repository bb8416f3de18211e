"""Reads the words of a magic line. No I/O: what is wrong becomes a :class:`CellSyntaxError`."""

from __future__ import annotations

import argparse
import difflib
import math
import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NoReturn

from dexec_kernel.errors import CellSyntaxError

#: In characters: how wide help is.
_WIDTH = 96
_HELP = frozenset({"-h", "--help"})
_OFF = "off"
#: What magics and options begin with.
_SIGNS = "%-"
#: From 0 to 1: how like each other a mistyped word and the one that is meant are at least.
_LIKE = 0.75
#: Of a magic's line, in characters and in words: the time of both modules that read it, shlex and
#: argparse, grows with the square of its length.
_LONGEST, _MOST_WORDS = 32 * 1024, 1000
#: All up to a # that begins a word, quotes left alone. To shlex any # begins a comment.
_before_comment = re.compile(r"""(?:\\.|'[^']*'|"(?:\\.|[^"\\])*"|(?!\s\#).)*""", re.DOTALL)


class MagicParser(argparse.ArgumentParser):
    """An argument parser that neither prints nor exits. ``magic`` is with its signs: ``%logs``.

    Add arguments as to any other; ``--help`` is asked for with :func:`asks_for_help`.
    ``too_much`` is the advice for a word too many, "" for none. ``check`` raises
    :class:`CellSyntaxError` for words that cannot be, before any magic of the cell has run.
    """

    def __init__(
        self,
        magic: str,
        description: str,
        *,
        usage: str = "",
        epilog: str = "",
        too_much: str = "",
        check: Callable[[argparse.Namespace], None] | None = None,
    ) -> None:
        super().__init__(
            prog=magic,
            # A % begins a placeholder in a usage of one's own.
            usage=f"{magic} {usage}".replace("%", "%%") if usage else None,
            description=description,
            epilog=epilog or None,
            add_help=False,
            allow_abbrev=False,
            formatter_class=partial(
                argparse.RawDescriptionHelpFormatter, max_help_position=28, width=_WIDTH
            ),
        )
        self._too_much = too_much
        self._check = check

    @property
    def usage_line(self) -> str:
        """The usage in one line: ``%logs [-f] [--tail N]``."""
        return " ".join(self.format_usage().split()).removeprefix("usage: ")

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse ``words``. Raises :class:`CellSyntaxError` that names the wrong one."""
        self._check_long_options(words)
        if self.usage is None:  # argparse would make it here, and not double the magic's sign.
            self.usage = self.format_usage().removeprefix("usage: ").replace("%", "%%")
        # Options may stand between the other words: `save -f NAME`.
        found, unknown = self.parse_known_intermixed_args(list(words))
        if unknown:
            self._refuse(unknown[0])
        if self._check is not None:
            self._check(found)
        return found

    def error(self, message: str) -> NoReturn:
        """Raise what argparse has found."""
        raise CellSyntaxError(f"{self.prog}: {message.rstrip('.')}.", advice=self._advice())

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Raise as well: a kernel does not exit because of a cell."""
        self.error(message or f"exit {status}")

    def _check_long_options(self, words: Sequence[str]) -> None:
        """Refuse an unknown option before argparse misses what should have followed it."""
        for word in words:
            if word == "--":
                return
            option = word.partition("=")[0]
            if option.startswith("--") and option not in self._option_string_actions:
                self._refuse(word)

    def _refuse(self, word: str) -> NoReturn:
        if word.startswith("-"):
            option = word.partition("=")[0]
            near = did_you_mean(option, self._option_string_actions)
            message = f"{self.prog} has no option {option!r}.{near}"
        else:
            more = f"; {self._too_much}" if self._too_much else ""
            message = f"{self.prog} does not take {word!r}{more}."
        raise CellSyntaxError(message, advice=self._advice())

    def _advice(self) -> str:
        return f"{self.usage_line}\n{self.prog} --help explains."


def asks_for_help(words: Sequence[str]) -> bool:
    """Return whether ``-h`` or ``--help`` is among the words before a ``--``."""
    own = words[: words.index("--")] if "--" in words else words
    return not _HELP.isdisjoint(own)


def split_words(magic: str, text: str) -> tuple[str, ...]:
    """Split the rest of a magic's line as a shell does, comments left out.

    Raises :class:`CellSyntaxError`, as for an open quote, or too much.
    """
    advice = f"{magic} --help explains."
    if len(text) > _LONGEST:
        message = f"{magic}: its line has more than {_LONGEST:,} characters."
        raise CellSyntaxError(message, advice=advice)
    try:
        comment = _before_comment.match(f" {text}")
        words = tuple(shlex.split(comment[0] if comment else text))
    except ValueError as error:
        raise CellSyntaxError(f"{magic}: {error}.", advice=advice) from error
    if len(words) > _MOST_WORDS:
        raise CellSyntaxError(f"{magic}: more than {_MOST_WORDS:,} words.", advice=advice)
    return words


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that is most like a mistyped one, "" where nothing is like it.

    The signs before a word do not make it like another, and the first letter is seldom mistyped:
    ``%ls`` is not like ``%ps``, and ``%who`` is not like ``%show``.
    """
    bare = word.lstrip(_SIGNS)
    candidates = {
        other: difflib.SequenceMatcher(None, bare, other.lstrip(_SIGNS)).ratio()
        for other in sorted(known)
        if bare[:1] == other.lstrip(_SIGNS)[:1]
    }
    best = max(candidates, key=lambda other: candidates[other], default="")
    return best if best and candidates[best] >= _LIKE else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` Did you mean NEAREST?`` for a mistyped word, "" where nothing is like it."""
    found = nearest(word, known)
    return f" Did you mean {found}?" if found else ""


def seconds(text: str) -> float:
    """Read a time limit in seconds for a parser; ``off`` is 0, which means no limit."""
    if text == _OFF:
        return 0.0
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds; 'off' means none")
    return value
