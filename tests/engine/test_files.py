"""Copies into and out of real containers: they do the same as `docker cp`."""

from __future__ import annotations

import asyncio
import filecmp
import os
import resource
import stat
import subprocess

import pytest

from devtools import containers, images
from devtools.podman import PrivatePodman
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.endpoint import find_endpoint
from dexec_kernel.errors import (
    ContainerNotFound,
    CopyError,
    FileSystemReadOnly,
    PathNotFound,
    UsageError,
)
from dexec_kernel.files.content import read_file, write_file
from dexec_kernel.files.copy import copy_in, copy_out
from dexec_kernel.files.owner import owner_of

MIB = 1024 * 1024
MAKE_TREE = r"""
mkdir -p /src/sub /src/empty /src/shut
echo one > /src/one; chmod 640 /src/one
echo 'two words' > '/src/two words'; chmod 755 '/src/two words'
echo nl > "/src/new
line"; echo u > /src/ünï; : > /src/nothing; echo deep > /src/sub/deep
ln -s one /src/link; ln -s ../one /src/sub/up; ln /src/one /src/hard; ln -s sub /src/folderlink
ln -s src /srclink; chmod 700 /src/sub; chmod 555 /src/shut
mkdir -p /there; echo old > /file; ln -s there /therelink
"""
#: The same targets for a copy in each of the folders.
MAKE_TARGETS = """
for folder; do
    mkdir -p "$folder/there"; echo old >"$folder/file"; ln -s there "$folder/therelink"
done
"""


def make_box(run_container, host):
    name = run_container()
    assert containers.run(host, name, ["sh", "-c", MAKE_TREE]).exit_code == 0
    return name


@pytest.fixture
def box(run_container, host):
    return make_box(run_container, host)


@pytest.fixture(scope="module")
def boxes(run_module_container):
    """The containers that we, and `docker cp`, copy into."""
    return run_module_container(), run_module_container()


@pytest.fixture
async def api(host):
    async with EngineClient(find_endpoint({"DOCKER_HOST": host})) as client:
        yield client


