"""How long cells took, to tell how long the same cell may take again."""

from __future__ import annotations

import hashlib

from dexec_kernel.cells.source.options import CellOptions

#: In seconds: a shorter cell is over before anybody has read an estimate.
MIN_DURATION = 1.0
#: The number of recent cells that are remembered.
MAX_CELLS = 500


class Durations:
    """Remembers a cell by the hash of its text, options and container."""

    def __init__(self) -> None:
        self._seconds: dict[bytes, float] = {}

    def expected(self, container: str, options: CellOptions, text: str) -> float | None:
        """Return how many seconds the cell took last time, None where that is not known."""
        return self._seconds.get(_key(container, options, text))

    def remember(self, container: str, options: CellOptions, text: str, seconds: float) -> None:
        """Take how long a cell took that has ended well."""
        key = _key(container, options, text)
        self._seconds.pop(key, None)
        if seconds >= MIN_DURATION:
            self._seconds[key] = seconds
        if len(self._seconds) > MAX_CELLS:
            del self._seconds[next(iter(self._seconds))]


def _key(container: str, options: CellOptions, text: str) -> bytes:
    return hashlib.sha256(f"{container}\0{options}\0{text}".encode(errors="surrogatepass")).digest()
