"""The styles that displays share. They are in the tags: a stored notebook has no stylesheet.

JupyterLab keeps all of them in untrusted notebooks. The left edge of a box is aligned with the text
of a cell's output.
"""

from __future__ import annotations

#: Named because the HTML of a widget and of a stored output have different fonts.
FONT = "font-family:system-ui,sans-serif;font-size:12px"
#: In pixels: what a box is indented by.
INDENT = 8

TABLE = "margin:0;border-collapse:collapse;font-size:12px"
_CELL = "text-align:left;padding:2px 12px 2px 0;white-space:"
#: In characters: a cell of a table that is not longer has one line.
_ONE_LINE = 24
PRE = f"margin:0;padding-left:{INDENT}px;background:none;font-size:12px;line-height:18px"


def cell_style(text: str) -> str:
    """Return the style of a table's cell. In a narrow pane the table is scrolled, not squeezed."""
    return f"{_CELL}pre" if len(text) <= _ONE_LINE else f"{_CELL}pre-wrap;min-width:{_ONE_LINE}em"


def box(line_height: int = 20, more: str = "") -> str:
    """Return the style of a box with text; the height of its lines is in pixels."""
    return f"padding-left:{INDENT}px;{FONT};line-height:{line_height}px{more}"