def tree(folder):
    """The tree below a folder: for each path its kind, mode, and content or target."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        mode = path.lstat().st_mode
        content = b""
        if path.is_symlink():
            content, mode = str(path.readlink()).encode(), stat.S_IFLNK
        elif path.is_file():
            content = path.read_bytes()
        found[str(path.relative_to(folder))] = (stat.filemode(mode), content)
    return found


def docker_cp(host, *arguments):
    command = ["docker", f"--host={host}", "cp", *arguments]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def look(host, box, folder):
    """The tree below a folder of a container, as its own shell lists it."""
    script = 'cd "$1"; find . -exec stat -c "%A %u %g %n %N" {} +; find . -type f -exec md5sum {} +'
    found = containers.run(host, box, ["sh", "-c", script, "sh", folder])
    assert (found.exit_code, found.stderr) == (0, "")
    return sorted(found.stdout.splitlines())


def local_side(folder):
    folder.mkdir()
    (folder / "there").mkdir()
    (folder / "file").write_text("old")
    (folder / "therelink").symlink_to("there")
    (folder / "filelink").symlink_to("file")
    (folder / "dangling").symlink_to("made")
    return folder


SOURCES = [
    "/src",
    "/src/",
    "/src/.",
    "/src/one",
    "/src/link",
    "/srclink",
    "/srclink/",
    "/src/empty",
]
TARGETS = [
    ".",
    "there",
    "there/",
    "therelink",
    "made",
    "made/",
    "file",
    "file/",
    "no/made",
    "filelink",
]


@pytest.mark.parametrize("source", SOURCES)
async def test_copies_out_as_docker_does(api, host, box, tmp_path, source):
    for number, target in enumerate([*TARGETS, "dangling"]):
        ours = local_side(tmp_path / f"ours{number}")
        theirs = local_side(tmp_path / f"theirs{number}")
        worked = docker_cp(host, f"{box}:{source}", f"{theirs}/{target}")
        try:
            await copy_out(api, box, source, f"{ours}/{target}")
        except (CopyError, PathNotFound):
            assert not worked, (source, target)
        else:
            assert worked, (source, target)
        assert tree(ours) == tree(theirs), (source, target)


@pytest.mark.parametrize("source", SOURCES)
async def test_copies_in_as_docker_does(api, host, box, boxes, tmp_path, source):  # noqa: PLR0917 -- fixtures
    assert docker_cp(host, f"{box}:/src", f"{tmp_path}/src")
    (tmp_path / "srclink").symlink_to("src")
    path = f"{tmp_path}{source}"
    targets = ["/", "/there", "/there/", "/therelink", "/made", "/made/", "/file", "/no/made"]
    top = f"/to{SOURCES.index(source)}"
    places = [f"{top}/{number}" for number in range(len(targets))]
    for name in boxes:
        made = containers.run(host, name, ["sh", "-c", MAKE_TARGETS, "sh", *places])
        assert made.exit_code == 0
    ours, theirs = boxes
    for place, target in zip(places, targets, strict=True):
        try:
            await copy_in(api, path, ours, place + target)
            worked = True
        except (CopyError, PathNotFound):
            worked = False
        assert docker_cp(host, path, f"{theirs}:{place}{target}") == worked, (source, target)
    assert look(host, ours, top) == look(host, theirs, top)


@pytest.mark.parametrize("engine", ["docker", "podman"])
async def test_a_tree_goes_round(host, tmp_path, engine):
    if engine == "podman":
        with PrivatePodman() as podman:
            images.ensure_image(podman.host, images.BUSYBOX)
            await round_trip(podman.host, tmp_path)
    else:
        images.ensure_image(host, images.BUSYBOX)
        await round_trip(host, tmp_path)


async def round_trip(host, tmp_path):
    here = tmp_path / "here"
    (here / "sub dir/empty").mkdir(parents=True)
    (here / "a\nb ü").write_bytes(bytes(range(256)))
    (here / "a\nb ü").chmod(0o751)
    (here / "empty").write_text("")
    (here / "sub dir/up").symlink_to("../empty")
    (here / "dangling").symlink_to("nowhere")
    os.link(here / "empty", here / "hard")
    (here / os.fsdecode(b"not-\xff-unicode")).write_bytes(b"x")
    container = containers.run_container(host, images.BUSYBOX, "round-trip")
    try:
        async with EngineClient(find_endpoint({"DOCKER_HOST": host})) as api:
            sent = await copy_in(api, str(here), "round-trip", "/there")
            got = await copy_out(api, "round-trip", "/there", str(tmp_path / "back"))
            with pytest.raises(PathNotFound, match="There is no folder /no"):
                await copy_in(api, str(here), "round-trip", "/no/such")
            with pytest.raises(PathNotFound):
                await copy_out(api, "round-trip", "/no/such", str(tmp_path))
            with pytest.raises(ContainerNotFound):
                await copy_in(api, str(here), "no-such-container", "/")
            # Written, read, appended to.
            assert not await write_file(api, "round-trip", "/tmp/new", b"one\n")
            assert await write_file(api, "round-trip", "/tmp/new", b"two\n", append=True)
            content = await read_file(api, "round-trip", "/tmp/new", limit=100)
            assert (content.data, content.mode, content.is_whole) == (b"one\ntwo\n", 0o644, True)
    finally:
        containers.remove_container(host, container)
    assert tree(tmp_path / "back") == tree(here)
    assert (sent.files, sent.folders, sent.links, sent.size) == (4, 3, 2, 257)
    assert (got.files, got.folders, got.links, got.size) == (4, 3, 2, 257)
    assert (tmp_path / "back/hard").samefile(tmp_path / "back/empty")


async def test_a_large_file_takes_no_memory(api, busybox, tmp_path):
    large = tmp_path / "large"
    with large.open("wb") as file:
        for number in range(200):
            file.write(bytes([number]) * MIB)
    (tmp_path / "small").write_text("x")
    await copy_in(api, str(tmp_path / "small"), busybox, "/tmp")
    calls = []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sent = await copy_in(
        api, str(large), busybox, "/tmp/large", progress=lambda r: calls.append(r.size)
    )
    got = await copy_out(api, busybox, "/tmp/large", str(tmp_path / "back"))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert sent.size == got.size == sent.expected == got.expected == 200 * MIB
    assert filecmp.cmp(large, tmp_path / "back", shallow=False)
    assert grown < 16 * 1024
    assert len(calls) > 100
    assert calls == sorted(calls)


@pytest.mark.parametrize("direction", ["in", "out"])
async def test_a_copy_that_is_cancelled_ends_at_once(api, host, busybox, tmp_path, direction):
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(3000 * MIB)
    if direction == "out":
        containers.run(host, busybox, ["truncate", "-s", "3000M", "/tmp/huge"])
    target = tmp_path / "target"
    target.mkdir()
    started = asyncio.Event()

    def progress(report):
        if report.size > 5 * MIB:
            started.set()

    copy = (
        copy_in(api, str(large), busybox, "/tmp/half", progress=progress)
        if direction == "in"
        else copy_out(api, busybox, "/tmp/huge", str(target), progress=progress)
    )
    task = asyncio.ensure_future(copy)
    await started.wait()
    task.cancel()
    # One that went on would end as if nothing had been.
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(target.iterdir()) == []
    containers.run(host, busybox, ["rm", "-f", "/tmp/huge", "/tmp/half"])


async def test_a_read_only_root(api, run_container, tmp_path):
    name = run_container(readonly=True)
    (tmp_path / "large").write_bytes(bytes(20 * MIB))
    with pytest.raises(FileSystemReadOnly):
        await copy_in(api, str(tmp_path / "large"), name, "/etc")
    with pytest.raises(FileSystemReadOnly):
        await write_file(api, name, "/etc/new", b"x")
    assert (await copy_out(api, name, "/etc/passwd", str(tmp_path))).files == 1


async def test_links_are_followed_when_asked(api, host, box, tmp_path):
    await copy_out(api, box, "/srclink", str(tmp_path), follow_link=True)
    assert (tmp_path / "srclink/one").read_text() == "one\n"
    (tmp_path / "link").symlink_to("srclink/one")
    await copy_in(api, str(tmp_path / "link"), box, "/there", follow_link=True)
    assert containers.run(host, box, ["cat", "/there/link"]).stdout == "one\n"


async def test_what_cannot_be_copied(api, host, box, tmp_path):
    containers.run(
        host,
        box,
        [
            "sh",
            "-c",
            "ln -s /etc/passwd /out; mkfifo /pipe; mkdir /mixed; mkfifo /mixed/p; echo x >/mixed/f",
        ],
    )
    with pytest.raises(CopyError, match="leads out"):
        await copy_out(api, box, "/out", str(tmp_path))
    with pytest.raises(PathNotFound, match="no folder"):
        await copy_out(api, box, "/src", str(tmp_path / "no/such"))
    with pytest.raises(PathNotFound, match="There is no"):
        await copy_in(api, str(tmp_path / "missing"), box, "/")
    with pytest.raises(CopyError, match="neither"):
        await copy_in(api, "/dev/null", box, "/")
    report = await copy_out(api, box, "/mixed", str(tmp_path))
    assert (report.files, report.omitted) == (1, 1)
    with pytest.raises(UsageError, match="folder"):
        await read_file(api, box, "/src", limit=1)
    with pytest.raises(UsageError, match="regular"):
        await read_file(api, box, "/pipe", limit=1)


async def test_a_file_that_is_written_belongs_to_the_right_one(api, host, run_container):
    name = run_container(user="12:34")
    containers.run(
        host,
        name,
        [
            "sh",
            "-c",
            (
                "echo x > /tmp/old; echo crew:x:77: >> /etc/group; chmod 600 /tmp/old;"
                " chown 56:78 /tmp/old; ln -s old /tmp/l"
            ),
        ],
        user="0",
    )
    for user, ids in (
        ("", (0, 0)),
        ("root", (0, 0)),
        ("12:34", (12, 34)),
        ("12", (12, 0)),
        ("daemon", (1, 1)),
        ("nobody:34", (65534, 34)),
        ("1:crew", (1, 77)),
        ("nobody:no-such-group", (65534, 0)),
    ):
        assert await owner_of(api, name, user) == ids
    await write_file(api, name, "/tmp/new", b"", owner=(12, 34))
    await write_file(api, name, "/tmp/l", "ü\n".encode(), append=True)
    stats = containers.run(host, name, ["stat", "-c", "%u:%g %a %s", "/tmp/new", "/tmp/old"]).stdout
    assert stats.split("\n")[:2] == ["12:34 644 0", "56:78 600 5"]
    for path, match in (
        ("/no/such", "no folder /no"),
        ("/tmp/old/x", "folder"),
        ("/tmp/", "folder"),
    ):
        with pytest.raises((CopyError, PathNotFound, UsageError), match=match):
            await write_file(api, name, path, b"")
    with pytest.raises(UsageError, match="is a folder"):
        await write_file(api, name, "/tmp", b"")
