"""What ``%container`` shows: the current container, and those that could be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from dexec_kernel.backend.models import ContainerInspect, ContainerSummary
from dexec_kernel.display.text import one_line

# Begins where the text of a cell's output does, with the font of the status bar.
_BOX = 'style="padding-left:8px;font-family:system-ui,sans-serif;font-size:12px;line-height:20px"'
_TABLE = 'style="margin:0;border-collapse:collapse;font-size:12px"'
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
    head = one_line(head)
    rows = [
        (
            "→" if chosen is not None and item.id == chosen.id else " ",
            f"%container {one_line(item.name)}",
            one_line(item.image),
            one_line(item.status),
        )
        for item in running
    ]
    lines = [f"{mark} {magic}  ({image}, {status})" for mark, magic, image, status in rows]
    body = "".join(
        f"<tr><td {_CELL}>{mark}</td><td {_CELL}><code>{escape(magic)}</code></td>"
        f"<td {_CELL}>{escape(image)}</td><td {_CELL}>{escape(status)}</td></tr>"
        for mark, magic, image, status in rows
    )
    table = f"<table {_TABLE}>{body}</table>" if body else ""
    html = f"<div {_BOX}><div>{escape(head)}</div>{table}</div>"
    return {"text/plain": "\n".join([head, *lines]), "text/html": html}
