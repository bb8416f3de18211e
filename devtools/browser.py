"""The system's Chromium, driven by Playwright; no browser is downloaded."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Playwright

_FLAGS = (
    "--no-sandbox",  # root, as in a container, gets no sandbox
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def launched(playwright: Playwright) -> Iterator[Browser]:
    """Yield a headless Chromium, which is closed here. Raises FileNotFoundError without one."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise FileNotFoundError("chromium is not on the PATH (devtools/system.sh need browser)")
    chromium = playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
    try:
        yield chromium
    finally:
        chromium.close()
