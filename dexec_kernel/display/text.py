"""Text from outside, made fit for one line of a display."""

from __future__ import annotations


def one_line(text: str) -> str:
    """Return ``text`` without line ends and other control characters, bidirectional ones included.

    The result neither breaks the line nor reorders the text next to it.
    """
    return "".join(char if char.isprintable() else " " for char in text)
