"""The two paths of a copy: their meaning, and the place of the copied files."""

from __future__ import annotations

import pytest

from dexec_kernel.errors import CopyError, PathNotFound, UsageError
from dexec_kernel.files.paths import (
    Destination,
    Landing,
    Location,
    Source,
    base_name,
    landing_of,
    local_path,
    normal_path,
    parent_of,
    parse_location,
    wants_content,
)
from dexec_kernel.files.report import Report


def inside(path, container=""):
    return Location(path, in_container=True, container=container)


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("a/b", Location("a/b")),
        ("/a:b", Location("/a:b")),
        ("./a:b", Location("./a:b")),
        ("~/a:b", Location("~/a:b")),
        (":/a", inside("/a")),
        (":a b/", inside("/a b/")),
        (":.", inside("/.")),
        ("web:/a:b", inside("/a:b", "web")),
        ("compose:shop/db:/a", inside("/a", "compose:shop/db")),
        ("swarm:web.1:/a", inside("/a", "swarm:web.1")),
    ],
)
def test_a_location_is_read_as_docker_cp_reads_it(text, location):
    assert parse_location(text) == location


@pytest.mark.parametrize("text", ["", ":", "web:"])
def test_a_location_without_a_path_is_refused(text):
    with pytest.raises(UsageError):
        parse_location(text)


@pytest.mark.parametrize(
    ("path", "normal"),
    [
        ("/", "/"),
        ("//a", "/a"),
        ("/a/../b/", "/b/"),
        ("/a//b/.", "/a/b/."),
        ("/.", "/."),
        ("/a/..", "/"),
        ("/../..", "/"),
    ],
)
def test_the_end_of_a_path_is_kept(path, normal):
    assert normal_path(path) == normal


def test_local_paths(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert local_path("~/x/", "/base") == "/home/me/x/"
    assert local_path("x", "/base") == "/base/x"
    assert local_path(".", "/base") == "/base/."
    assert local_path("./", "/base") == "/base/"
    assert (base_name("/a/b/."), base_name("/a/b/"), base_name("/")) == ("b", "b", "")
    assert (parent_of("/a/b/"), parent_of("/a"), parent_of("/a/b/.")) == ("/a", "/", "/a")
    assert wants_content("/")
    assert wants_content("/a/.")
    assert not wants_content("/a/")


FILE = Source("s", is_folder=False)
FOLDER = Source("s", is_folder=True)
CONTENT = Source("s", is_folder=True, content_only=True)


def folder(path):
    return Destination(path, exists=True, is_folder=True)


def file(path):
    return Destination(path, exists=True, is_folder=False)


def nothing(path):
    return Destination(path, exists=False, is_folder=False)


@pytest.mark.parametrize(
    ("source", "target", "landing"),
    [
        (FILE, folder("/t"), Landing("/t", "s")),
        (FILE, file("/t"), Landing("/", "t")),
        (FILE, nothing("/t/u"), Landing("/t", "u")),
        (FOLDER, folder("/t"), Landing("/t", "s")),
        (FOLDER, nothing("/t/u"), Landing("/t", "u")),
        (FOLDER, nothing("/t/u/"), Landing("/t", "u")),
        (CONTENT, folder("/t"), Landing("/t", "")),
        (CONTENT, nothing("/t/u"), Landing("/t", "u")),
    ],
)
def test_where_it_lands(source, target, landing):
    assert landing_of(source, target) == landing


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (FOLDER, file("/t")),
        (FILE, file("/t/")),
        (FILE, nothing("/t/")),
    ],
)
def test_where_it_cannot_land(source, target):
    with pytest.raises((CopyError, PathNotFound)):
        landing_of(source, target)


def test_the_report_in_words():
    report = Report(files=3, folders=1, size=1_258_291)
    assert report.summary == "3 files, 1 folder, 1.2 MiB"
    assert Report().summary == "0 files, 0 B"
    for number in range(7):
        report.leave_out(f"f{number}", "a device")
    assert report.omissions[0] == "7 left out:"
    assert report.omissions[-1] == "  and 2 more"
