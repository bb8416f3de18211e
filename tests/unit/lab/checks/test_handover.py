"""The student's files on their way into a checker, hostile archives above all."""

from __future__ import annotations

import io
import tarfile
import tracemalloc

import pytest

from dexec_kernel.errors import CopyError, UnsafeArchive
from dexec_kernel.lab.checks.handover import Handover, HandoverLimits, TooMuch
from tests.unit.support.archives import folder, member, packed


def link(name, target):
    return member(name, tarfile.SYMTYPE, link=target)


def handed_over(*archives, limits=None):
    """Hand archives over, each with its path; return the members by name, and the notes."""
    out = io.BytesIO()
    handover = Handover(out, aside="/aside", limits=limits)
    for path, archive in archives:
        handover.add(path, archive)
    handover.end()
    out.seek(0)
    with tarfile.open(fileobj=out, errors="surrogateescape") as tar:
        found = tar.getmembers()
        files = [(info.name, tar.extractfile(info)) for info in found if info.isreg()]
        contents = {name: file.read() for name, file in files if file is not None}
    return {info.name: info for info in found}, contents, handover.notes


def test_a_file_goes_to_where_it_was():
    info = member("answer.txt", mode=0o4600, uid=1000, gid=7, uname="student", gname="g")
    found, contents, notes = handed_over(("/home/student/answer.txt", packed((info, b"42"))))
    [(name, ours)] = found.items()
    assert name == "home/student/answer.txt"
    assert (ours.mode, ours.uid, ours.gid, ours.mtime) == (0o4600, 1000, 7, 1_000_000)
    assert (ours.uname, ours.gname) == ("", "")
    assert contents == {name: b"42"}
    assert notes == ()


def test_a_folder_with_all_that_may_be_in_it():
    archive = packed(
        folder("work/", mode=0o700),
        (member("work/a"), b"a"),
        member("work/b", tarfile.LNKTYPE, link="work/a"),
        link("work/c", "a"),
        member("work/d", tarfile.LNKTYPE, link="work/c"),
        member("work/pipe", tarfile.FIFOTYPE),
        (member(b"work/caf\xe9".decode("utf-8", "surrogateescape")), b"odd"),
        (member("work/" + "long/" * 60 + "file"), b"deep"),
    )
    found, contents, notes = handed_over(("/srv/work", archive))
    assert found["srv/work"].isdir()
    assert found["srv/work"].mode == 0o700
    assert found["srv/work/b"].linkname == "srv/work/a"
    assert found["srv/work/c"].linkname == found["srv/work/d"].linkname == "a"
    assert found["srv/work/d"].issym()
    assert found["srv/work/pipe"].isfifo()
    assert contents[b"srv/work/caf\xe9".decode("utf-8", "surrogateescape")] == b"odd"
    assert contents["srv/work/" + "long/" * 60 + "file"] == b"deep"
    assert notes == ()


def test_links_come_last_so_that_nothing_goes_through_them():
    found, _, _ = handed_over(
        ("/srv/a", packed(link("a", "/etc"))),
        ("/srv/b", packed((member("b"), b"b"))),
    )
    assert list(found) == ["srv/b", "srv/a"]
    assert found["srv/a"].linkname == "/etc"


@pytest.mark.parametrize("name", ["../x", "work/../../x", "/etc/x", "other", "work/../x", ".."])
def test_what_leaves_its_place_is_refused(name):
    archive = packed(folder("work"), (member(name), b"x"))
    with pytest.raises(UnsafeArchive):
        handed_over(("/srv/work", archive))


@pytest.mark.parametrize("target", ["../../etc/shadow", "/etc/shadow", "work/none", "elsewhere"])
def test_a_hard_link_to_what_is_not_in_the_archive_is_refused(target):
    archive = packed(folder("work"), member("work/a", tarfile.LNKTYPE, link=target))
    with pytest.raises(UnsafeArchive):
        handed_over(("/srv/work", archive))


@pytest.mark.parametrize("path", ["/", "", ".", "/srv/../etc"])
def test_a_path_that_cannot_be(path):
    with pytest.raises(UnsafeArchive):
        handed_over((path, packed((member("x"), b""))))


@pytest.mark.parametrize(
    ("target", "is_kept"),
    [
        ("/dev/stdin", False),
        ("/dev/fd/63", False),
        ("../../../../../dev/stdin", False),
        ("/proc/self/fd/0", False),
        ("/proc/../proc/7/fd/255", False),
        ("/proc/thread-self/environ", False),
        ("to_root/dev/stdin", False),
        ("chain", False),
        ("up/dev/./stdin", False),
        ("/var/run/../proc/self/fd/0", False),
        ("/var/run/../srv/work/procs/self/fd/0", False),
        ("a/../" * 600, False),
        ("/var/run/../etc/./passwd", True),
        ("/dev/null", True),
        ("/proc/cpuinfo", True),
        ("/dev/fdx", True),
        ("/etc/passwd", True),
        ("nowhere", True),
        ("answer", True),
        ("circle", True),
        ("/srv/work/dev/stdin", True),
    ],
)
def test_a_link_to_what_each_process_has_of_its_own_is_left_out(target, is_kept):
    archive = packed(
        folder("work"),
        link("work/answer", target),
        link("work/to_root", "/"),
        link("work/chain", "chain2"),
        link("work/chain2", "/dev/stdin"),
        link("work/up", "to_root/proc/.."),
        link("work/circle", "answer"),
        link("work/procs", "/proc"),
    )
    found, _, notes = handed_over(("/srv/work", archive))
    assert ("srv/work/answer" in found) is is_kept
    said = f"/srv/work/answer was not handed to the check: it is a link to {target}."
    assert (said in notes) is not is_kept


