"""The displays of ``%show``: a file of a container, by its kind. No I/O.

The file is not trusted: HTML is in a frame without scripts and without an origin, SVG is an image,
Markdown is made harmless, and all else is escaped.
"""

from __future__ import annotations

import base64
import codecs
import csv
import io
import json
import posixpath
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dexec_kernel.display.html import HTML_TYPE, bundle, display, element
from dexec_kernel.display.markdown import shown_markdown
from dexec_kernel.display.preview import preview
from dexec_kernel.display.style import TABLE, box, cell_style
from dexec_kernel.display.text import is_deep, one_line, some_lines, well_formed
from dexec_kernel.units import format_size

#: In bytes: the limits for reading a file and for showing text.
READ_LIMIT, TEXT_LIMIT = 8 * 1024 * 1024, 256 * 1024
#: The limits for showing a table.
ROWS, COLUMNS = 200, 50

_HEX_BYTES, _HEX_LINE = 512, 16
_SNIFFED = 8192
_IMAGES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A mime bundle, and a remark about the parts left out of it, "" if it is complete.

    ``metadata`` is the bundle's, by MIME type: exported pages name an image by its ``alt``.
    """

    data: dict[str, Any]
    note: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


def show_file(name: str, data: bytes, size: int) -> Shown:
    """Return what shows a file; ``data`` is its beginning, ``size`` its whole size in bytes."""
    if not size:
        return Shown({"text/plain": f"{one_line(name)} is empty"})
    if image := _image_type(data):
        if len(data) < size:
            return _too_large(image, size)
        plain = f"{image}, {format_size(size)}"
        content = {"text/plain": plain, image: base64.b64encode(data).decode()}
        return Shown(content, metadata={image: {"alt": one_line(name)}})
    text = _as_text(data)
    if text is None:
        return _hexdump(data, size)
    render = _RENDERERS.get(posixpath.splitext(name)[1].lower()) or _sniff(text)
    if render is not None and (shown := render(text, size, len(data) == size)) is not None:
        return shown
    return _plain(text, size)


def _image_type(data: bytes) -> str:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for head, kind in _IMAGES.items() if data.startswith(head)), "")


def _as_text(data: bytes) -> str | None:
    """Return UTF-8 text, the last character of which may be cut off; None for something else."""
    if b"\0" in data[:_SNIFFED]:
        return None
    try:
        # An incremental decoder waits for the rest of a character.
        return codecs.getincrementaldecoder("utf-8-sig")().decode(data)
    except UnicodeDecodeError:
        return None


def _sniff(text: str) -> Callable[[str, int, bool], Shown | None] | None:
    head = text[:_SNIFFED].lstrip().lower()
    if head.startswith(("<!doctype html", "<html")):
        return _html
    if head.startswith("<svg") or (head.startswith("<?xml") and "<svg" in head):
        return _svg
    return _json if head.startswith(("{", "[")) else None


def _svg(text: str, size: int, whole: bool) -> Shown | None:  # noqa: FBT001 -- a renderer
    if not whole:
        return _too_large("image/svg+xml", size)
    source = base64.b64encode(text.encode()).decode()
    address = f"data:image/svg+xml;base64,{source}"
    image = element("img", alt="SVG image", style="max-width:100%", src=address)
    return Shown(bundle(display("div", image), f"image/svg+xml, {format_size(size)}"))


def _html(text: str, size: int, whole: bool) -> Shown | None:  # noqa: FBT001 -- a renderer
    if not whole:
        return _too_large(HTML_TYPE, size)
    return Shown(bundle(preview(text), f"{HTML_TYPE}, {format_size(size)}"))


def _json(text: str, _size: int, whole: bool) -> Shown | None:  # noqa: FBT001 -- a renderer
    try:
        value = json.loads(text) if whole and len(text) <= TEXT_LIMIT else None
        pretty = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        return None  # Shown as text. Front ends cannot parse NaN, for example.
    if not isinstance(value, dict | list) or is_deep(value) or pretty != well_formed(pretty):
        return None
    return Shown({"text/plain": pretty, "application/json": value})


def _markdown(text: str, size: int, whole: bool) -> Shown | None:  # noqa: FBT001 -- a renderer
    shown = _plain(text, size)
    if not whole or shown.note:
        return None
    return Shown({**shown.data, "text/markdown": shown_markdown(text)})


def _csv(text: str, _size: int, whole: bool) -> Shown | None:  # noqa: FBT001 -- a renderer
    return _table(text, ",", whole=whole)


def _tsv(text: str, _size: int, whole: bool) -> Shown | None:  # noqa: FBT001 -- a renderer
    return _table(text, "\t", whole=whole)


def _table(text: str, separator: str, *, whole: bool) -> Shown | None:
    if separator == "," and (first := text.partition("\n")[0]).count(";") > first.count(","):
        separator = ";"
    rows: list[list[str]] = []
    total = 0
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            total += 1
            if total <= ROWS + 1:
                rows.append(row)
    except csv.Error:
        return None  # A field of 128 KiB, say: shown as text.
    if not rows:
        return None
    widest = max(len(row) for row in rows)
    tags = ["th", *["td"] * len(rows)]
    body = (
        element("tr", *(element(tag, cell, style=cell_style(cell)) for cell in row[:COLUMNS]))
        for tag, row in zip(tags, rows, strict=False)
    )
    notes = []
    if total - 1 > ROWS or not whole:
        count = f"{total - 1:,}" if whole else "many"
        notes.append(f"the first {min(ROWS, total - 1)} of {count} rows")
    if widest > COLUMNS:
        notes.append(f"the first {COLUMNS} of {widest} columns")
    plain = "\n".join("  ".join(row[:COLUMNS]) for row in rows)
    html = display("div", element("table", *body, style=TABLE), style=box())
    return Shown(bundle(html, plain), ", ".join(notes))


def _plain(text: str, size: int) -> Shown:
    shown = text[:TEXT_LIMIT]
    shown_size = len(shown.encode())
    note = ""
    if shown_size < size - len("\ufeff".encode()):
        note = f"the first {format_size(shown_size)} of {format_size(size)}"
    return Shown({"text/plain": some_lines(shown)}, note)


def _hexdump(data: bytes, size: int) -> Shown:
    lines = []
    for begin in range(0, min(len(data), _HEX_BYTES), _HEX_LINE):
        piece = data[begin : begin + _HEX_LINE]
        letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in piece)  # noqa: PLR2004
        lines.append(f"{begin:08x}  {piece.hex(' '):<{_HEX_LINE * 3}} {letters}")
    note = f"binary, {format_size(size)}"
    if size > _HEX_BYTES:
        note += f"; the first {_HEX_BYTES} bytes"
    return Shown({"text/plain": "\n".join(lines)}, note)


def _too_large(kind: str, size: int) -> Shown:
    text = (
        f"{kind}, {format_size(size)}: too large to be shown, {format_size(READ_LIMIT)} are"
        " possible. %cp copies it."
    )
    return Shown({"text/plain": text})


_RENDERERS: dict[str, Callable[[str, int, bool], Shown | None]] = {
    ".svg": _svg,
    ".html": _html,
    ".htm": _html,
    ".json": _json,
    ".ipynb": _json,
    ".md": _markdown,
    ".markdown": _markdown,
    ".csv": _csv,
    ".tsv": _tsv,
}
