"""The grammar of shell text: whole, cut off at every place, and any text at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexec_kernel.shell.language.grammar import check_syntax
from dexec_kernel.shell.language.lexer import SyntaxFault, Unfinished

WHOLE = [
    *("", "# nothing", "a", "a; b & c", "a && b || c", "a | b |& c", "! a", "time -p a"),
    *("if a; then b; elif c; then d; else e; fi", "while a; do b; done", "until a\ndo b\ndone"),
    *("for x in a b; do c; done", "for x; do c; done", "for x\ndo c\ndone", "for x in; do c; done"),
    *("for ((i = 0; i < 2; i++)); do a; done", "for ((;;)) { a; }", "for x in a b\n{ c; }"),
    *(
        "select x in a b; do c; done",
        "case x in (a|b) c ;; *) d ;& e) ;;& f) esac",
        "case x in esac",
    ),
    *(
        "{ a; }",
        "( a; b )",
        "((1 + 2))",
        "[[ a && ( b || ! c ) ]]",
        "f() { a; }",
        "function f { a; }",
    ),
    *("coproc a", "coproc N { a; }", "{ a; } >b 2>&1", "a=1 b=2 c", "if (a) then (b) fi"),
    *("! { a; }", "time { a; }", "time", "time; a", "!\na", "a;b&c", "f() { a; } >b"),
    # A here-document would begin at <<.
    *("((1 << 2))", "(((1) + 2))", "for (((i = 0); i < 2; i++)); do a; done"),
    *("for x\nin a b; do c; done", "for x in a;do c; done", "[[ (a)]]"),
]
WRONG = [
    *("f() a", "f g() { a; }", "coproc", "coproc; a", "a;)", "a &)", "! & a", "time & a"),
    *("fi", "then", "a; done", "}", ")", "a; ; b", ";", "& a", "| a", "a | ; b", "if; then a; fi"),
    *(
        "for ((a) b; do c; done",
        "for x in a ) do b; done",
        "for x in a & do b",
    ),
    *(
        "for ; do a; done",
        "case x on",
        "case x in a b) esac",
        "while a; done",
        "{ a; )",
        "if a; fi",
    ),
]
PIECES = [*"ab \t\n;&|()<>{}[]'\"`$\\=#!*?@-1", "if ", "then ", "fi ", "do ", "in ", "$(", "<<A\n"]
TEXTS = st.lists(st.sampled_from(PIECES) | st.characters(codec="utf-8"), max_size=40).map("".join)


def verdict(text: str) -> str:
    try:
        check_syntax(text)
    except SyntaxFault:
        return "wrong"
    except Unfinished:
        return "unfinished"
    return "whole"


@pytest.mark.parametrize("text", WHOLE)
def test_what_is_whole_is_whole_and_may_be_followed(text):
    assert [verdict(text), verdict(f"{text}\n"), verdict(f"{text}\na")] == ["whole"] * 3


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong(text):
    assert verdict(text) == "wrong"


@pytest.mark.parametrize("text", WHOLE)
def test_cut_off_anywhere_it_has_a_verdict(text):
    for end in range(len(text)):
        verdict(text[:end])


@pytest.mark.parametrize(
    ("text", "depth"),
    [("if a; then", 1), ("while a; do { b", 2), ("( a", 1), ("for x in a; do", 1), ("a &&", 1)],
)
def test_how_much_is_open(text, depth):
    with pytest.raises(Unfinished) as caught:
        check_syntax(text)
    assert caught.value.depth == depth


@given(TEXTS)
def test_any_text_has_a_verdict(text):
    verdict(text)


@given(st.lists(st.sampled_from([text for text in WHOLE if text]), min_size=1, max_size=4))
def test_whole_texts_in_a_row_are_whole(texts):
    assert verdict("\n".join(texts)) == "whole"


def test_a_here_document_without_its_end_is_text():
    with pytest.raises(Unfinished) as caught:
        check_syntax("cat <<END\nsome")
    assert caught.value.inside_text
