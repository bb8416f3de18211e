"""Small tables, as text and as HTML. Their content may come from outside and is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from dexec_kernel.display.style import CELL, TABLE, box
from dexec_kernel.display.text import one_line

_CELL = CELL[:-1] + ';white-space:pre-wrap"'


def table_data(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, str]:
    """Return the mime bundle of a table. Every row is as long as ``titles``."""
    lines = [[one_line(text) for text in row] for row in (titles, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    head, *body = (
        "".join(f"<{tag} {_CELL}>{escape(text)}</{tag}>" for text in line)
        for tag, line in zip(["th", *("td" for _ in rows)], lines, strict=True)
    )
    html = "".join(f"<tr>{row}</tr>" for row in body)
    return {
        "text/plain": "\n".join(padded),
        "text/html": f"<div {box()}><table {TABLE}><thead><tr>{head}</tr></thead>"
        f"<tbody>{html}</tbody></table></div>",
    }


def line_data(parts: Sequence[str]) -> dict[str, str]:
    """Return the mime bundle of one line with dots between its parts, as in the status bar."""
    line = " · ".join(one_line(part) for part in parts)
    return {"text/plain": line, "text/html": f"<div {box()}>{escape(line)}</div>"}
