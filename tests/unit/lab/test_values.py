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
        *((["A"], None), ([1], None), ("A=1", None), ({"A": True}, None), ({"A": ["1"]}, None)),
        *(({"": "1"}, None), ({"A=B": "1"}, None)),
    ],
)
def test_variables(value, wanted):
    assert values.variables(value) == wanted


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        *(("data:/srv", ""), ("./data:/srv:ro", ""), (".data:/srv:rw", ""), ("./a/b:/srv", "")),
        *(("data", "should be"), ("data:srv", "should be"), ("data:/srv:rx", "should be")),
        *(("data:/", "should be"), ("", "should be")),
        *(("/etc:/etc", "kernel's machine"), ("/var/run/docker.sock:/s", "kernel's machine")),
        *(("~/x:/x", "kernel's machine"), ("a/b:/x", "kernel's machine")),
        *((".:/x", "the whole lab"), ("./:/x", "the whole lab"), ("../x:/x", "leaves it")),
        *(("./a/../..:/x", "leaves it"),),
        *(("./checks:/x", "shows checks"), ("./solutions/a:/x", "shows solutions")),
        *(("./hints:/x:ro", "shows hints"), ("./lab.toml:/x", "shows lab.toml")),
    ],
)
def test_a_volume_reaches_neither_the_machine_nor_the_checks(volume, words):
    fault = values.volume_fault(volume)
    assert (words in fault) if words else fault == ""
