"""What ``%container`` shows: the current container, and those that could be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from dexec_kernel.engine.models import ContainerInspect, ContainerSummary

_CELL = 'style="text-align:left;padding:2px 12px 2px 0"'


def choice_data(
    running: Sequence[ContainerSummary],
    *,
    chosen: ContainerInspect | None,
    setting: str,
) -> dict[str, str]:
    """Return the mime bundle. ``setting`` is how the current container was named, "" if not."""
    head = "No container is chosen."
    if chosen is not None:
        how = "" if setting else ", the only one that runs"
        also = f", chosen as {setting}" if setting not in {"", chosen.name} else ""
        head = f"Cells run in {chosen.name} (image {chosen.image}{how}{also})."
    if chosen is None and not running:
        head += " No container is running."
    rows = [("→" if chosen is not None and item.id == chosen.id else "", item) for item in running]
    lines = [head]
    lines += [
        f"{mark:1} %container {item.name}  ({item.image}, {item.status})" for mark, item in rows
    ]
    body = "".join(
        f"<tr><td {_CELL}>{mark}</td><td {_CELL}><code>%container {escape(item.name)}</code></td>"
        f"<td {_CELL}>{escape(item.image)}</td><td {_CELL}>{escape(item.status)}</td></tr>"
        for mark, item in rows
    )
    html = f"<div>{escape(head)}</div>" + (f"<table>{body}</table>" if body else "")
    return {"text/plain": "\n".join(lines), "text/html": html}
