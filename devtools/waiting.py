"""Waiting for something to be so. The guard is against hanging; nothing depends on its length."""

import time
from collections.abc import Callable

#: In seconds: longer than anything takes on a slow and busy machine.
GUARD = 120.0


def until(holds: Callable[[], bool], awaited: str, *, pause: float = 0.02) -> None:
    """Look until something holds, at intervals of ``pause`` seconds.

    Raises TimeoutError, with a text that names what was ``awaited``.
    """
    deadline = time.monotonic() + GUARD
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{awaited}: it has not come within {GUARD:g} s")
        time.sleep(pause)
