"""Archives from a container, hostile ones above all."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import tracemalloc

import pytest

from dexec_kernel.errors import CopyError, UnsafeArchive
from dexec_kernel.files.extract import extract
from dexec_kernel.files.paths import Landing
from dexec_kernel.files.report import Report
from tests.unit.support.archives import folder, member, packed


@pytest.fixture
def inside(tmp_path):
    """A folder to extract to, beside things that nothing may touch."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("secret")
    (tmp_path / "inside").mkdir()
    return tmp_path / "inside"


@pytest.fixture
def get(inside):
    def run(archive, name="d", *, content_only=False):
        report = Report()
        extract(archive, Landing(str(inside), name), report, content_only=content_only)
        return report

    yield run
    outside = inside.parent / "outside"
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_text() == "secret"
    assert {path.name for path in inside.parent.iterdir()} == {"inside", "outside"}
    assert not list(inside.rglob("*.part"))


def test_a_tree_keeps_names_modes_times_and_links(get, inside):
    report = get(
        packed(
            folder("d", mode=0o750),
            (member("d/a b\nü", mode=0o4755), b"text"),
            folder("d/closed", mode=0o500),
            member("d/closed/empty", mode=0o400),
            member("d/link", tarfile.SYMTYPE, link="closed/../a b\nü"),
            member("d/hard", tarfile.LNKTYPE, link="d/a b\nü"),
        ),
        "renamed",
    )
    tree = inside / "renamed"
    assert (tree / "a b\nü").read_bytes() == (tree / "link").read_bytes() == b"text"
    assert (tree / "hard").samefile(tree / "a b\nü")
    assert stat.S_IMODE((tree / "a b\nü").stat().st_mode) == 0o755
    assert stat.S_IMODE((tree / "closed").stat().st_mode) == 0o500
    assert stat.S_IMODE(tree.stat().st_mode) == 0o750
    assert tree.stat().st_mtime == (tree / "closed/empty").stat().st_mtime == 1_000_000
    assert (report.files, report.folders, report.links, report.size) == (3, 2, 1, 4)


@pytest.mark.parametrize("first", [folder("./"), (member("./d"), b"x")])
def test_content_alone(get, inside, first):
    get(packed(first, (member("./a"), b"x"), (member("b"), b"y")), "", content_only=True)
    assert (inside / "a").read_bytes() == b"x"
    assert (inside / "b").read_bytes() == b"y"


def test_the_root_of_a_container_has_names_that_begin_with_a_slash(get, inside):
    get(packed(folder("/"), (member("/a"), b"x")), "", content_only=True)
    assert (inside / "a").read_bytes() == b"x"


def test_files_and_links_are_replaced_and_folders_are_merged(get, inside):
    (inside / "d").mkdir()
    (inside / "d/kept").write_text("kept")
    (inside / "d/a").symlink_to(inside.parent / "outside/secret")
    get(packed(folder("d"), (member("d/a"), b"new")))
    assert not (inside / "d/a").is_symlink()
    assert (inside / "d/a").read_text() == "new"
    assert (inside / "d/kept").read_text() == "kept"


@pytest.mark.parametrize(
    "item",
    [
        member("d/../../outside/x"),
        member("d/.."),
        member("/etc/x"),
        member("/d/x"),
        member("other/x"),
        member("d/hard", tarfile.LNKTYPE, link="../outside/secret"),
        member("d/hard", tarfile.LNKTYPE, link="/etc/passwd"),
        member("d/hard", tarfile.LNKTYPE, link="other"),
        member("d/hard", tarfile.LNKTYPE, link="d/f/x"),
    ],
)
def test_what_would_leave_the_folder_is_refused(get, inside, item):
    with pytest.raises(UnsafeArchive):
        get(packed(folder("d"), (member("d/f"), b"x"), item))
    assert (inside / "d/f").read_bytes() == b"x"
    assert {path.name for path in (inside / "d").iterdir()} == {"f"}


@pytest.mark.parametrize("target", ["/etc", "../..", "x/../../../outside", "../../outside"])
def test_links_that_lead_out_are_left_out_and_said(get, inside, target):
    report = get(packed(folder("d"), member("d/l", tarfile.SYMTYPE, link=target)))
    assert not os.path.lexists(inside / "d/l")
    assert report.omitted == 1
    assert "leads out of the folder" in report.left_out[0]


def test_a_link_is_no_way_for_what_comes_after_it(get, inside):
    with pytest.raises(UnsafeArchive, match="goes through l"):
        get(
            packed(
                folder("d"),
                folder("d/real"),
                member("d/l", tarfile.SYMTYPE, link="real"),
                member("d/l/x"),
            )
        )
    assert not list((inside / "d/real").iterdir())


def test_a_link_that_was_there_before_is_no_way_either(get, inside):
    (inside / "d").mkdir()
    (inside / "d/l").symlink_to(inside.parent / "outside")
    with pytest.raises(UnsafeArchive, match="goes through l"):
        get(packed(folder("d"), member("d/l/x")))
    with pytest.raises(CopyError, match="cannot replace"):
        get(packed(folder("d"), folder("d/l")))
    with pytest.raises(UnsafeArchive, match="goes through l"):
        get(packed(folder("d"), member("d/h", tarfile.LNKTYPE, link="d/l/secret")))


