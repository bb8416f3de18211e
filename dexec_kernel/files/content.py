"""One file's content, out of a container or into it."""

from __future__ import annotations

import io
import tarfile
import time
from dataclasses import dataclass, replace

from dexec_kernel.backend.protocol import Files
from dexec_kernel.errors import CopyError, PathNotFound, UsageError
from dexec_kernel.files.bridge import Reader, Writer, in_thread
from dexec_kernel.files.copy import require_folder, send
from dexec_kernel.files.follow import follow
from dexec_kernel.files.members import members, open_archive
from dexec_kernel.files.pack import new_archive
from dexec_kernel.files.paths import (
    Landing,
    asserts_folder,
    base_name,
    normal_path,
    parent_of,
)

#: In bytes: what a file may have to be appended to, as it goes out of the container and in again.
APPEND_LIMIT = 64 * 1024 * 1024
_NEW_FILE_MODE, _MODE = 0o644, 0o7777


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file: its path with links followed, ``size`` in bytes, and the first of them.

    ``uid``, ``gid`` and ``mode`` are the file's.
    """

    path: str
    size: int
    data: bytes
    mode: int
    uid: int
    gid: int

    @property
    def is_whole(self) -> bool:
        """Whether ``data`` is all of it."""
        return len(self.data) == self.size


async def read_file(files: Files, container: str, path: str, *, limit: int) -> FileContent:
    """Read the first ``limit`` bytes of a file. The rest is not transferred.

    Raises :class:`UsageError` if it is not a file, and the engine's errors.
    """
    followed = await follow(files, container, path)
    path, found = followed.path, followed.require()
    if found.is_dir:
        raise UsageError(
            f"{path} in the container {container!r} is a folder.",
            advice=f"Show a file in it, or list it: ls {path}",
        )
    if found.is_special:
        raise UsageError(f"{path} in the container {container!r} is not a regular file.")
    async with await files.copy_from_container(container, path) as archive:
        reader = Reader(aiter(archive), lambda: None)
        content = await in_thread(lambda: _first_file(reader, path, limit), reader)
    return replace(content, path=path)


async def write_file(
    files: Files,
    container: str,
    path: str,
    data: bytes,
    *,
    append: bool = False,
    owner: tuple[int, int] = (0, 0),
) -> bool:
    """Write a file; return whether it existed before. Its mode and owner are kept then.

    A new file has mode 0644 and belongs to ``owner``, uid and gid. A symbolic link is followed.
    Raises :class:`UsageError`, :class:`CopyError`, and the engine's errors.
    """
    if asserts_folder(path):
        raise UsageError(f"{path} is a folder's name.", advice="Add the file's name.")
    before: FileContent | None = None
    try:
        limit = APPEND_LIMIT + 1 if append else 0
        before = await read_file(files, container, path, limit=limit)
        path = before.path
    except PathNotFound:
        path = normal_path(path)
        await require_folder(files, container, parent_of(path))
    member = tarfile.TarInfo(base_name(path))
    member.mode, member.mtime = _NEW_FILE_MODE, int(time.time())
    member.uid, member.gid = owner
    if before is not None:
        member.mode, member.uid, member.gid = before.mode, before.uid, before.gid
        if append and not before.is_whole:
            raise CopyError(
                f"{path} is too large to be appended to: {before.size:,} bytes, where"
                f" {APPEND_LIMIT:,} are possible.",
                advice="Append in a cell: cat >> FILE << 'END'",
            )
        data = before.data + data if append else data
    member.size = len(data)
    writer = Writer(lambda: None)

    def work() -> None:
        with new_archive(writer) as archive:
            archive.addfile(member, io.BytesIO(data))
        writer.flush()
        writer.end()

    landing = Landing(parent_of(path), member.name)
    await send(files, container, landing, writer, work, container_user=False)
    return before is not None


def _first_file(reader: Reader, path: str, limit: int) -> FileContent:
    with open_archive(reader) as archive:
        member = next(members(archive), None)
        content = archive.extractfile(member) if member is not None and member.isreg() else None
        if member is None or content is None:
            raise CopyError(f"{path} is not a regular file.")
        data = content.read(limit) if limit else b""
        mode = member.mode & _MODE
        return FileContent(path, member.size, data, mode, member.uid, member.gid)
