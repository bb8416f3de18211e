"""Files of a container in a pod, through its own ``tar`` and ``stat``: Kubernetes has no verb."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from posixpath import basename, dirname

from dexec_kernel.backend.closing import AsyncClosing
from dexec_kernel.backend.models import ExecConfig, PathStat, Stream
from dexec_kernel.errors import (
    EngineApiError,
    EngineError,
    EngineUnavailable,
    FileSystemReadOnly,
    PathForbidden,
    PathNotFound,
    ProtocolError,
)
from dexec_kernel.kube.exec import KubeExec

Start = Callable[[ExecConfig], Awaitable[KubeExec]]

#: Of a mode and a size. There are no longer ones, and Python reads no thousands of digits.
_DIGITS = 15
_STAT = """
case $1 in */ | */.) [ -d "$1" ] || { echo none; exit 0; } ;; esac
[ -e "$1" ] || [ -L "$1" ] || { echo none; exit 0; }
command -v stat >/dev/null || exit 97
s=$(stat -c '%f %s %Y' -- "$1") || exit 1
t=
[ ! -L "$1" ] || t=$(readlink -f -- "$1") || t=$(readlink -- "$1")
printf 'stat %s\\n%s' "$s" "$t"
"""
_OUT = """
command -v tar >/dev/null || exit 97
cd -- "$1" && exec tar -cf - "./$2"
"""
#: The archive comes in pieces, each after its length: without a half close nothing else ends it.
#: Only dd takes no more than it is told to.
_IN = """
command -v tar >/dev/null || exit 97
command -v dd >/dev/null || exit 98
cd -- "$1" || exit 96
while read -r n && [ "$n" -gt 0 ]; do
  dd "bs=$n" count=1 iflag=fullblock 2>/dev/null
done | tar "-x$2f" -
"""
_NO_FOLDER, _NO_PROGRAM, _NO_DD = 96, 97, 98
_NOT_FOUND, _FORBIDDEN, _SERVER_ERROR = 404, 403, 500
#: In bytes: a piece of an archive, which dd holds in memory.
_PIECE = 256 * 1024
#: In bytes: the mark at the end of an archive. It is handed on when all is known to be well.
_END = 1024
#: In bytes: what is kept of a program's complaints.
_MAX_WORDS = 2_000
#: tar's exit code for a file that has changed while it was read.
_CHANGED = 1
# Go's os.FileMode has bits of its own for the kinds of files.
_KINDS = {
    stat.S_IFDIR: 1 << 31,
    stat.S_IFLNK: 1 << 27,
    stat.S_IFBLK: 1 << 26,
    stat.S_IFCHR: (1 << 26) | (1 << 21),
    stat.S_IFIFO: 1 << 25,
    stat.S_IFSOCK: 1 << 24,
}


class KubeArchive(AsyncClosing):
    """A tar archive as it comes: see :class:`backend.protocol.Archive`."""

    def __init__(self, attached: KubeExec, found: PathStat, path: str) -> None:
        self._exec = attached
        self._path = path
        self.stat = found

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the bytes. Raises the error of a tar that has failed before their end."""
        held, words = b"", b""
        while frames := await self._exec.read():
            for frame in frames:
                if frame.stream is Stream.STDERR:
                    words = (words + frame.data)[:_MAX_WORDS]
            data = held + b"".join(f.data for f in frames if f.stream is Stream.STDOUT)
            held, data = data[-_END:], data[:-_END]
            if data:
                yield data
        code = (await self._exec.inspect()).exit_code
        if code not in {0, _CHANGED}:
            raise _failed(code, words, self._path)
        yield held

    async def aclose(self) -> None:
        """Close the stream."""
        self._exec.close()


async def stat_path(start: Start, path: str) -> PathStat:
    """Look at a path; a symbolic link is not followed. Raises :class:`PathNotFound`."""
    attached = await start(_script(_STAT, [path]))
    try:
        out, words = await _read_all(attached)
        code = (await attached.inspect()).exit_code
    finally:
        attached.close()
    if code:
        raise _failed(code, words, path)
    return _stat_of(out, path)


