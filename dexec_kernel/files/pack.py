"""Packs a file or a folder of the kernel's side into a tar stream. Blocking."""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterator
from typing import IO, Protocol, Self, cast

from dexec_kernel.errors import CopyError
from dexec_kernel.files.bridge import PIECE, Writer
from dexec_kernel.files.report import Report


def measure(path: str) -> int:
    """Return the size of the files at and below a path, in bytes; unreadable folders count 0."""
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode):
        return status.st_size if stat.S_ISREG(status.st_mode) else 0
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                status = os.lstat(os.path.join(folder, name))  # noqa: PTH118
            except FileNotFoundError:
                continue  # Gone meanwhile; packing will see it.
            total += status.st_size if stat.S_ISREG(status.st_mode) else 0
    return total


class ByteWriter(Protocol):
    """The destination of an archive's bytes."""

    def write(self, data: bytes, /) -> int:
        """Take the next bytes."""
        ...

    def tell(self) -> int:
        """Return how many there were."""
        ...


def new_archive(out: ByteWriter) -> tarfile.TarFile:
    """Begin an archive; closing it writes its end. A :class:`Writer` is to be flushed then."""
    archive = tarfile.TarFile(
        # It is only written, and told where it is.
        fileobj=cast("IO[bytes]", out),
        mode="w",
        format=tarfile.PAX_FORMAT,
        encoding="utf-8",
        errors="surrogateescape",
    )
    archive.copybufsize = PIECE  # type: ignore[attr-defined] # not in typeshed
    return archive


def pack(path: str, name: str, out: Writer, report: Report) -> None:
    """Write ``path`` into the archive ``out`` as ``name``; with "", only a folder's content.

    Symbolic links, modes, times and numeric owners are kept. Raises :class:`CopyError` if a file
    cannot be read; the end of the archive is then missing.
    """
    try:
        archive = new_archive(out)
        for file, member in _walk(path, name):
            _add(archive, file, member, report)
        archive.close()
        out.flush()
    except OSError as error:
        raise CopyError(
            f"{error.filename or path} cannot be read: {error.strerror or error}."
        ) from error


def _walk(path: str, name: str) -> Iterator[tuple[str, str]]:
    """Iterate over paths and the names they get, folders before what is in them."""
    if name:
        yield path, name
    pending = [(path, name)] if stat.S_ISDIR(os.lstat(path).st_mode) else []
    while pending:
        folder, prefix = pending.pop()
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            member = f"{prefix}/{entry.name}" if prefix else entry.name
            yield entry.path, member
            if entry.is_dir(follow_symlinks=False):
                pending.append((entry.path, member))


def _add(archive: tarfile.TarFile, path: str, name: str, report: Report) -> None:
    member = archive.gettarinfo(path, name)
    if member is None or not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        report.leave_out(name, "a device, a pipe or a socket")
        return
    # The owner's name on this side means nothing in the container; whole seconds, as docker's.
    member.uname = member.gname = ""
    member.mtime = int(member.mtime)
    if member.isreg():
        with _Counted(path, report) as content:
            archive.addfile(member, content)  # type: ignore[arg-type] # it is only read
    else:
        archive.addfile(member)
    archive.members.clear()  # type: ignore[attr-defined] # it would grow with the archive
    report.files += member.isreg() or member.islnk()
    report.folders += member.isdir()
    report.links += member.issym()


class _Counted:
    """A file whose bytes are counted as they are read."""

    def __init__(self, path: str, report: Report) -> None:
        self._file = open(path, "rb", buffering=0)  # noqa: PTH123, SIM115 -- closed below
        self._report = report

    def read(self, size: int) -> bytes:
        data = self._file.read(size) or b""
        self._report.size += len(data)
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self._file.close()
