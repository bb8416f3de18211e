"""What a cell's first line, ``%%exec …``, asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CellOptions:
    """How one cell is executed; empty and None where the cell does not say.

    ``timeout`` is in seconds, 0 for no limit whatever the kernel's setting is. With a ``command``
    the cell's body is its stdin. Environment values never show in the ``repr``.
    """

    container: str = ""
    user: str = ""
    workdir: str = ""
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    tty: bool = False
    interactive: bool = False
    timeout: float | None = None
    privileged: bool = False
    no_error: bool = False
    command: tuple[str, ...] = ()
