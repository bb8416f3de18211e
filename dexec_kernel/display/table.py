"""Small tables, as text and as HTML. Their content may come from outside."""

from __future__ import annotations

from collections.abc import Sequence

from dexec_kernel.display.html import Html, bundle, display, element, joined
from dexec_kernel.display.style import PRE, TABLE, box, cell_style
from dexec_kernel.display.text import one_line


def table_data(
    titles: Sequence[str], rows: Sequence[Sequence[str]], note: str = ""
) -> dict[str, str]:
    """Return the mime bundle of a table, with ``note`` below it.

    Every row is as long as ``titles``.
    """
    lines = [[one_line(text) for text in row] for row in (titles, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    head, *body = (
        element("tr", *(element(tag, text, style=cell_style(text)) for text in line))
        for tag, line in zip(["th", *("td" for _ in rows)], lines, strict=True)
    )
    table = element("table", element("thead", head), element("tbody", *body), style=TABLE)
    below: list[Html] = []
    if note:
        padded.append(one_line(note))
        below.append(element("div", one_line(note), style="opacity:.65"))
    return bundle(display("div", joined(table, *below), style=box()), "\n".join(padded))


def line_data(parts: Sequence[str]) -> dict[str, str]:
    """Return the mime bundle of one line with dots between its parts, as in the status bar."""
    line = " · ".join(one_line(part) for part in parts)
    return bundle(display("div", line, style=box()), line)


def text_data(text: str) -> dict[str, str]:
    """Return the mime bundle of lines of text in a fixed font."""
    return bundle(display("pre", text, style=PRE), text)
