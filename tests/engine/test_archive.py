"""The archive verbs with a real Docker, and with Podman."""

from __future__ import annotations

import io
import resource
import tarfile

import pytest

from devtools import containers, images
from devtools.podman import PrivatePodman
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.endpoint import find_endpoint
from dexec_kernel.errors import (
    ContainerNotFound,
    DexecError,
    EngineApiError,
    FileSystemReadOnly,
    PathNotFound,
)

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def podman():
    with PrivatePodman() as engine:
        images.ensure_image(engine.host, images.BUSYBOX)
        yield engine.host


@pytest.fixture(params=["docker", "podman"])
def engine(request, host):
    if request.param == "podman":
        return request.getfixturevalue("podman")
    images.ensure_image(host, images.BUSYBOX)
    return host


@pytest.fixture
def box(engine):
    container = containers.run_container(engine, images.BUSYBOX, "archive-box")
    yield "archive-box"
    containers.remove_container(engine, container)


@pytest.fixture
async def api(engine):
    async with EngineClient(find_endpoint({"DOCKER_HOST": engine})) as client:
        yield client


def sh(engine, box, script):
    result = containers.run(engine, box, ["sh", "-c", script])
    assert result.exit_code == 0, result
    return result.stdout


async def pieces(data, size=1000):
    for begin in range(0, len(data), size):
        yield data[begin : begin + size]


def tar_of(**files):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return packed.getvalue()


async def test_stat(api, engine, box):
    sh(
        engine,
        box,
        "mkdir /d; mkfifo /d/pipe; echo hi > '/d/ü x\ny'; chmod 640 /d/ü*; ln -s d /link",
    )
    file = await api.container_stat_path(box, "/d/ü x\ny")
    assert (file.name, file.size, file.mode & 0o777) == ("ü x\ny", 3, 0o640)
    assert not any([file.is_dir, file.is_symlink, file.is_special])
    folder, link = (
        await api.container_stat_path(box, "/d"),
        await api.container_stat_path(box, "/link"),
    )
    assert folder.is_dir
    assert not folder.link_target
    assert link.is_symlink
    assert link.link_target == "/d"
    assert (await api.container_stat_path(box, "/link/")).name
    assert (await api.container_stat_path(box, "/d/pipe")).is_special


async def test_there_and_back(api, engine, box):
    data = bytes(range(256)) * 5000
    await api.copy_to_container(box, "/tmp", pieces(tar_of(a=data, b=b"")))
    assert sh(engine, box, "wc -c < /tmp/a; wc -c < /tmp/b").split() == [str(len(data)), "0"]
    async with await api.copy_from_container(box, "/tmp/a") as archive:
        assert archive.stat.size == len(data)
        packed = b"".join([piece async for piece in archive])
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert tar.getnames() == ["a"]
        assert tar.extractfile("a").read() == data


async def test_what_is_not_there(api, box):
    for call in (api.container_stat_path, api.copy_from_container):
        with pytest.raises(PathNotFound, match=r"no /nope in the container 'archive-box'"):
            await call(box, "/nope")
        with pytest.raises(ContainerNotFound):
            await call("no-such-container", "/")
        with pytest.raises(DexecError):
            await call(box, "")
    with pytest.raises(ContainerNotFound):
        await api.copy_to_container("no-such-container", "/", pieces(tar_of(a=b"")))


async def test_a_folder_that_is_missing_is_named(api, engine, box, host):
    if engine == host:  # Podman makes it.
        with pytest.raises(PathNotFound):
            await api.copy_to_container(box, "/nope", pieces(tar_of(a=b"x" * MIB)))
    with pytest.raises(PathNotFound, match="not a folder"):
        await api.copy_to_container(box, "/etc/passwd", pieces(tar_of(a=b"x" * MIB)))
    with pytest.raises(PathNotFound, match="/etc/passwd"):
        await api.container_stat_path(box, "/etc/passwd/x/")


async def test_a_folder_is_not_overwritten_by_a_file(api, engine, box):
    sh(engine, box, "mkdir /tmp/d")
    with pytest.raises(EngineApiError):
        await api.copy_to_container(box, "/tmp", pieces(tar_of(d=b"x")))
    assert sh(engine, box, "test -d /tmp/d && echo yes") == "yes\n"


async def test_a_read_only_root(api, engine):
    container = containers.run_container(engine, images.BUSYBOX, "archive-ro", readonly=True)
    try:
        with pytest.raises(FileSystemReadOnly, match="read-only"):
            await api.copy_to_container("archive-ro", "/etc", pieces(tar_of(a=b"x" * MIB)))
        async with await api.copy_from_container("archive-ro", "/etc/passwd") as archive:
            assert b"root" in b"".join([piece async for piece in archive])
    finally:
        containers.remove_container(engine, container)


async def test_a_stopped_container_has_files_too(api, engine, box, host):
    containers.stop(engine, box)
    assert (await api.container_stat_path(box, "/etc/passwd")).size > 0
    if engine == host:  # Podman 4.3 answers 500, a broken pipe of its own, now and then.
        await api.copy_to_container(box, "/tmp", pieces(tar_of(a=b"x")))
        assert (await api.container_stat_path(box, "/tmp/a")).size == 1


async def test_large_files_do_not_stay_in_memory(api, engine, box):
    size = 200 * MIB
    info = tarfile.TarInfo("large")
    info.size = size

    async def content():
        yield info.tobuf()
        for _ in range(size // MIB):
            yield bytes(MIB)
        yield bytes(10240)

    await api.copy_to_container(box, "/tmp", pieces(tar_of(a=b"x")))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await api.copy_to_container(box, "/tmp", content())
    async with await api.copy_from_container(box, "/tmp/large") as archive:
        got = 0
        async for piece in archive:
            got += len(piece)
    assert got >= size
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024
