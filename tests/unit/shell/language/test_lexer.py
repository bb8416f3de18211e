"""The words of a shell's text, read through the grammar that they stand in."""

from __future__ import annotations

import pytest

from dexec_kernel.shell.language.grammar import check_syntax
from dexec_kernel.shell.language.lexer import SyntaxFault, Unfinished

WORDS = [
    *(
        "plain",
        r"a\ b",
        r"a\'b",
        "'it is $one'",
        '"a $b `c` \\" $(d) ${e}"',
        "$'a\\'b'",
        "`a \\` b`",
    ),
    *("$", "$a$1$?", "${a:-'}'}", "${a:-${b}}", "$(a; b)", "$()", "$((1 + (2)))", "$((a); (b))"),
    *(
        "<(a; b)",
        ">(a)",
        "x<(a)",
        "a=(1 2\n3 # four\n)",
        "a=('(')",
        "a[1]+=(2)",
        "?(a|b)",
        "x@(a|(b))y",
    ),
]


@pytest.mark.parametrize("word", WORDS)
def test_a_word_is_an_argument_and_inside_a_substitution(word):
    # An array is one only where a variable is set.
    before = "" if "=" in word else "echo "
    for text in (f"{before}{word}", f"{before}{word}; b", f"echo $({before}{word})"):
        check_syntax(text)


@pytest.mark.parametrize(
    ("text", "depth", "is_inside_text"),
    [
        ("echo 'a", 0, True),
        ('echo "a', 0, True),
        ('echo "a\\', 0, True),
        ("echo a\\", 1, False),
        ("echo `a", 0, True),
        ("echo `a\\`", 0, True),
        ("echo $'a\\'", 0, True),
        ("echo ${a", 0, True),
        ("echo $(a", 0, False),
        ("echo $((1", 0, False),
        ("echo $((1)", 0, False),
        ("echo <(a", 0, False),
        ("a=(1", 1, False),
        ("echo @(a", 0, False),
        ("cat <<A", 0, True),
        ("cat <<A\nb", 0, True),
        ("cat <<-'A'\nb\n", 0, True),
        ("cat <<A\n\tA\n", 0, True),
        ("cat <<-A\n  A\n", 0, True),
        ("cat <<-A\nXA\n", 0, True),
        ("cat <<A\nA\n'", 0, True),
        ("a \\\n", 1, False),
    ],
)
def test_a_word_that_is_cut_off(text, depth, is_inside_text):
    with pytest.raises(Unfinished) as caught:
        check_syntax(text)
    assert (caught.value.depth, caught.value.inside_text) == (depth, is_inside_text)


@pytest.mark.parametrize("text", ["cat <", "cat >;", "cat << ;", "a=(1;2)", "echo a(b", "cat <<<"])
def test_what_is_wrong_whatever_follows(text):
    with pytest.raises(SyntaxFault):
        check_syntax(text)


@pytest.mark.parametrize(
    "text",
    [
        "cat <<A\nb\nA",
        "cat <<A; b\n$(\nA\nc",
        "cat <<-'A B'\n\tc\n\tA B\nd",
        "cat <<A <<\\B\n1\nA\n2\nB\n",
        "cat <<A && (b\n1\nA\nc)",
        "cat 2>&1 <&3 {fd}>a &>b <>c >|d <<<e",
    ],
)
def test_redirections_and_here_documents(text):
    check_syntax(text)
