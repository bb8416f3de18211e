"""What is wrong with a cell's magic lines, and what was meant instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from dexec_kernel.errors import DexecError


class CellSyntaxError(DexecError):
    """The cell cannot be read: a magic has words that it does not take, or no shell takes it."""


class UnknownMagic(CellSyntaxError):
    """The cell asks for something that there is not."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return what was probably meant by a mistyped word, "" where nothing is like it."""
    found = difflib.get_close_matches(word, sorted(known), n=1)
    return found[0] if found else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` Did you mean NEAREST?`` for a mistyped word, "" where nothing is like it."""
    found = nearest(word, known)
    return f" Did you mean {found}?" if found else ""
