"""The errors of a copy, besides the engine's."""

from __future__ import annotations

from dexec_kernel.errors import DexecError


class CopyError(DexecError):
    """The copy cannot be made as it was asked for, or not to its end."""


class UnsafeArchive(CopyError):
    """The container's archive has something in it that would leave the folder it is copied to."""
