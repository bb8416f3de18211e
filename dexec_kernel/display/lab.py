"""The displays of a lab: the line of its start. No I/O."""

from __future__ import annotations

from dexec_kernel.display.table import line_data


def starting_data(title: str, step: str) -> dict[str, str]:
    """Return the mime bundle of a lab whose containers are being made; ``step`` says what is done.

    It is shown while that goes on.
    """
    return line_data((title, f"{step} …"))


def started_data(title: str, words: str) -> dict[str, str]:
    """Return the mime bundle of a lab that is ready; ``words`` say what was done."""
    return line_data((title, words))
