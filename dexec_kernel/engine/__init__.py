"""The Docker Engine API: one implementation of ``dexec_kernel.backend``.

The names below are those of its modules, which are imported when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dexec_kernel.backend.models import ConsoleSize, ExecConfig, ExecInspect, Frame, Stream
    from dexec_kernel.engine.client import EngineClient
    from dexec_kernel.errors import DexecError, EngineError

__all__ = [
    "ConsoleSize",
    "DexecError",
    "EngineClient",
    "EngineError",
    "ExecConfig",
    "ExecInspect",
    "Frame",
    "Stream",
]

_HOMES = {
    "EngineClient": "dexec_kernel.engine.client",
    "DexecError": "dexec_kernel.errors",
    "EngineError": "dexec_kernel.errors",
}


def __getattr__(name: str) -> object:
    """Import what is named, as PEP 562 has it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 -- to import the package stays light

    return getattr(import_module(_HOMES.get(name, "dexec_kernel.backend.models")), name)