def test_a_hard_link_to_a_link_is_refused(get):
    link = member("d/l", tarfile.SYMTYPE, link="x")
    with pytest.raises(UnsafeArchive, match="no file of its own"):
        get(packed(folder("d"), link, member("d/h", tarfile.LNKTYPE, link="d/l")))


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_are_left_out(get, inside, kind):
    report = get(packed(folder("d"), member("d/dev", kind), (member("d/a"), b"x")))
    assert [path.name for path in (inside / "d").iterdir()] == ["a"]
    assert report.omitted == 1


def test_a_file_does_not_replace_a_folder_nor_the_other_way(get, inside):
    (inside / "d/a").mkdir(parents=True)
    with pytest.raises(CopyError, match="A file or link cannot replace"):
        get(packed(folder("d"), (member("d/a"), b"x")))
    (inside / "d/b").write_text("")
    with pytest.raises(CopyError, match="A folder cannot replace"):
        get(packed(folder("d"), folder("d/b")))


def test_a_file_where_content_was_asked_for(get):
    with pytest.raises(UnsafeArchive):
        get(packed(member(".")), "", content_only=True)


def test_an_archive_that_is_cut_off_is_told(get, inside):
    whole = packed(folder("d"), (member("d/a"), b"x" * 5000), (member("d/b"), b"y")).getvalue()
    for size in (512, 512 + 512 + 2000, 512 + 512 + 5120, 512 + 512 + 5120 + 512 + 512):
        with pytest.raises(CopyError):
            get(io.BytesIO(whole[:size]))
    assert (inside / "d/a").stat().st_size == 5000
    with pytest.raises(CopyError, match="cannot be read"):
        get(io.BytesIO(b"nonsense" * 200))
    with pytest.raises(CopyError):
        get(io.BytesIO(b""))


def test_a_half_file_has_no_final_name(get, inside):
    whole = packed(folder("d"), (member("d/a"), b"x" * 5000)).getvalue()
    with pytest.raises(CopyError):
        get(io.BytesIO(whole[:3000]))
    assert not list((inside / "d").iterdir())


def test_a_header_that_would_fill_the_memory_is_refused(get):
    info = member("x", tarfile.XHDTYPE)
    info.size = 1 << 32
    hostile = io.BytesIO(info.tobuf(tarfile.USTAR_FORMAT) + bytes(4096))
    with pytest.raises(UnsafeArchive, match="header of"):
        get(hostile)


@pytest.mark.no_cover  # Its many examples would take twice as long.
def test_many_members_take_no_memory(get):
    def many():
        yield packed(folder("d"), end=False).getvalue()
        for number in range(6_000):
            yield member(f"d/{number}", tarfile.FIFOTYPE).tobuf()
        yield bytes(1024)

    class Stream:
        pieces = many()

        def read(self, _size=-1):
            return next(self.pieces, b"")

    tracemalloc.start()
    try:
        report = get(Stream())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert report.omitted == 6_000
    assert peak < 2 * 1024 * 1024


def test_a_folder_that_cannot_be_written_is_told(get, inside):
    (inside / "d").write_text("")
    with pytest.raises(CopyError):
        get(packed(member("x")), "d/e")


def said(**headers):
    """Return an archive of a file whose extended header says this."""
    info = member("d")
    info.pax_headers = {name.replace("_", "."): value for name, value in headers.items()}
    return packed((info, b"abc"))


@pytest.mark.parametrize("time", ["1e999", "nan", "1e300", "-1e300"])
def test_a_time_that_no_system_has_is_left_out(get, inside, time):
    assert get(said(mtime=time)).files == 1
    assert (inside / "d").read_bytes() == b"abc"
    data = bytearray(packed(folder("d")).getvalue())
    data[136:148] = b"\x80" + b"\xff" * 11
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    get(io.BytesIO(bytes(data)), "folder")
    assert (inside / "folder").is_dir()


@pytest.mark.parametrize(
    "headers",
    [
        {"GNU_sparse_major": "1", "GNU_sparse_minor": "0", "GNU_sparse_realsize": "9" * 11},
        {"GNU_sparse_map": "9" * 5_000 + ",1"},
    ],
)
def test_a_file_whose_holes_cannot_be_read(get, inside, headers):
    with pytest.raises(CopyError):
        get(said(**headers))
    assert list(inside.iterdir()) == []


def test_a_file_with_holes_does_not_fill_the_disk(get, inside):
    with pytest.raises(UnsafeArchive, match="holes"):
        get(said(GNU_sparse_size="9999", GNU_sparse_map="9990,3"))
    assert list(inside.iterdir()) == []


def test_a_link_to_what_is_no_path(get, inside):
    link = member("d", tarfile.SYMTYPE)
    link.pax_headers = {"linkpath": "a\0b"}
    with pytest.raises(CopyError, match=r"null (byte|character)"):
        get(packed(link))
    assert list(inside.iterdir()) == []
