"""Markdown from a container, made harmless.

A front end trusts the displays of a cell, and Markdown may contain any HTML. A zero-width space
disables the active parts without changing their look. Text between dollars is no mathematics: in a
container it is about prices, or variables of a shell.
"""

from __future__ import annotations

import re

from dexec_kernel.display.html import math_free_markdown
from dexec_kernel.display.text import some_lines

_NO_WIDTH = "\u200b"
_harmful = re.compile(
    r"<(?=[A-Za-z/!?])"  # a tag
    r"|&(?=#|[A-Za-z])"  # an entity, which may be a part of an address
    r"|!(?=\[)"  # an image, which would be fetched
    r"|\](?=\((?!https?://))"  # a link that leads elsewhere than into the web
    r"|\](?=:(?!\s*https?://))"
    r"|\\(?=[A-Za-z])"  # a command of MathJax: it can make links too
)
#: The first or the last line of a code block (CommonMark, "Fenced code blocks").
_fence = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")


def harmless_markdown(text: str) -> str:
    """Return Markdown without HTML, images, commands of formulas, and links but to the web."""
    return _harmful.sub(lambda found: found[0] + _NO_WIDTH, some_lines(text))


def shown_markdown(text: str) -> str:
    """Return harmless Markdown without mathematics."""
    shown = harmless_markdown(text)
    return math_free_markdown(shown + _end_of_fence(shown))


def _end_of_fence(text: str) -> str:
    """Return the line that ends a code block which the text leaves open, "" if there is none."""
    fence = ""
    for line in text.split("\n"):
        if (found := _fence.match(line)) is None:
            continue
        mark, rest = found.groups()
        if not fence:
            fence = "" if mark[0] == "`" and "`" in rest else mark
        elif mark.startswith(fence) and not rest.strip():
            fence = ""
    return f"\n{fence}" if fence else ""
