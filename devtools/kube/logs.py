"""Logs of containers in CRI's format: ``TIME STREAM TAG TEXT``. The tag P means: no whole line.

Source: Kubernetes, "CRI logging".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

_LOOK = 0.05


class Log:
    """A container's log file, as plain text."""

    def __init__(self, path: Path, *, tail: int | None, since: str) -> None:
        self._path = path
        self._tail = tail
        self._since = since.rstrip("Z").encode()
        self._position = 0
        self.with_times = False

    def read(self) -> bytes:
        """Return the text that was not returned yet; the first time its last lines alone."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._position)
                data = file.read()
        except FileNotFoundError:
            return b""
        whole = data[: data.rfind(b"\n") + 1]
        self._position += len(whole)
        texts = [self._text(line) for line in whole.splitlines() if line >= self._since]
        lines = b"".join(texts).splitlines(keepends=True)
        if self._tail is not None:
            lines, self._tail = lines[len(lines) - min(self._tail, len(lines)) :], None
        return b"".join(lines)

    async def follow(self, runs: Callable[[], bool]) -> AsyncIterator[bytes]:
        """Yield text as it comes, until the container has ended."""
        while True:
            last = not runs()
            if text := self.read():
                yield text
            if last:
                return
            await asyncio.sleep(_LOOK)

    def _text(self, line: bytes) -> bytes:
        time, _, rest = line.partition(b" ")
        _, tag, text = [*rest.split(b" ", 2), b""][:3]
        shown = time + b" " + text if self.with_times else text
        return shown if tag == b"P" else shown + b"\n"
