"""Files of a pod, through the programs of this machine in place of the container's."""

from __future__ import annotations

import asyncio
import io
import os
import socket
import tarfile
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from dexec_kernel.backend.models import ExecInspect, ExecState, Frame, Stream
from dexec_kernel.errors import (
    EngineApiError,
    EngineUnavailable,
    FileSystemReadOnly,
    PathForbidden,
    PathNotFound,
    ProtocolError,
)
from dexec_kernel.kube import files

ENDED = ExecInspect("kube-1", "c", ExecState.EXITED, None, 0)


class LocalExec:
    """A command of this machine, or one that says what a test wants."""

    def __init__(self, process=None, *, out=b"", err=b"", code=0):
        self._process = process
        self._said = [Frame(Stream.STDOUT, out), Frame(Stream.STDERR, err)]
        self._code = code
        self.is_closed = False

    async def read(self):
        if self._process is None:
            said, self._said = self._said, []
            return [frame for frame in said if frame.data]
        if not self._said:
            return []
        out, err = await asyncio.gather(self._process.stdout.read(), self._process.stderr.read())
        self._code = await self._process.wait()
        self._said = []
        return [
            frame for frame in (Frame(Stream.STDOUT, out), Frame(Stream.STDERR, err)) if frame.data
        ]

    async def write(self, data):
        try:
            self._process.stdin.write(data)
            await self._process.stdin.drain()
        except ConnectionError as error:
            raise EngineUnavailable("the command has ended") from error

    async def inspect(self):
        return replace(ENDED, exit_code=self._code)

    def close(self):
        self.is_closed = True
        if self._process is not None and self._process.stdin:
            self._process.stdin.close()


@pytest.fixture
async def start(real_time):
    """Return what starts commands, which end with the test."""
    processes = []

    async def begin(config):
        pipe = asyncio.subprocess.PIPE
        stdin = pipe if config.attach_stdin else asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(
            *config.cmd, stdin=stdin, stdout=pipe, stderr=pipe, cwd="/"
        )
        processes.append(process)
        return LocalExec(process)

    yield begin
    for process in processes:
        await process.communicate()


def saying(**said):
    async def begin(_config):
        return LocalExec(**said)

    return begin


async def pieces(data: bytes, size: int = 700_000) -> AsyncIterator[bytes]:
    for begin in range(0, len(data), size):
        yield data[begin : begin + size]


def archive(**content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o640
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


async def test_paths_of_every_kind(start, tmp_path):
    (tmp_path / "a b").write_bytes(b"12345")
    (tmp_path / "a b").chmod(0o751)
    (tmp_path / "link").symlink_to("a b")
    (tmp_path / "dangling").symlink_to("no")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "s"))
        found = {
            name: await files.stat_path(start, f"{tmp_path}/{name}")
            for name in ("a b", "link", "dangling", "pipe", "s", "")
        }
    assert (found["a b"].name, found["a b"].size, found["a b"].mode) == ("a b", 5, 0o751)
    assert found["link"].is_symlink
    assert found["link"].link_target == f"{tmp_path}/a b"
    assert found["dangling"].link_target == f"{tmp_path}/no"
    assert found["pipe"].is_special
    assert found["s"].is_special
    assert found[""].is_dir


@pytest.mark.parametrize("name", ["no", "file/x", "file/", "no/."])
async def test_a_path_that_is_not_there(start, tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(PathNotFound):
        await files.stat_path(start, f"{tmp_path}/{name}")


async def test_an_archive_goes_in_and_comes_out(start, tmp_path):
    data = os.urandom(1_500_000)
    await files.copy_in(
        start, str(tmp_path), pieces(archive(big=data, small=b"x")), as_own_user=True
    )
    assert (tmp_path / "big").read_bytes() == data
    assert (tmp_path / "big").stat().st_mode & 0o777 == 0o640
    async with await files.copy_out(start, f"{tmp_path}/big") as found:
        out = b"".join([piece async for piece in found])
    assert found.stat.size == len(data)
    with tarfile.open(fileobj=io.BytesIO(out)) as tar:
        [member] = tar.getmembers()
        assert tar.extractfile(member).read() == data
    async with await files.copy_out(start, f"{tmp_path}/.") as found:
        with tarfile.open(fileobj=io.BytesIO(b"".join([p async for p in found]))) as tar:
            names = [name.removeprefix("./").removeprefix("./") for name in tar.getnames()]
            assert sorted(names) == [".", "big", "small"]


async def test_a_folder_that_is_not_there_takes_nothing(start, tmp_path):
    with pytest.raises(PathNotFound):
        await files.copy_in(start, f"{tmp_path}/no", pieces(archive(a=b"1")), as_own_user=False)


async def test_a_source_that_fails_is_its_own_error(start, tmp_path):
    async def broken():
        yield archive(a=b"1")[:512]
        raise PathNotFound.of("gone")

    with pytest.raises(PathNotFound, match="gone"):
        await files.copy_in(start, str(tmp_path), broken(), as_own_user=False)


@pytest.mark.parametrize(
    ("code", "words", "kind"),
    [
        (97, b"", EngineApiError),
        (98, b"", EngineApiError),
        (96, b"cd: no", PathNotFound),
        (2, b"tar: x: Cannot open: Read-only file system", FileSystemReadOnly),
        (2, b"tar: x: Cannot open: Permission denied", PathForbidden),
        (2, b"tar: strange", EngineApiError),
        (137, b"", EngineApiError),
    ],
)
async def test_a_program_that_fails_says_why(code, words, kind):
    with pytest.raises(kind) as caught:
        await files.stat_path(saying(err=words, code=code), "/x")
    assert type(caught.value) is kind
    broken = files.KubeArchive(LocalExec(out=b"x" * 5_000, err=words, code=code), None, "/x")
    read: list[bytes] = []

    async def read_all() -> None:
        async for piece in broken:
            read.append(piece)  # noqa: PERF401 -- what has come before the error counts

    with pytest.raises(kind):
        await read_all()
    # The end is held back: nobody takes a part for the whole.
    assert len(b"".join(read)) < 5_000


@pytest.mark.parametrize(
    "said",
    [b"", b"stat", b"stat x 1 2\n", b"stat 81a4 many 2\n"],
)
async def test_what_a_container_says_is_not_trusted(said):
    with pytest.raises(ProtocolError):
        await files.stat_path(saying(out=said), "/x")
