"""Programs that read their program from stdin, and the words that make them do it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The way to make a program read its script from stdin.

    ``stdin`` is the word for it, "" if none is needed. It comes after the options and before the
    script's arguments. ``valued`` are the options that take the next word. After an option in
    ``complete``, such as Python's ``-c``, stdin is data instead of a script. Short options are
    letters, long ones whole words. ``live`` are the options with which the program writes its
    output at once, although that is no terminal: they come first, or last where ``live_is_last``.
    """

    stdin: str = ""
    valued: str = ""
    complete: str = ""
    long_valued: frozenset[str] = frozenset()
    long_complete: frozenset[str] = frozenset()
    live: tuple[str, ...] = ()
    live_is_last: bool = False

    def command(self, name: str, words: Sequence[str]) -> tuple[str, ...]:
        """Return the command line for ``%%name WORDS``."""
        live = () if set(self.live) <= set(words) else self.live
        if self.live_is_last:
            return (name, *self._that_reads(words), *(() if "--" in words else live))
        return (name, *live, *self._that_reads(words))

    def _that_reads(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return the words with the one that makes the program read its stdin."""
        if not self.stdin:
            return tuple(words)
        position = 0
        while position < len(words) and words[position].startswith(("-", "+")):
            word = words[position]
            if word in {"-", "--", self.stdin} or self._completes(word):
                return tuple(words)
            position += 2 if self._takes_next(word) else 1
        return (*words[:position], self.stdin, *words[position:])

    def _completes(self, word: str) -> bool:
        if word.startswith("--"):
            return word.partition("=")[0] in self.long_complete
        return self._letter(word, self.complete) is not None

    def _takes_next(self, word: str) -> bool:
        if word.startswith("--"):
            return word in self.long_valued
        return self._letter(word, self.valued) == len(word) - 1

    def _letter(self, word: str, wanted: str) -> int | None:
        """Return the position of the first ``wanted`` letter in a cluster such as ``-xc``."""
        for position, letter in enumerate(word[1:], 1):
            if letter in wanted:
                return position
            if letter in self.valued:
                return None  # The rest is its value.
        return None


_PYTHON = Interpreter(
    "-",
    valued="WX",
    complete="cm",
    long_valued=frozenset({"--check-hash-based-pycs"}),
    live=("-u",),
)
_SHELL = Interpreter("-s", valued="oO", complete="c", long_valued=frozenset({"--rcfile"}))
_CLIENT = Interpreter()
#: --unbuffered. The first options of these may have to be others, such as --defaults-file.
_MYSQL = Interpreter(live=("-n",), live_is_last=True)

#: Node, PHP's CLI, Rscript and shells write at once by themselves. Ruby has no option for it.
#: By the program's name, which is the magic's too. ``python3.12`` and the like are recognised.
INTERPRETERS = {
    "python3": _PYTHON,
    "python": _PYTHON,
    "node": Interpreter(
        "-",
        valued="rC",
        complete="ep",
        long_valued=frozenset({"--require", "--import", "--conditions", "--loader"}),
        long_complete=frozenset({"--eval", "--print"}),
    ),
    "ruby": Interpreter("-", valued="ICEr", complete="e"),
    # Perl has no option for it; -M may be followed by a statement. Its version says nothing.
    "perl": Interpreter("-", valued="IMm", complete="eE", live=("-M5.006;$|=1",)),
    "php": Interpreter("--", valued="cdz", complete="rfFBRES"),
    "lua": Interpreter("-", valued="l", complete="e", live=("-e", "io.stdout:setvbuf('no')")),
    "Rscript": Interpreter("-", complete="e"),
    "bash": _SHELL,
    "sh": _SHELL,
    "dash": _SHELL,
    "ash": _SHELL,
    "zsh": _SHELL,
    "psql": _CLIENT,
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
    "sqlite3": _CLIENT,
    "redis-cli": _CLIENT,
    "mongosh": _CLIENT,
}
_python = re.compile(r"(python|pypy)[\d.]+")


def interpreter_of(name: str) -> Interpreter | None:
    """Return how a program reads its stdin, for the names of magics; None for other names."""
    if _python.fullmatch(name):
        return _PYTHON
    return INTERPRETERS.get(name)