@pytest.mark.parametrize(
    ("sent", "target", "said"),
    [
        (link("a", "x"), "x", "/srv/a is a link to x."),
        ((member("a"), b"of root's"), "/srv/x", "/srv/a is a link to /srv/x."),
        (
            link("a", "/dev/stdin"),
            "",
            "/srv/a was not handed to the check: it is a link to /dev/stdin.",
        ),
    ],
)
def test_a_link_in_the_place_of_a_file_stays_one_and_is_told(sent, target, said):
    out = io.BytesIO()
    handover = Handover(out)
    handover.add("/srv/a", packed(sent), link="/srv/x")
    handover.end()
    out.seek(0)
    with tarfile.open(fileobj=out) as tar:
        assert [info.linkname for info in tar.getmembers()] == ([target] if target else [])
    assert handover.notes == (said,)


def test_a_link_in_the_place_of_a_mounted_file_is_left_out():
    handover = Handover(io.BytesIO())
    handover.add("/etc/hosts", packed(link("hosts", "/srv/x")), link="/srv/x")
    assert handover.notes == (
        "/etc/hosts was not handed to the check: nothing but a file can be there.",
    )


def test_devices_and_files_of_the_loader_are_left_out():
    archive = packed(
        folder("etc"),
        (member("etc/ld.so.preload"), b"/etc/evil.so"),
        (member("etc/ld-musl-x86_64.path"), b"/etc"),
        member("etc/disk", tarfile.BLKTYPE, devmajor=8),
        member("etc/null", tarfile.CHRTYPE, devmajor=1, devminor=3),
        (member("etc/passwd"), b""),
    )
    found, _, notes = handed_over(("/etc", archive))
    assert list(found) == ["etc", "etc/passwd"]
    assert len(notes) == 4
    found, _, notes = handed_over(("/etc/ld.so.preload", packed((member("ld.so.preload"), b"x"))))
    assert list(found) == ["etc/ld.so.preload"]


def test_files_that_the_engine_mounts_go_aside():
    archive = packed(
        folder("etc"), (member("etc/hosts"), b"1"), folder("etc/hostname"), (member("etc/x"), b"")
    )
    found, contents, notes = handed_over(("/etc", archive))
    assert list(found) == ["etc", "aside/hosts", "etc/x"]
    assert contents["aside/hosts"] == b"1"
    assert notes == ("/etc/hostname was not handed to the check: nothing but a file can be there.",)


def test_the_headers_extensions_cannot_rename_anything():
    evil = member("a")
    evil.pax_headers = {
        "path": "a",
        "GNU.sparse.name": "a",
        "uid": "0",
        "SCHILY.xattr.user.tag": "x",
        "SCHILY.xattr.trusted.overlay.opaque": "y",
        "comment": "z",
    }
    found, _, _ = handed_over(("/srv/b", packed((evil, b"1"))))
    assert list(found) == ["srv/b"]
    assert found["srv/b"].pax_headers == {"SCHILY.xattr.user.tag": "x"}


def sparse(size: int) -> io.BytesIO:
    """Return an archive with a file that is a hole but for its last byte (GNU's old format)."""
    header = bytearray(tarfile.TarInfo("hole").tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[124:136] = b"%011o\0" % 1
    header[386:398] = b"%011o\0" % (size - 1)
    header[398:410] = b"%011o\0" % 1
    header[483:495] = b"%011o\0" % size
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)
    return io.BytesIO(bytes(header) + b"x".ljust(512, b"\0") + bytes(1024))


def test_a_file_with_holes_counts_as_what_it_is():
    _, contents, _ = handed_over(("/srv/hole", sparse(5000)))
    assert contents == {"srv/hole": bytes(4999) + b"x"}
    with pytest.raises(CopyError, match=r"more than 256\.0 MiB together"):
        handed_over(("/srv/hole", sparse(8 * 1024**3 - 1)))


def test_no_more_than_the_limits():
    three = [(member(f"w/{n}"), b"12345") for n in range(3)]
    handed_over(("/w", packed(folder("w"), *three)), limits=HandoverLimits(15, 4))
    with pytest.raises(TooMuch, match="more than 14 B together"):
        handed_over(("/w", packed(folder("w"), *three)), limits=HandoverLimits(14, 4))
    with pytest.raises(TooMuch, match="are more than 3"):
        handed_over(("/w", packed(folder("w"), *three)), limits=HandoverLimits(15, 3))
    with pytest.raises(CopyError):
        handed_over(
            ("/a", packed((member("a"), b"12345"))),
            ("/b", packed((member("b"), b"12345"))),
            limits=HandoverLimits(9),
        )


def test_archives_that_are_none_or_cut_off():
    whole = packed((member("a"), b"x" * 2000)).getvalue()
    for damaged in (b"", b"nonsense" * 200, whole[:700], whole[:2560], whole[:1500]):
        with pytest.raises(CopyError):
            handed_over(("/a", io.BytesIO(damaged)))


def test_memory_stays_flat():
    class Sink:
        size = 0

        def write(self, data: bytes) -> int:
            self.size += len(data)
            return len(data)

        def tell(self) -> int:
            return self.size

    archive = packed((member("big"), bytes(64 * 1024 * 1024)))
    handover = Handover(Sink())
    tracemalloc.start()
    handover.add("/srv/big", archive)
    handover.end()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 1024 * 1024


def test_our_own_files():
    out = io.BytesIO()
    handover = Handover(out)
    handover.put_folder("/.dexec-1")
    handover.put("/.dexec-1/check", b"exit 0", mode=0o700)
    handover.end()
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as tar:
        assert [(m.name, m.mode, m.uid) for m in tar.getmembers()] == [
            (".dexec-1", 0o700, 0),
            (".dexec-1/check", 0o700, 0),
        ]
