"""The scanner: any text, cut off anywhere, is gone through to its end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexec_kernel.shell.language.scanner import Scanner

PIECES = [*"ab \t\n;&|()<>{}'\"`$\\=:#!*@-1", "<<A\n", "$((", "${", "$'"]
TEXTS = st.lists(st.sampled_from(PIECES) | st.characters(codec="utf-8"), max_size=40).map("".join)


def scanned(text: str) -> Scanner:
    scanner = Scanner(text)
    scanner.scan()
    return scanner


@pytest.mark.parametrize(
    ("text", "closers", "quote", "value"),
    [
        ("echo a b", [], "", "b"),
        ("echo 'a b", [], "'", "a b"),
        ('echo "a \\" b\\c', [], '"', 'a " b\\c'),
        ("echo $'a\\n\\'b", [], "$'", "a\n'b"),
        ('echo "a b" c', [], "", "c"),
        ('echo "a b"c', [], "", "a bc"),
        ("echo a\\ b\\\nc", [], "", "a bc"),
        ("echo 'a'b", [], "", "ab"),
        ("echo $'a\\x41", [], "$'", "ax41"),
        ('echo "a\\Xb', [], '"', "a\\Xb"),
        ("echo $((1) x", [")"], "", ""),
        ("echo $(('1", [")", ")"], "'", "1"),
        ("echo $(a", [")"], "", "a"),
        ("echo `a", ["`"], "", "a"),
        ("echo `ls` a", [], "", "a"),
        ("echo `ls`ab", [], "", "ab"),
        ("echo `a $(b` c", [], "", "c"),
        ("echo $@a", [], "", "a"),
        ("echo $%a", [], "", "%a"),
        ("echo $HO/a", [], "", "/a"),
        ("(ls <a", [")"], "", "a"),
        ("cat <(a", [")"], "", "a"),
        ("cat <<A", [], "", "A"),
        ("ls >>a", [], "", "a"),
        ("cat <<\\A\nb\nA\necho c", [], "", "c"),
        ("echo $(ls a", [")"], "", "a"),
        ("echo `ls a", ["`"], "", "a"),
        ("echo $(ls `ls` a", [")"], "", "a"),
        ("cat <(ls a", [")"], "", "a"),
        ("(ls a", [")"], "", "a"),
        ("echo ${a:-b", ["}"], "", ""),
        ("echo ${a:-'}", ["}"], "'", "}"),
        ("echo $((1 + (2", [")", ")", ")"], "", ""),
        ("echo $((1 + (2))) a", [], "", "a"),
        ("PATH=a:b", [], "", "b"),
        ("ls --color=a", [], "", "a"),
        ("cat <<A\nb\nA\necho c", [], "", "c"),
        ("cat <<-'A'\n\tA\necho c", [], "", "c"),
        ("ls 2>a", [], "", "a"),
        ("a # b\nc", [], "", "c"),
    ],
)
def test_what_is_open_at_the_end(text, closers, quote, value):
    scanner = scanned(text)
    level = scanner.levels[-1]
    assert [level.closer for level in scanner.levels[1:]] == closers
    assert level.quote == quote
    assert "".join(level.value if level.start is not None else "") == value


@pytest.mark.parametrize(
    ("text", "takes_command", "command"),
    [
        ("echo $(ls a", False, "ls"),
        ("echo $(ls) a", False, "echo"),
        ("echo $(ls)a", False, "echo"),
        ("echo ${a:-b}c", False, "echo"),
        ("a=(b) l", True, ""),
        ("a=(b", False, ""),
        ("f(l", True, ""),
        ("ls; l", True, ""),
        ("cat <(ls) a", False, "cat"),
        ("2>a l", True, ""),
        ("22>a l", True, ""),
        ("echo; (ls) ", True, ""),
    ],
)
def test_whether_a_command_is_typed(text, takes_command, command):
    level = scanned(text).levels[-1]
    assert (level.takes_command, level.command) == (takes_command, command)


@pytest.mark.parametrize(
    ("text", "is_known"),
    [
        ("echo $'a\\x41", False),
        ("echo $'a\\tb", True),
        ("echo a$b/", False),
        ("echo `a`b", False),
        ("cat <(a)b", False),
    ],
)
def test_whether_the_word_is_known(text, is_known):
    assert scanned(text).levels[-1].is_known is is_known


@pytest.mark.parametrize(
    ("text", "is_target"),
    [("ls >a", True), ("ls >&a", True), ("ls >|a", True), ("ls <>a", True), ("ls >a; l", False)],
)
def test_whether_the_word_is_a_redirections(text, is_target):
    assert scanned(text).levels[-1].is_target is is_target


def test_a_word_begins_at_its_backquote():
    assert scanned("echo `a").levels[0].start == len("echo ")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("echo $", (5, "")),
        ("echo $HO", (5, "HO")),
        ("echo ${#HO", (5, "HO")),
        ('echo "$HO', (6, "HO")),
        ("echo '$HO", None),
        ("echo \\$HO", None),
        ("cat <<A\n$HO", (8, "HO")),
        ("cat <<'A'\n$HO", None),
        ("$1$?$HO", (4, "HO")),
    ],
)
def test_a_variable_at_the_end(text, found):
    assert scanned(text).variable == found


@pytest.mark.parametrize(
    "text",
    [
        *("# a", "a # b", "cat <<A\nb", "cat <<A\nb\nc", "cat <<A\n\tA\nb"),
        *("cat <<-A\n  A\nb", "cat <<-A\nXA\nb", "cat <<A <<B\na\nA\nb"),
    ],
)
def test_where_nothing_is_completed(text):
    assert scanned(text).is_nothing


@pytest.mark.parametrize("text", ["a$(b `c ${d:-'e'} $((1 + (2))) f` g) <<A 2>h\ni\nA\nj=k:l"])
def test_cut_off_anywhere(text):
    for end in range(len(text)):
        assert scanned(text[:end]).levels


@given(TEXTS)
def test_any_text_is_gone_through(text):
    scanner = scanned(text)
    assert len(scanner.levels) >= 1
    if scanner.variable is not None:
        begin, name = scanner.variable
        assert text[begin] == "$"
        assert text.endswith(name)
