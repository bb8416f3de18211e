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
#: Short parts are whole until all long ones are as short as can be. Then the last of them is cut,
#: and then the two before it. Each gives so much more than the next: what the next gives meanwhile
#: is nothing that is drawn.
_MUCH = 10_000
_CUT_FROM_END = 3
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
        *(_item(part, rank) for part, rank in zip(parts, _ranks(parts), strict=True)),
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


def _ranks(parts: Sequence[Part]) -> list[int]:
    """Return the numbers of the short parts, the last one being 1. That of a long one is 0."""
    is_short = [not part.shrink or len(part.text) <= _SHORT for part in parts]
    return [sum(is_short[at:]) if short else 0 for at, short in enumerate(is_short)]


@lru_cache(_KEPT)
def _item(part: Part, rank: int) -> Html:
    """Return a separator and the item that follows it."""
    style = f"{_FIXED};{_FAINT}"
    if rank <= _CUT_FROM_END:
        shrink = _MUCH ** (_CUT_FROM_END - rank) * (part.shrink if rank == 0 else 1)
        least = "2em" if rank else "3em"
        cut = "overflow:hidden;text-overflow:ellipsis"
        style = f"flex:0 {shrink} auto;min-width:{least};{cut};{_FAINT}"
    text = [part.text]
    if part.is_path:
        # A browser follows no link from a server's page to a file: the path is there to be copied.
        label, _, path = part.text.partition(" ")
        if part.url:
            label = element("a", label, href=part.url, target="_blank", rel="noopener", style=_LINK)
        text = [label, " ", element("span", path, style="user-select:all")]
    return joined(_SEPARATOR, element("span", *text, title=part.title, style=style))
