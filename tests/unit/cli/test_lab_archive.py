"""A file of images: as it is, unpacked, damaged."""

from __future__ import annotations

import bz2
import gzip
import lzma

import pytest

from dexec_kernel.cli.lab_archive import pieces
from dexec_kernel.errors import ImageNotLoaded

CONTENT = bytes(range(256)) * 10_000


async def read(archive, tell=lambda _text: None) -> bytes:
    return b"".join([piece async for piece in pieces(archive, tell)])


@pytest.mark.parametrize("packed", [bytes, gzip.compress, bz2.compress, lzma.compress])
async def test_archives_are_unpacked(tmp_path, packed):
    archive, said = tmp_path / "images.tar", []
    archive.write_bytes(packed(CONTENT))
    assert await read(archive, said.append) == CONTENT
    assert len(said) == 4
    assert said[0].startswith(f"loading {archive}: ")
    assert said[-1].endswith("the engine unpacks it")


@pytest.mark.parametrize("packed", [gzip.compress, bz2.compress, lzma.compress])
async def test_what_is_damaged(tmp_path, packed):
    archive = tmp_path / "images.tar"
    content = packed(CONTENT)
    archive.write_bytes(content[: len(content) // 2])
    with pytest.raises(ImageNotLoaded, match="it is packed, and damaged"):
        await read(archive)
    middle = len(content) // 2
    archive.write_bytes(content[:middle] + b"x" * 40 + content[middle + 40 :])
    with pytest.raises(ImageNotLoaded):
        await read(archive)


async def test_other_files_are_read_as_they_are(tmp_path):
    for content in (b"", b"\x1f", b"no archive"):
        (tmp_path / "x").write_bytes(content)
        assert await read(tmp_path / "x") == content
