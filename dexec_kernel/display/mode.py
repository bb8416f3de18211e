"""How a cell is shown: the setting, which the kernel has before it has what shows cells."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """The setting ``status_bar``."""

    LIVE = "live"
    STATIC = "static"
    OFF = "off"
