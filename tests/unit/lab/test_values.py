"""Sizes, durations, words and volumes as Compose writes them."""

from __future__ import annotations

import math

import pytest

from dexec_kernel.lab import values


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        *((1, 1), ("1", 1), ("128m", 128 * 1024**2), ("1.5g", 1536 * 1024**2), ("2KB", 2048)),
        *(("1GiB", 1024**3), (" 7b ", 7), ("64K", 65536)),
        *((0, None), (-1, None), (True, None), ("", None), ("0m", None), ("m", None)),
        *((10**400, None), ("9" * 400, None)),
        *(("1t", None), ("1 000", None), (1.5, None), ([], None), ("-1m", None)),
    ],
)
def test_sizes(value, wanted):
    assert values.size(value) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        *((90, 90), (0.5, 0.5), ("90m", 5400), ("1h30m", 5400), ("1h30m15.5s", 5415.5)),
        *(("45s", 45), (" 2h ", 7200)),
        *((0, None), (-1, None), (math.inf, None), (math.nan, None), (False, None), ("", None)),
        *((10**400, None), ("9" * 400 + "s", None)),
        *(("30", None), ("1m1h", None), ("0s", None), ("1d", None), ([], None)),
    ],
)
def test_durations(value, wanted):
    assert values.duration(value) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (0, 0),
        (1, 1),
        (2.5, 2.5),
        (-1, None),
        (True, None),
        ("1", None),
        (math.nan, None),
        (10**400, None),
    ],
)
def test_points(value, wanted):
    assert values.points(value) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("sleep 'a b'", ("sleep", "a b")),
        (["sleep", "1"], ("sleep", "1")),
        *(("", None), ("'open", None), ([], None), ([1], None), ([""], None), (1, None)),
    ],
)
def test_words(value, wanted):
    assert values.words(value) == wanted


def test_texts():
    assert values.texts("a") == ("a",)
    assert values.texts(["a", "b"]) == ("a", "b")
    assert values.texts([""]) is values.texts({}) is values.texts("") is None
    assert values.some_text("a") == "a"
    assert values.some_text(" ") is values.some_text(1) is values.some_text("a\0b") is None
    assert values.words("a\0b") is values.texts(["a\0b"]) is None


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({"A": "1", "B": 2, "C": 0.5}, {"A": "1", "B": "2", "C": "0.5"}),
        (["A=1", "B=x=y", "C="], {"A": "1", "B": "x=y", "C": ""}),
        *(({}, {}), ([], {})),
        ("A=1", None),
    ],
)
def test_variables(value, wanted):
    assert values.variables(value) == wanted


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (["A=1", "SECRET"], "entry 2 should be"),
        ([1], "entry 1 should be"),
        *(({"A": True}, "the value of 'A' should be"), ({"A": ["SECRET"]}, "the value of 'A'")),
        *(({"": "1"}, "cannot be the name"), ({"A=B": "1"}, "'A=B' cannot be the name")),
        ({"A": "SECRET\0"}, "the value of 'A'"),
    ],
)
def test_a_fault_of_variables_names_one_and_no_value(value, words):
    with pytest.raises(ValueError, match=words) as error:
        values.variables(value)
    assert "SECRET" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        *(("/run", ""), ("/run:size=64m,mode=1777", ""), ("/run:size=10%,noexec,uid=7", "")),
        *(("/run:size=lots", "'size=lots'"), ("/run:exec;", "'exec;'"), ("/run:mode=9", "mode=9")),
        *(("/", "below /"), ("/a/../..", "below /"), ("/dev/shm", "")),
        *(("/proc", "in /proc"), ("/sys/x:size=1m", "in /sys"), ("/dev", "in /dev")),
    ],
)
def test_a_folder_in_memory(text, words):
    fault = values.tmpfs_fault(text)
    assert (words in fault) if words else fault == ""


@pytest.mark.parametrize(
    ("user", "is_one"),
    [
        *(("student", True), ("1000:1000", True), ("2147483647", True), ("a-b", True)),
        *(("2147483648", False), ("1:9999999999999999999999", False), ("-1", False), ("", False)),
        *((0, False), ("a:", False)),
    ],
)
def test_a_user(user, is_one):
    assert (values.user(user) == user) is is_one


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        *(("i", True), ("debian:stable-slim", True), ("localhost/a/b:1", True), ("a__b-c.d", True)),
        *(("127.0.0.1:5000/a", True), ("Host.Example:1/a@sha256:" + "a" * 64, True)),
        *(("sha256:" + "a" * 64, True), ("[::1]:5000/a", True), ("host:1/a", True)),
        *(("Debian", False), ("UP/x", False), ("a b", False), ("a:b:c", False), ("-x", False)),
        *(("a@sha256:zz", False), ("", False), ("a:", False), ("/a", False), ("a\n", False)),
        *((1, False), ("ü", False), ("https://a/b", False)),
        *(
            ("a" * 256, False),
            (f"a/{'b' * 254}", False),
            (f"h:1/{'b' * 251}:t@sha256:{'a' * 64}", True),
        ),
    ],
)
def test_an_image(name, is_one):
    assert (values.image(name) == name) is is_one


def test_limits_that_an_engine_can_count_to():
    assert values.cpus("0.5") == values.cpus(0.5) == 0.5
    assert values.cpus("1e3") is values.cpus("half") is values.cpus(1e9) is None
    assert values.memory("999999999999g") is None
    assert values.pause("0.0001s") is None
    assert values.pause(1) == 1


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        *(("data:/srv", ""), ("./data:/srv:ro", ""), (".data:/srv:rw", ""), ("./a/b:/srv", "")),
        *(("data", "should be"), ("data:srv", "should be"), ("data:/srv:rx", "should be")),
        *(("data:/", "should be"), ("", "should be")),
        *(("/etc:/etc", "kernel's machine"), ("/var/run/docker.sock:/s", "kernel's machine")),
        *(("~/x:/x", "kernel's machine"), ("a/b:/x", "kernel's machine")),
        *((".:/x", "the whole lab"), ("./:/x", "the whole lab"), ("../x:/x", "leaves it")),
        *(("./a/../..:/x", "leaves it"), ("data:/x/..", "without .."), ("data:/proc", "in /proc")),
        *(("./checks:/x", "shows checks"), ("./solutions/a:/x", "shows solutions")),
        *(("./hints:/x:ro", "shows hints"), ("./lab.toml:/x", "shows lab.toml")),
    ],
)
def test_a_volume_reaches_neither_the_machine_nor_the_checks(volume, words):
    fault = values.volume_fault(volume)
    assert (words in fault) if words else fault == ""
