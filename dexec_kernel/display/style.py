"""The styles that displays share. They are in the tags: a stored notebook has no stylesheet.

JupyterLab keeps all of them in untrusted notebooks. The left edge of a box is aligned with the text
of a cell's output.
"""

from __future__ import annotations

#: Named because the HTML of a widget and of a stored output have different fonts.
FONT = "font-family:system-ui,sans-serif;font-size:12px"
#: In pixels: what a box is indented by.
INDENT = 8

#: Front ends take text between two dollars for mathematics, but not here: names of MathJax 3 and 2.
NO_MATH = "mathjax_ignore tex2jax_ignore"
TABLE = f'class="{NO_MATH}" style="margin:0;border-collapse:collapse;font-size:12px"'
CELL = 'style="text-align:left;padding:2px 12px 2px 0"'
PRE = f'style="margin:0;padding-left:{INDENT}px;background:none;font-size:12px;line-height:18px"'


def box(line_height: int = 20, more: str = "") -> str:
    """Return the attributes of a box with text; the height of its lines is in pixels."""
    style = f"padding-left:{INDENT}px;{FONT};line-height:{line_height}px{more}"
    return f'class="{NO_MATH}" style="{style}"'
