"""Extracts a container's tar stream into a folder, and nothing outside of it.

The archive is the container's and is not trusted. Every folder on the way to a member is opened
without following symbolic links, so that none in the archive, or that somebody else puts there
meanwhile, leads elsewhere. A file gets its final name when it is whole.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import tarfile
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Self

from dexec_kernel.errors import CopyError, UnsafeArchive
from dexec_kernel.files.bridge import PIECE
from dexec_kernel.files.members import ByteReader, members, open_archive, relative_parts
from dexec_kernel.files.paths import Landing
from dexec_kernel.files.report import Report

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
#: No setuid, setgid or sticky bit comes out of a container: what has them would be the user's own.
_MODE = 0o777
_OWNER_ALL = 0o700

Parts = tuple[str, ...]


def extract(stream: ByteReader, landing: Landing, report: Report, *, content_only: bool) -> None:
    """Extract a tar stream below ``landing``, as ``docker cp`` does. Blocking.

    ``content_only`` is whether the archive is of a folder's content (``/a/.``). Modes and times
    are kept, owners are not. Devices and the like are left out, as are symbolic links that lead
    out of the landing's folder. Raises :class:`UnsafeArchive` for anything else that would leave
    that folder, and :class:`CopyError`.
    """
    try:
        with _Extraction(landing, report) as extraction, open_archive(stream) as archive:
            first: str | None = None
            for member in members(archive):
                first = member.name if first is None else first
                parts = relative_parts(member.name, content_only=content_only, first=first)
                target: Parts | None = None
                if member.islnk():
                    target = relative_parts(member.linkname, content_only=content_only, first=first)
                extraction.add(archive, member, parts, target)
    except OSError as error:
        name = error.filename if isinstance(error.filename, str) else landing.folder
        raise CopyError(f"{landing.folder}: {error.strerror or error} ({name}).") from error


class _Extraction:
    def __init__(self, landing: Landing, report: Report) -> None:
        self._prefix: Parts = (landing.name,) if landing.name else ()
        self._report = report
        self._root = os.open(landing.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._open: tuple[Parts, int] = ((), self._root)
        self._folders: list[tuple[Parts, int, float]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        try:
            # After an error, that is the one to tell.
            with suppress(OSError) if error else nullcontext():
                self._finish_folders()
        finally:
            self._close_folder()
            os.close(self._root)

    def add(
        self, archive: tarfile.TarFile, member: tarfile.TarInfo, below: Parts, target: Parts | None
    ) -> None:
        parts = (*self._prefix, *below)
        if not parts:
            if not member.isdir():
                raise UnsafeArchive("The archive is of a file, where a folder was asked for.")
            return  # The folder itself is there, and stays as it is.
        if member.isdir():
            self._add_folder(member, parts)
        elif member.isreg():
            self._add_file(archive, member, parts)
        elif target is not None:
            self._add_hard_link(parts, (*self._prefix, *target))
        elif member.issym():
            self._add_symlink(member, parts)
        else:
            self._report.leave_out("/".join(parts), "a device, a pipe or a socket")

    def _add_folder(self, member: tarfile.TarInfo, parts: Parts) -> None:
        parent = self._parent(parts)
        try:
            os.mkdir(parts[-1], _OWNER_ALL, dir_fd=parent)
        except FileExistsError as error:
            if not stat.S_ISDIR(_lstat(parts[-1], parent).st_mode):
                raise CopyError(
                    f"A folder cannot replace a file or link: {'/'.join(parts)}."
                ) from error
        self._folders.append((parts, member.mode & _MODE, member.mtime))
        self._report.folders += 1

    def _add_file(self, archive: tarfile.TarFile, member: tarfile.TarInfo, parts: Parts) -> None:
        if member.issparse():
            # A few bytes would fill the disk. No engine sends one, nor a tar that is not told to.
            raise UnsafeArchive(f"The archive has a file with holes in it: {member.name!r}.")
        content = archive.extractfile(member)
        if content is None:
            raise CopyError(f"The archive has a file without content: {member.name!r}.")

        def make(name: str, parent: int) -> None:
            descriptor = os.open(name, _NEW_FILE, 0o600, dir_fd=parent)
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                while data := content.read(PIECE):
                    view = memoryview(data)
                    while view:
                        written = file.write(view)
                        self._report.size += written
                        view = view[written:]
                _set_time(descriptor, member.mtime)
                os.fchmod(descriptor, member.mode & _MODE)

        self._put(parts, make)
        self._report.files += 1

    def _add_symlink(self, member: tarfile.TarInfo, parts: Parts) -> None:
        if _leaves(parts, member.linkname):
            self._report.leave_out(
                "/".join(parts), f"a link that leads out of the folder, to {member.linkname}"
            )
            return
        self._put(parts, lambda name, parent: os.symlink(member.linkname, name, dir_fd=parent))
        self._report.links += 1

    def _add_hard_link(self, parts: Parts, target: Parts) -> None:
        folder = os.dup(self._parent(target))
        try:
            if not target or not stat.S_ISREG(_lstat(target[-1], folder).st_mode):
                raise UnsafeArchive(f"The archive links to no file of its own: {'/'.join(parts)}.")

            def make(name: str, parent: int) -> None:
                os.link(
                    target[-1], name, src_dir_fd=folder, dst_dir_fd=parent, follow_symlinks=False
                )

            self._put(parts, make)
        finally:
            os.close(folder)
        self._report.files += 1

    def _put(self, parts: Parts, make: Callable[[str, int], None]) -> None:
        """Make something under a name of its own, then give it its final one."""
        parent = self._parent(parts)
        temporary = f".dexec-{secrets.token_hex(8)}.part"
        try:
            make(temporary, parent)
            if _is_folder(parts[-1], parent):
                raise CopyError(f"A file or link cannot replace a folder: {'/'.join(parts)}.")
            os.replace(temporary, parts[-1], src_dir_fd=parent, dst_dir_fd=parent)
        finally:
            with suppress(FileNotFoundError):  # It has its final name. Or two of one file.
                os.unlink(temporary, dir_fd=parent)

    def _parent(self, parts: Parts) -> int:
        """Return the folder that ``parts`` lie in, opened; the next call may close it."""
        wanted = parts[:-1]
        if self._open[0] != wanted:
            self._close_folder()
            current = os.dup(self._root)
            try:
                for part in wanted:
                    inner = self._step(part, current, parts)
                    os.close(current)
                    current = inner
            except BaseException:
                os.close(current)
                raise
            self._open = (wanted, current)
        return self._open[1]

    def _step(self, part: str, parent: int, parts: Parts) -> int:
        with suppress(FileExistsError):
            # Archives need not have the folders on the way.
            os.mkdir(part, dir_fd=parent)
        try:
            return os.open(part, _FOLDER, dir_fd=parent)
        except OSError as error:
            if error.errno not in {errno.ELOOP, errno.ENOTDIR}:
                raise
            raise UnsafeArchive(
                f"The way to {'/'.join(parts)} goes through {part}, which is not a folder."
            ) from error

    def _close_folder(self) -> None:
        if self._open[1] != self._root:
            os.close(self._open[1])
        self._open = ((), self._root)

    def _finish_folders(self) -> None:
        """Set the folders' modes and times, the inner ones first: now nothing is written there."""
        for parts, mode, mtime in reversed(self._folders):
            folder = os.open(parts[-1], _FOLDER, dir_fd=self._parent(parts))
            try:
                _set_time(folder, mtime)
                os.fchmod(folder, mode)
            finally:
                os.close(folder)


def _leaves(parts: Parts, target: str) -> bool:
    """Return whether a link at ``parts`` leads out of the folder that ``parts`` begin in."""
    if target.startswith("/"):
        return True
    depth = len(parts) - 1
    for part in target.split("/"):
        if part == "..":
            depth -= 1
            if depth < 0:
                return True
        elif part not in {"", "."}:
            depth += 1
    return False


def _set_time(descriptor: int, mtime: float) -> None:
    with suppress(OverflowError, ValueError):  # A time that this system cannot say stays.
        os.utime(descriptor, (mtime, mtime))


def _lstat(name: str, parent: int) -> os.stat_result:
    return os.stat(name, dir_fd=parent, follow_symlinks=False)


def _is_folder(name: str, parent: int) -> bool:
    try:
        return stat.S_ISDIR(_lstat(name, parent).st_mode)
    except FileNotFoundError:
        return False
