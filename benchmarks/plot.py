"""A plot of bars as SVG: ours and the peers, each with its median and quartiles. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from benchmarks.measure import Unit

_WIDTH, _LABELS, _VALUES = 860, 330, 110
_BAR, _STEP, _TITLE, _GAP = 14, 20, 24, 14
_STYLE = """\
text { font: 12px system-ui, sans-serif; fill: #24292f; }
.title { font-weight: 600; }
.ours { fill: #0a6ebd; } .peer { fill: #a8b1bb; }
.spread { stroke: #24292f; stroke-width: 1.5; }
@media (prefers-color-scheme: dark) {
  text { fill: #d7dde3; } .ours { fill: #4ea3e8; } .peer { fill: #6b7682; }
  .spread { stroke: #d7dde3; }
}"""


@dataclass(frozen=True)
class _Bar:
    label: str
    css: str
    figures: Mapping[str, Any]
    prefix: str = ""


def svg(panels: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return the plot; ``panels`` holds rows as JSON (``Row.to_json``) by their subject.

    Each panel has its own scale, which begins at 0.
    """
    parts: list[str] = []
    y = 0
    for what, rows in panels.items():
        bars = _bars(rows)
        parts.append(f'<text class="title" x="0" y="{y + 16}">{_plain(what)}</text>')
        y += _TITLE
        most = max(max(bar.figures["median"], bar.figures["quartiles"][1]) for bar in bars)
        for bar in bars:
            parts += _draw(bar, y, (_WIDTH - _LABELS - _VALUES) / most if most > 0 else 0.0)
            y += _STEP
        y += _GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y}"'
        f' viewBox="0 0 {_WIDTH} {y}" role="img">'
    )
    title = "<title>Medians and quartiles, dexec-kernel beside its peers</title>"
    return "\n".join([head, title, f"<style>{_STYLE}</style>", *parts, "</svg>"]) + "\n"


def _bars(rows: Sequence[Mapping[str, Any]]) -> list[_Bar]:
    ours = _Bar("dexec-kernel", "ours", rows[0]["ours"])
    peers = [
        _Bar(row["peer_name"], "peer", row["peer"], "> " if row["peer_is_lower_bound"] else "")
        for row in rows
        if row["peer"]
    ]
    return [ours, *peers]


def _draw(bar: _Bar, y: int, scale: float) -> list[str]:
    median, (low, high) = bar.figures["median"], bar.figures["quartiles"]
    width, middle = max(1.0, median * scale), y + _BAR / 2
    end = _LABELS + max(width, high * scale) + 6
    value = bar.prefix + Unit(bar.figures["unit"]).text(median)
    parts = [
        f'<text x="{_LABELS - 8}" y="{y + 12}" text-anchor="end">{_plain(bar.label)}</text>',
        f'<rect class="{bar.css}" x="{_LABELS}" y="{y}" width="{width:.1f}" height="{_BAR}"/>',
        f'<text x="{end:.1f}" y="{y + 12}">{escape(value)}</text>',
    ]
    if low != high:
        parts.append(
            f'<line class="spread" x1="{_LABELS + low * scale:.1f}" y1="{middle}"'
            f' x2="{_LABELS + high * scale:.1f}" y2="{middle}"/>'
        )
    return parts


def _plain(markdown: str) -> str:
    return escape(markdown.replace("`", ""))
