"""Tables of TOML: values of the right kind, and every problem with its key and a remedy."""

from __future__ import annotations

import pytest

from dexec_kernel.tables import Table, read_toml


def table_of(text: str) -> Table:
    return Table(read_toml(text.encode()), problems=[])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a = \xff", "not UTF-8"),
        (b"a = ", "not TOML"),
        (b"a = 1\na = 2", r"not TOML: .*; that key or table is there already"),
        (b"[a]\n[b]\n[a]", r"not TOML: .*; that key or table is there already"),
        (b"a = " + b"[" * 5000 + b"]" * 5000, "too deeply"),
    ],
)
def test_what_is_no_toml_is_a_value_error(content, words):
    with pytest.raises(ValueError, match=words):
        read_toml(content)


def test_values_of_every_kind():
    table = table_of('t = "x"\nb = false\nn = 1.5\nw = 3\nl = ["a"]\nc = "red"\n[s]\nt = "y"')
    assert table.text("t") == "x"
    assert table.flag("b", default=True) is False
    assert table.number("n", above=0, right="more") == 1.5
    assert table.whole_number("w", least=3, right="3") == 3
    assert table.texts("l", "texts") == ("a",)
    assert table.choice("c", ["red", "blue"], "blue") == "red"
    inner = table.table("s")
    assert (inner.text("t"), "t" in inner, list(inner)) == ("y", True, ["t"])
    table.end()
    inner.end()
    assert table.problems == []


def test_what_is_missing_has_its_default():
    table = table_of("")
    assert table.text("t", "d") == "d"
    assert table.flag("b", default=True) is True
    assert table.number("n", above=0, right="") is None
    assert table.whole_number("w", least=0, right="") is None
    assert table.texts("l", "") is None
    assert table.choice("c", ["red"], "red") == "red"
    assert list(table.table("s")) == []
    table.end()
    assert table.problems == []


@pytest.mark.parametrize(
    ("value", "read", "problem"),
    [
        ("1", lambda t: t.text("k"), "k is 1, and should be text in quotes"),
        ('"no"', lambda t: t.flag("k", default=True), "k is 'no', and should be true or false"),
        ("1", lambda t: t.flag("k", default=True), "k is 1, and should be true or false"),
        ("true", lambda t: t.number("k", above=0, right="s"), "k is true, and should be s"),
        ("nan", lambda t: t.number("k", above=0, right="s"), "k is nan, and should be s"),
        ("inf", lambda t: t.number("k", above=0, right="s"), "k is inf, and should be s"),
        (
            "1" + "0" * 400,
            lambda t: t.number("k", above=0, right="s"),
            "k is too large a number, and should be s",
        ),
        ("0", lambda t: t.number("k", above=0, right="s"), "k is 0, and should be s"),
        ("-1", lambda t: t.whole_number("k", least=0, right="w"), "k is -1, and should be w"),
        ("1.0", lambda t: t.whole_number("k", least=0, right="w"), "k is 1.0, and should be w"),
        ("false", lambda t: t.whole_number("k", least=0, right="w"), "k is false, and should be w"),
        ('"a"', lambda t: t.texts("k", "x"), "k is 'a', and should be a list of texts: x"),
        ('["a", ""]', lambda t: t.texts("k", "x"), "k is a list, and should be a list of texts"),
        ("{}", lambda t: t.texts("k", "x"), "k is a table, and should be a list of texts"),
        ("1979-05-27", lambda t: t.text("k"), "k is date, and should be text"),
        ("[]", lambda t: list(t.table("k")), "k is a list, and should be a table: [k]"),
        ('"rde"', lambda t: t.choice("k", ["red"], ""), "one of 'red' (did you mean 'red'?)"),
        ("3", lambda t: t.choice("k", ["red"], ""), "k is 3, and should be one of 'red'"),
    ],
)
def test_what_is_of_another_kind_is_a_problem(value, read, problem):
    table = table_of(f"k = {value}")
    assert not isinstance(read(table), Exception)
    [found] = table.problems
    assert problem in found


def test_an_unknown_key_is_named_with_the_nearest_known_one_or_with_all():
    table = table_of("[s]\nIMGAE = 1\nzzz = 2")
    inner = table.table("s")
    inner.text("image")
    inner.text("command")
    inner.end()
    assert inner.problems == [
        "s.IMGAE is not a key; did you mean s.image?",
        "s.zzz is not a key; the keys here are command, image",
    ]
    inner.problems.clear()
    inner.end({"zzz": "leave it out"})
    assert inner.problems[1] == "s.zzz is not a key; leave it out"


def test_a_reader_of_one_s_own():
    table = table_of('k = "x=swordfish"\nn = 1')
    assert table.read("n", lambda value: value, "n") == 1
    assert table.read("none", lambda value: value, "n") is None
    assert table.read("k", lambda _value: None, "right", is_secret=True) is None
    assert table.read("n", lambda _value: int("one"), "right") is None
    assert table.problems == [
        "k is text, and should be right",
        "n: invalid literal for int() with base 10: 'one'",
    ]
