"""Printing what others have named: on a terminal, or into a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any


def printable(text: str) -> str:
    r"""Return ``text`` without control characters, shown as ``\x1b`` instead; lines stay lines.

    A label may hold anything, an escape sequence for the terminal included.
    """
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in text
    )


def say(text: str = "") -> None:
    """Print a line, or several."""
    sys.stdout.write(f"{printable(text)}\n")


def complain(text: str) -> None:
    """Print a line, or several, where it does not get into what a program reads."""
    sys.stderr.write(f"{printable(text)}\n")


def say_json(content: Any) -> None:
    """Print JSON, in ASCII."""
    sys.stdout.write(f"{json.dumps(content, indent=2)}\n")


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as lines, with columns as wide as they need to be; for a pipe."""
    clean = [[printable(cell).replace("\n", "\\n") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*clean, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in clean
    )
    return "\n".join(lines)
