"""Complete, incomplete or invalid: the samples, and the verdicts of bash and dash."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dexec_kernel.cells.source.is_complete import Completeness, Status, is_complete
from tests.fuzzing import examples

COMPLETE = [
    "",
    "%%exec -d -- sleep 60",
    "%%exec -d\nsleep 60",
    "\n\n",
    "echo hi",
    "echo hi &",
    "a; b;",
    "a | b && c || d",
    "a |\nb",
    "a &&\n\n# why\nb",
    "echo 'it''s' \"a 'b' $x\" \\' \\\"",
    "echo 'two\nlines'",
    "echo a \\\n  b",
    "echo # if then 'open",
    "echo a#'b'",
    "# only a comment \\",
    "if a; then b; elif c; then d; else e; fi",
    "if a\nthen\n  b\nfi > out 2>&1",
    "while a; do b; done < in | sort",
    "until a; do b; done",
    "for x in a b c; do echo $x; done",
    "for x\ndo echo; done",
    "for x do echo; done",
    "for x in; do echo; done",
    "case $x in a) b;; c|d) e;; *) f; esac",
    "case x in\n(a) ;;\nb)\n  c\n  ;;\nesac",
    "case x in esac",
    "{ a; b; }",
    "(a; b) > c",
    "( (a); b )",
    "f() { a; }",
    "f () (a)",
    "f()\n{\n  a\n}",
    "cat <<E\nif\nE",
    "cat <<'E' | wc\n$(\nE\n",
    "cat <<-E\n\tx\n\tE\necho",
    "cat <<A <<B\n1\nA\n2\nB",
    "echo $(a; b) $(case x in a) b;; esac) `a 'b'` ${x:-y} ${x#'}'}",
    'echo "$(echo "a)")" "${x:-b}"',
    "echo $((1 + (2 * 3))) $( (a) )",
    "x=1 y=$(a) cmd",
    "x=1",
    "> file",
    "a 2>/dev/null >&2 <&-",
    "! a",
    "echo if then fi } done",
    "echo {a,b} }",
    "a & b",
    "%container web",
    "%container web\necho hi",
    "%con",
    "%%exec -u root\necho hi",
    "%%exec --help",
    "%%python3\nprint(1)\n",
    "%%exec -- python3 -\nif x:\n  y\n\n",
    "\n%ps\n%%exec\nls",
    "%%exec -e A=-h\nls",
    "%%bash -x\nif a; then b; fi",
    "%%exec -- bash\nif a; then b; fi",
    "%%writefile?",
    "%%writefile :/x\na\n",
]
#: Each with the indentation of its next line.
INCOMPLETE = [
    ("if a", ""),
    ("if a; then", "  "),
    ("if a; then\n  b\nelse\n  c", "  "),
    ("while a; do", "  "),
    ("while a", ""),
    ("for x in a b", ""),
    ("for x in a b; do\n  if c; then", "    "),
    ("for x", ""),
    ("case x in", "  "),
    ("case x", ""),
    ("case x in\n  a)", "    "),
    ("case x in a) b;;", "  "),
    ("{", "  "),
    ("{ a;", "  "),
    ("(", "  "),
    ("f()", ""),
    ("f() {", "  "),
    ("echo 'open", ""),
    ('echo "open', ""),
    ('if a; then echo "open', ""),
    ("echo $(a", ""),
    ("echo `a", ""),
    ("echo ${x", ""),
    ("echo $((1 + ", ""),
    ("a &&", "  "),
    ("a ||\n", "  "),
    ("a | # comment", "  "),
    ("echo a \\", "  "),
    ("echo a \\\n", "  "),
    ("echo a\\\n", "  "),
    ("cat <<E", ""),
    ("cat <<E\nx", ""),
    ("cat <<'E F'\nE", ""),
    ("if a; then cat <<E\nx\nE", "  "),
    ("%container web\nif a; then", "  "),
    ("%%exec", ""),
    ("%%exec -u root\nif a; then", "  "),
    ("%%python3", ""),
    ("%%python3\nprint(1)", ""),
    ("%%bash -x\nif a; then", "  "),
    ("%ps\n%%exec -t\nwhile a; do", "  "),
    ("%%writefile :/x\na", ""),
]
INVALID = [
    "fi",
    "if a; fi",
    "if; then b; fi",
    "if a; then fi",
    "then",
    "done",
    "a; done",
    "}",
    ")",
    "echo )",
    "echo (",
    "echo (a)",
    "; a",
    "| a",
    "a | | b",
    "a && || b",
    "a;; b",
    "a & ; b",
    "for x in a; b; done",
    "while a; do done",
    "case x of",
    "()",
    "{ }",
    "(a) b",
    "{ a; } b",
    "cat <",
    "a > ; b",
    "echo $(a;;)",
    "esac",
    "for",
    "case",
    "f(",
    "%container 'web",
    "%%exec --no-such-option\nls",
]
BASH_ONLY = [
    "function f { a; }",
    "function f() { a; }",
    "[[ a && ( b || c ) ]]",
    "[[ $x =~ ^(a|b)$ ]] && y",
    "((x = 1, y < 2))",
    "for ((i = 0; i < 3; i++)); do a; done",
    "select x in a b; do c; done",
    "x=(a b\nc) y+=(d)",
    "declare -A m=([a]=1 [b]=2)",
    "diff <(a) <(b; c)",
    "a &> b",
    "a |& b",
    "cat <<< x",
    "echo $'it\\'s' $\"x\"",
    "case x in a) b;& c) d;;& esac",
    "time a | b",
    "time",
    "coproc a",
    "coproc NAME { a; }",
    "a {fd}>b",
    "exec 3< <(a)",
]
BASH_INCOMPLETE = [
    "((1 +",
    "x=(a",
    "function f",
    "diff <(a",
    "for ((i=0;",
    "echo $'a\\'",
]


def status(text: str) -> str:
    return is_complete(text).status.value


def verdict(shell: str, text: str) -> str:
    """Return a shell's verdict. A shell takes a here-document that the text does not end."""
    done = subprocess.run(
        [shell, "-n"],
        input=f"{text}\n".encode(),  # as Enter does
        capture_output=True,
        check=False,
        env={"LC_ALL": "C"},
    )
    errors = done.stderr.decode()
    if "unexpected EOF" in errors or "unexpected end of file" in errors or "nterminated" in errors:
        return "incomplete"
    if "here-document" in errors and done.returncode == 0:
        return "incomplete"
    if 'unexpected (expecting "' in errors and "end of file" in errors:
        return "incomplete"
    if "Syntax error: end of file unexpected" in errors:
        return "incomplete"
    return "complete" if done.returncode == 0 else "invalid"


