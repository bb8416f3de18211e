"""The options in a cell's first line, ``%%exec …``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CellOptions:
    """The options of one cell; empty or None if the cell does not set them.

    ``timeout`` is in seconds; 0 overrides the kernel's limit with no limit. With a ``command`` the
    cell's body is its stdin; with ``detach`` it has none, and the cell does not wait for its end.
    Environment values are never in the ``repr``.
    """

    container: str = ""
    user: str = ""
    workdir: str = ""
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    tty: bool = False
    interactive: bool = False
    detach: bool = False
    timeout: float | None = None
    privileged: bool = False
    no_error: bool = False
    command: tuple[str, ...] = ()
