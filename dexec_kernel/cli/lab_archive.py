"""A file of images, read in pieces, and unpacked: Podman's API takes none that is packed."""

from __future__ import annotations

import asyncio
import bz2
import gzip
import lzma
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO, Protocol

from dexec_kernel.errors import ConfigurationError, ImageNotLoaded
from dexec_kernel.units import format_size

#: In bytes: a piece of an archive.
_PIECE = 1024 * 1024
_GZIP, _BZIP2, _XZ = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00"


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def check_archive(archive: Path) -> None:
    """Raise :class:`ConfigurationError` for what is no file."""
    if not archive.exists():
        raise ConfigurationError(
            f"There is no file {archive}.", advice=f"docker save -o {archive} IMAGE writes it."
        )
    if archive.is_dir():
        raise ConfigurationError(
            f"{archive} is a folder.", advice="--load takes a file that docker save has written."
        )


async def pieces(archive: Path, tell: Callable[[str], None]) -> AsyncIterator[bytes]:
    """Yield an archive, unpacked; ``tell`` is told how far that is.

    Raises :class:`ImageNotLoaded` for one that is packed and damaged, and OSError.
    """
    size = await asyncio.to_thread(lambda: archive.stat().st_size)
    with await asyncio.to_thread(archive.open, "rb") as stream:
        content = await asyncio.to_thread(_unpacked, stream)
        while piece := await asyncio.to_thread(_read, content):
            tell(f"loading {archive}: {format_size(stream.tell())} of {format_size(size)}")
            yield piece
    tell(f"loading {archive}: the engine unpacks it")


def _unpacked(stream: IO[bytes]) -> _Readable:
    """Return what unpacks a file. Other ways to pack are left to the engine."""
    begin = stream.read(len(_XZ))
    stream.seek(0)
    if begin.startswith(_GZIP):
        return gzip.open(stream)
    if begin.startswith(_BZIP2):
        return bz2.open(stream)
    return lzma.open(stream) if begin == _XZ else stream


def _read(content: _Readable) -> bytes:
    try:
        return content.read(_PIECE)
    except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # The disk's, and no word of a decompressor.
        raise ImageNotLoaded.of(f"it is packed, and damaged: {error}") from error