@pytest.mark.parametrize("text", COMPLETE + BASH_ONLY)
def test_complete(text):
    assert is_complete(text) == Completeness(Status.COMPLETE)


@pytest.mark.parametrize(("text", "indent"), INCOMPLETE)
def test_incomplete(text, indent):
    assert is_complete(text) == Completeness(Status.INCOMPLETE, indent)


@pytest.mark.parametrize("text", BASH_INCOMPLETE)
def test_incomplete_in_bash(text):
    assert status(text) == "incomplete"


@pytest.mark.parametrize("text", INVALID)
def test_invalid(text):
    assert is_complete(text) == Completeness(Status.INVALID)


def test_unknown():
    assert status("x" * 100_001) == "unknown"
    assert status("a\0b") == "unknown"
    assert status("{ " * 20_000) == "unknown"


def _is_shell(text: str) -> bool:
    return not text.startswith("%")


@pytest.mark.parametrize("shell", ["bash", "dash"])
@pytest.mark.parametrize("text", [text for text in COMPLETE + INVALID if _is_shell(text)])
def test_shells_agree(shell, text):
    if shutil.which(shell) is None:
        pytest.skip(f"this machine has no {shell}: apt-get install {shell}")
    assert verdict(shell, text) == status(text)


#: A shell takes a backslash at the very end, and dash a here-document that is not ended.
OPEN_ENDED = ("\\", "\\\n")


@pytest.mark.parametrize(
    "text",
    [text for text, _ in INCOMPLETE if _is_shell(text) and not text.endswith(OPEN_ENDED)]
    + BASH_ONLY
    + BASH_INCOMPLETE,
)
def test_bash_agrees(text):
    assert verdict("bash", text) == status(text)


WORDS = """if then else elif fi while until do done for x in case esac { } ( ) ; ;; & && || | a b
'q' "q" $v $(a) `a` x=1 >f 2>&1 f() # ${v} $((1))"""
PIECES = st.sampled_from(WORDS.split())


@pytest.mark.no_cover  # Its many examples would take twice as long.
@settings(max_examples=examples(150))
@given(st.lists(st.tuples(PIECES, st.sampled_from(" \n")), max_size=12))
@example([("case", " "), ("x", " "), ("in", "\n"), ("esac", " ")])
def test_bash_agrees_on_anything(pieces):
    text = "".join(word + space for word, space in pieces)
    assert verdict("bash", text) == status(text)


@given(st.text(alphabet="ifthendo'\"`$(){}[]<>|&;#\\\n aé%", max_size=40))
def test_no_text_breaks_it(text):
    assert is_complete(text).status in Status


@pytest.mark.parametrize("text", [text for text in COMPLETE + BASH_ONLY if "\n" in text])
def test_what_is_complete_is_never_wrong_before(text):
    lines = text.split("\n")
    for end in range(1, len(lines)):
        assert status("\n".join(lines[:end])) != "invalid"
