"""The preview of an HTML document: a frame as high as its content, in the theme's colours. No I/O.

The frame has no scripts and no origin. Nobody can measure it therefore: its height is estimated. A
document that sets no colours is shown in those of the theme.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from math import ceil

from dexec_kernel.display.html import Html, display, frame, style_sheet

#: In pixels: the bounds of the height; of a line; of what surrounds a block; of other content.
_LOWEST, _HIGHEST = 60, 480
_LINE, _MARGIN, _PADDING = 20, 16, 24
#: In characters: about what a line holds in a frame that is rather narrow.
_LINE_LENGTH = 100

_BLOCKS = frozenset(
    {
        *("address", "article", "aside", "blockquote", "body", "br", "dd", "details", "div", "dl"),
        *("dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5"),
        *("h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "summary"),
        *("table", "td", "th", "tr", "ul"),
    }
)
_SPACED = {
    "h1": 60,
    "h2": 50,
    "h3": 40,
    "h4": 40,
    "h5": 40,
    "h6": 40,
    "table": 8,
    "tr": 4,
    "hr": 18,
}
_SPACED |= dict.fromkeys(("p", "ul", "ol", "dl", "pre", "blockquote", "figure"), _MARGIN)
#: Their height is not known without loading them, or they may be of any height.
_UNKNOWN = frozenset({"img", "svg", "video", "iframe", "canvas", "object", "embed", "textarea"})
_HIDDEN = frozenset({"head", "script", "style", "template", "title", "noscript"})
#: Their text has no spaces to break at.
_KEEPS_LINES = frozenset({"pre", "textarea"})

_colours = re.compile(r"color|background|\bfill\b|\bfilter\b", re.IGNORECASE)
_COLOUR_ATTRIBUTES = frozenset({"bgcolor", "color", "text", "background", "link"})
#: Heights that are said differently from how content makes them.
_heights = re.compile(r"height|position|float|display|font-size|columns", re.IGNORECASE)

#: In characters: what is read of a document. Python's parser takes quadratic time for some.
_READ = 32 * 1024
#: In characters: a document that is longer is not sent twice.
_MOST_TWICE = 256 * 1024
_TITLE = "preview of an HTML document"
_STYLE = "width:100%;resize:vertical;border:1px solid #8888"
_DARK = "dexec-dark"
# Frames do not inherit a colour scheme: there is one for each, and the theme says which is seen.
_SHEET = style_sheet(
    f'[data-jp-theme-light="false"] .{_DARK}>iframe{{display:none}}'
    f'[data-jp-theme-light="false"] .{_DARK}>iframe+iframe{{display:block!important}}'
)


def preview(document: str) -> Html:
    """Return the display of a document that is not trusted."""
    found = _Document()
    found.feed(document[:_READ])
    found.close()
    is_long = len(document) > _READ
    style = f"{_STYLE};height:{_HIGHEST if is_long else found.height}px"
    # The word may be in the text, where the theme's colours would not harm: white never does.
    has_colours = found.has_colours or (is_long and _colours.search(document))
    if has_colours or len(document) > _MOST_TWICE:
        white = f"{style};color-scheme:light;background:#fff"
        return display("div", frame(document, style=white, title=_TITLE))
    light, dark = (
        frame(document, style=f"{style};color-scheme:{scheme}{more}", title=_TITLE, scheme=scheme)
        for scheme, more in (("light", ""), ("dark", ";display:none"))
    )
    return display("div", _SHEET, light, dark, class_=_DARK)


class _Document(HTMLParser):
    """Reads of a document whether it has colours of its own, and estimates its height."""

    def __init__(self) -> None:
        super().__init__()
        self.has_colours = False
        self._is_known = True
        self._height = 0
        self._text = 0
        self._hidden = 0
        self._cells = 0
        self._keeps_lines = 0

    @property
    def height(self) -> int:
        """The estimate in pixels, within its bounds."""
        self._end_line()
        if not self._is_known:
            return _HIGHEST
        return max(_LOWEST, min(_HIGHEST, self._height + _PADDING))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        style = given.get("style", "")
        if _COLOUR_ATTRIBUTES & given.keys() or _colours.search(style):
            self.has_colours = True
        if given.get("name", "").lower() == "color-scheme":
            self.has_colours = True
        if tag == "link" and "stylesheet" in given.get("rel", "").lower():
            self.has_colours = True
            self._is_known = False
        if tag in _UNKNOWN or _heights.search(style):
            self._is_known = False
        if tag in _BLOCKS and tag not in {"td", "th"}:
            self._end_line()
            self._height += _SPACED.get(tag, 0) + (_LINE if tag == "br" else 0)
        if tag in _HIDDEN:
            self._hidden += 1
        if tag in _KEEPS_LINES:
            self._keeps_lines += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN and self._hidden:
            self._hidden -= 1
        if tag in _KEEPS_LINES and self._keeps_lines:
            self._keeps_lines -= 1
        if tag in _BLOCKS and tag not in {"td", "th"}:
            self._end_line()

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "style" or self.lasttag == "style":
            self.has_colours |= bool(_colours.search(data))
            self._is_known &= not _heights.search(data)
        if self._hidden:
            return
        if self._keeps_lines:
            self._height += data.count("\n") * _LINE
            data = data.rpartition("\n")[2]
        self._text += len(" ".join(data.split()))

    def _end_line(self) -> None:
        self._height += ceil(self._text / _LINE_LENGTH) * _LINE
        self._text = 0
