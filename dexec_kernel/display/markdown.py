"""Markdown from a container, made harmless.

A front end trusts the displays of a cell, and Markdown may contain any HTML. A zero-width space
disables the active parts without changing their look.
"""

from __future__ import annotations

import re

_NO_WIDTH = "\u200b"
_harmful = re.compile(
    r"<(?=[A-Za-z/!?])"  # a tag
    r"|&(?=#|[A-Za-z])"  # an entity, which may be a part of an address
    r"|!(?=\[)"  # an image, which would be fetched
    r"|\](?=\((?!https?://))"  # a link that leads elsewhere than into the web
    r"|\](?=:(?!\s*https?://))"
    r"|\\(?=[A-Za-z])"  # a command of MathJax: it can make links too
)


def harmless_markdown(text: str) -> str:
    """Return Markdown without HTML, images, formulas with commands, and links but to the web."""
    return _harmful.sub(lambda found: found[0] + _NO_WIDTH, text)
