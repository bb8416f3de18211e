"""A line of status: a mark, words, and parts separated by dots. No I/O.

It is readable in light and dark themes: it uses the colours of the page and adds only a mark, whose
meaning the words repeat. The styles are in the tags, because a stored notebook has no stylesheet of
ours. JupyterLab keeps these styles in untrusted notebooks. Without any styles, the line is plain
words separated by dots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from dexec_kernel.display.html import Html, display, element, joined
from dexec_kernel.display.style import FONT, INDENT

#: In pixels: the height of a bar, live or static, so that nothing moves when one becomes the other.
HEIGHT = 22
#: Each has a contrast of 4.2 or more with white and with JupyterLab's dark background.
GREEN, RED, AMBER, BLUE, GREY = "#1a8a4e", "#d9402f", "#ad6800", "#2f7bd1", "#808080"

#: In characters: what is not longer than this is shown whole.
_SHORT = 12
#: In pixels: the coloured border.
_EDGE = 3
# With its border the line begins where JupyterLab's output text does.
_STYLE = (
    "display:flex;white-space:pre;overflow:hidden;box-sizing:border-box;"
    f"height:{HEIGHT}px;line-height:{HEIGHT}px;margin:0;padding:0 0 0 {INDENT - _EDGE}px;"
    f"{FONT};border-left:"
)
_FIXED = "flex:0 0 auto"
_FAINT = "opacity:.65"
_LINK = "color:inherit;text-decoration:underline"
_SEPARATOR = element("span", " · ", aria_hidden="true", style=f"{_FIXED};opacity:.4")
#: How many items are kept as HTML: most of a bar is the same from one cell to the next.
_KEPT = 64


@dataclass(frozen=True, slots=True)
class Look:
    """The state at a glance: a sign, a colour, and words. The sign helps colour-blind readers."""

    sign: str
    colour: str
    words: str


@dataclass(frozen=True, slots=True)
class Part:
    """One item of the line; ``title`` is its tooltip.

    If the line is too short, long parts are cut and end in dots, those with more ``shrink`` first.
    In an ``is_path`` item, one click selects all words after the first. With ``url`` the first word
    is a link to it.
    """

    text: str
    title: str
    shrink: int = 0
    is_path: bool = False
    url: str = ""


def line_html(
    look: Look, parts: Sequence[Part], *, border: bool = True, is_news: bool = False
) -> Html:
    """Return the line as one HTML element.

    With ``is_news`` a screen reader reads out the words of ``look`` when they appear (ARIA, the
    role ``status``).
    """
    edge = f"{_EDGE}px solid {look.colour}" if border else "0"
    return display(
        "div",
        _words(look, is_news),
        *map(_item, parts),
        class_="dexec-bar",
        role="group",
        aria_label=line_text(look, parts),
        style=f"{_STYLE}{edge}",
    )


def line_text(look: Look, parts: Sequence[Part]) -> str:
    """Return the line as text: the words that the HTML shows."""
    return " · ".join([look.words, *(part.text for part in parts)])


@lru_cache(_KEPT)
def _words(look: Look, is_news: bool) -> Html:  # noqa: FBT001 -- part of the cache's key
    sign = element("span", look.sign, aria_hidden="true", style=f"color:{look.colour}")
    role = {"role": "status"} if is_news else {}
    return element("span", sign, f" {look.words}", **role, style=f"{_FIXED};font-weight:600")


@lru_cache(_KEPT)
def _item(part: Part) -> Html:
    """Return a separator and the item that follows it."""
    style = f"{_FIXED};{_FAINT}"
    if part.shrink and len(part.text) > _SHORT:
        style = (
            f"flex:0 {part.shrink} auto;min-width:5em;overflow:hidden;text-overflow:ellipsis;"
            f"{_FAINT}"
        )
    text = [part.text]
    if part.is_path:
        # A browser follows no link from a server's page to a file: the path is there to be copied.
        label, _, path = part.text.partition(" ")
        if part.url:
            label = element("a", label, href=part.url, target="_blank", rel="noopener", style=_LINK)
        text = [label, " ", element("span", path, style="user-select:all")]
    return joined(_SEPARATOR, element("span", *text, title=part.title, style=style))
