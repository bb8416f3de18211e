"""The engine's reports while it pulls or loads images: bytes in, reports out. No I/O.

Source: Docker Engine API, "Create an image" and "Import images": one JSON object a line. An error
comes as one of them, with the status 200 before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from dexec_kernel.backend.images import PullProgress
from dexec_kernel.engine.http.answer import parse
from dexec_kernel.errors import ProtocolError

#: In bytes: no line of an engine is longer.
_LONGEST = 1024 * 1024
#: What the engine says of a layer that is loaded.
_LOADED_LAYER = frozenset(
    {"Download complete", "Verifying Checksum", "Extracting", "Pull complete"}
)
#: Podman names several images in one line.
_LOADED = re.compile(r"Loaded image(?:\(s\))?(?: ID)?: *(?P<names>.+)")


@dataclass(frozen=True, slots=True)
class Report:
    """One line. ``layer`` is its id, ``text`` what is said, ``error`` an error of the engine's."""

    text: str = ""
    layer: str = ""
    current: int = 0
    total: int = 0
    error: str = ""


class ReportDecoder:
    """Bytes in, reports out, however they are cut."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def receive_data(self, data: bytes) -> list[Report]:
        """Return the reports that ``data`` completes. Raises :class:`ProtocolError`."""
        self._pending += data
        lines: list[bytes] = []
        if b"\n" in data:
            *lines, rest = bytes(self._pending).split(b"\n")
            self._pending = bytearray(rest)
        if len(self._pending) > _LONGEST:
            raise ProtocolError(f"A report of the engine has more than {_LONGEST:,} bytes.")
        return [_read(line) for line in lines if line.strip()]

    def receive_eof(self) -> list[Report]:
        """Return the last report, where no line end follows it. Raises :class:`ProtocolError`."""
        return self.receive_data(b"\n")


class Pull:
    """The layers of an image that is being pulled."""

    def __init__(self) -> None:
        self._layers: dict[str, tuple[int, int]] = {}

    def receive(self, report: Report) -> PullProgress:
        """Take note of a report; return how far the pull is."""
        _, total = self._layers.get(report.layer, (0, 0))
        if report.text == "Downloading" and report.total > 0:
            self._layers[report.layer] = (min(report.current, report.total), report.total)
        elif report.text in _LOADED_LAYER and total:
            self._layers[report.layer] = (total, total)
        layers = self._layers.values()
        return PullProgress(sum(part for part, _ in layers), sum(whole for _, whole in layers))


def loaded_names(text: str) -> tuple[str, ...]:
    """Return the names of the images that a report says are loaded."""
    found = (_LOADED.fullmatch(line.strip()) for line in text.splitlines())
    names = (name.strip() for match in found if match for name in match["names"].split(","))
    return tuple(name for name in names if name)


def _read(line: bytes) -> Report:
    content = parse(line, "report")
    if not isinstance(content, dict):
        raise ProtocolError(f"A report of the engine is not a JSON object: {line[:200]!r}.")
    detail = content.get("progressDetail")
    counts = detail if isinstance(detail, dict) else {}
    return Report(
        text=str(content.get("status") or content.get("stream") or ""),
        layer=str(content.get("id") or ""),
        current=_count(counts.get("current")),
        total=_count(counts.get("total")),
        error=_error(content),
    )


def _count(value: Any) -> int:
    """Return a number of bytes; -1, or anything else, is unknown."""
    return max(0, value) if isinstance(value, int) else 0


def _error(content: dict[str, Any]) -> str:
    detail = content.get("errorDetail")
    if isinstance(detail, dict) and detail.get("message"):
        return str(detail["message"])
    if content.get("error") or detail:
        return str(content.get("error") or detail)
    return ""
