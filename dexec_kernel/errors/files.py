"""Errors of files, in the container or on the kernel's side, and of copies."""

from __future__ import annotations

from typing import Self

from dexec_kernel.errors.engine import EngineApiError
from dexec_kernel.errors.root import DexecError


class PathNotFound(EngineApiError):
    """The file or folder does not exist, in the container or on the kernel's side."""

    @classmethod
    def of(cls, message: str, *, advice: str = "") -> Self:
        """Return the error where it is not the engine that has looked."""
        return cls(message, status=404, advice=advice)


class PathForbidden(EngineApiError):
    """The engine may not read or write the path."""


class FileSystemReadOnly(EngineApiError):
    """The container's file system is read-only at the path."""


class CopyError(DexecError):
    """The copy cannot be made as it was asked for, or not to its end."""


class UnsafeArchive(CopyError):
    """The container's archive has an entry that would leave the folder it is copied to."""