async def copy_out(start: Start, path: str) -> KubeArchive:
    """Begin to read a file or a folder as a tar archive. Raises :class:`PathNotFound`."""
    found = await stat_path(start, path)
    plain = path.rstrip("/") or "/"
    folder, name = (dirname(plain), basename(plain)) if plain != "/" else ("/", ".")
    return KubeArchive(await start(_script(_OUT, [folder or "/", name])), found, path)


async def copy_in(
    start: Start, path: str, content: AsyncIterator[bytes], *, as_own_user: bool
) -> None:
    """Extract a tar archive into an existing folder.

    Raises :class:`PathNotFound`, :class:`FileSystemReadOnly`.
    """
    own = "o" if as_own_user else ""
    attached = await start(_script(_IN, [path, own], stdin=True))
    # Both at once: a tar that has ended reads no more, and its words tell why.
    reading = asyncio.ensure_future(_read_all(attached))
    sending = asyncio.ensure_future(_send(attached, content))
    try:
        await asyncio.wait({reading, sending}, return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            sending.result()
        _, words = await reading
        code = (await attached.inspect()).exit_code
        if code or not sending.done():
            raise _failed(code, words, path)
    finally:
        for task in (reading, sending):
            task.cancel()
        await asyncio.gather(reading, sending, return_exceptions=True)
        attached.close()


async def _send(attached: KubeExec, content: AsyncIterator[bytes]) -> None:
    """Send an archive in pieces, each after its length, and its end."""
    with suppress(EngineUnavailable):  # The reader learns why.
        async for data in content:
            for begin in range(0, len(data), _PIECE):
                piece = data[begin : begin + _PIECE]
                await attached.write(b"%d\n" % len(piece) + piece)
        await attached.write(b"0\n")


async def _read_all(attached: KubeExec) -> tuple[bytes, bytes]:
    found = {Stream.STDOUT: b"", Stream.STDERR: b""}
    while frames := await attached.read():
        for frame in frames:
            found[frame.stream] = (found[frame.stream] + frame.data)[: 32 * _MAX_WORDS]
    return found[Stream.STDOUT], found[Stream.STDERR][:_MAX_WORDS]


def _script(text: str, arguments: Sequence[str], *, stdin: bool = False) -> ExecConfig:
    command = ["sh", "-c", text, "dexec-files", *arguments]
    return ExecConfig(command, attach_stdin=stdin, in_root=True)


def _stat_of(said: bytes, path: str) -> PathStat:
    text = said.decode("utf-8", "surrogateescape")
    if text == "none\n":
        raise PathNotFound(f"There is no {path} in the container.", status=_NOT_FOUND)
    head, _, target = text.partition("\n")
    try:
        _, mode_text, size, mtime = head.split(" ")
        mode = int(mode_text[:_DIGITS], 16)
        return PathStat(
            name=basename(path.rstrip("/")) or "/",
            size=int(size[:_DIGITS]),
            mode=stat.S_IMODE(mode) & 0o777 | _KINDS.get(stat.S_IFMT(mode), 0),
            mtime=mtime,
            link_target=target if stat.S_ISLNK(mode) else "",
        )
    except ValueError as error:
        raise ProtocolError(f"The container's answer about {path} cannot be read.") from error


def _failed(code: int | None, words: bytes, path: str) -> EngineError:
    """Return the error for a program in the container that has failed."""
    said = words.decode("utf-8", "replace").strip()
    lowered = said.lower()
    if code == _NO_PROGRAM:
        return EngineApiError(
            "The container has no tar or no stat, which copies in a pod need.",
            status=_SERVER_ERROR,
            advice="Kubernetes copies no files by itself. A cell can write one: cat > FILE.",
        )
    if code == _NO_DD:
        return EngineApiError(
            "The container has no dd, which copies into a pod need.", status=_SERVER_ERROR
        )
    if "read-only" in lowered:
        return FileSystemReadOnly(
            f"Nothing can be written to {path}: the file system is read-only.", status=_SERVER_ERROR
        )
    if code == _NO_FOLDER or "no such file" in lowered:
        return PathNotFound(f"There is no {path} in the container: {said}", status=_NOT_FOUND)
    if "permission denied" in lowered or "not permitted" in lowered:
        return PathForbidden(
            f"The container's user has no access to {path}: {said}", status=_FORBIDDEN
        )
    return EngineApiError(
        f"The copy has failed in the container: {said or f'exit code {code}'}",
        status=_SERVER_ERROR,
    )
