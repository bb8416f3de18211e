"""A tar stream's members, read one after the other and checked before anything is done with them.

tarfile is lenient where a stream is cut off between two members, and keeps every member that it
has read; here the end must be there, and nothing is kept.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Protocol, Self, cast

from dexec_kernel.errors import CopyError, UnsafeArchive
from dexec_kernel.files.bridge import PIECE

#: In bytes: long names and extended attributes are far below; a hostile archive says anything.
_MAX_EXTENSION = 1024 * 1024


class ByteReader(Protocol):
    """The source of an archive's bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, of any length; nothing at the end."""
        ...


class _Member(tarfile.TarInfo):
    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile)
        except _END_MARK:
            tarfile.complete = True  # type: ignore[attr-defined] # ours
            raise

    def _proc_member(self, tarfile: tarfile.TarFile) -> Self | None:
        # tarfile's own hook for subclasses: every header passes here before its data are read.
        # Newer Pythons do not call the public frombuf for all of them.
        if self.type in _EXTENSIONS and self.size > _MAX_EXTENSION:
            raise UnsafeArchive(f"The archive has a header of {self.size:,} bytes.")
        member: Self | None = super()._proc_member(tarfile)  # type: ignore[misc] # not in typeshed
        return member


_END_MARK: type[Exception] = tarfile.EOFHeaderError  # type: ignore[attr-defined] # not in typeshed
_EXTENSIONS = {
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
}


@contextmanager
def open_archive(stream: ByteReader) -> Iterator[tarfile.TarFile]:
    """Open a tar stream for :func:`members`. Raises :class:`CopyError` if it is not a tar."""
    try:
        with tarfile.open(
            fileobj=cast("IO[bytes]", stream),  # it is only read
            mode="r|",
            bufsize=PIECE,
            tarinfo=_Member,
            errors="surrogateescape",
        ) as archive:
            yield archive
    except (tarfile.TarError, ValueError) as error:  # The latter for numbers and names.
        raise CopyError(f"The container's archive cannot be read: {error}.") from error


def members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Iterate over the members. Raises :class:`CopyError` when the archive's end is missing."""
    while (member := archive.next()) is not None:
        yield member
        archive.members.clear()  # type: ignore[attr-defined] # it would grow with the archive
    if not getattr(archive, "complete", False):
        raise CopyError(
            "The container's archive is not complete: something could not be read.",
            advice="The engine's log says what.",
        )


def relative_parts(name: str, *, content_only: bool, first: str) -> tuple[str, ...]:
    """Return a member's path below what is copied; ``first`` is the first member's name.

    Raises :class:`UnsafeArchive` for a name that does not lie below it.
    """
    parts = _parts(name)
    if name.startswith("/") and first not in {"", "/"}:
        raise UnsafeArchive(f"The archive has an absolute path in it: {name!r}.")
    if ".." in parts or "\0" in name:
        raise UnsafeArchive(f"The archive has a path in it that leaves the folder: {name!r}.")
    if content_only:
        return parts
    root = _parts(first)
    if len(root) != 1 or parts[:1] != root:
        raise UnsafeArchive(f"The archive has something else in it than was asked for: {name!r}.")
    return parts[1:]


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part for part in name.split("/") if part not in {"", "."})
