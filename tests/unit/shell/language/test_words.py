"""A command line is split as a shell splits it."""

from __future__ import annotations

import contextlib
import shlex
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexec_kernel.errors import CellSyntaxError
from dexec_kernel.shell.language.words import command_line


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", []),
        ("  \n\n# nothing\n", []),
        ("ls -l /", ["ls", "-l", "/"]),
        ("\n\n  ls  \t -l\r\n\n", ["ls", "-l"]),
        ("echo 'a  b' \"c d\"e", ["echo", "a  b", "c de"]),
        ("echo '' \"\"", ["echo", "", ""]),
        ("echo 'two\nlines'", ["echo", "two\nlines"]),
        ('echo "two\n# lines"', ["echo", "two\n# lines"]),
        ('echo it\\\'s \\"x\\" a\\ b', ["echo", "it's", '"x"', "a b"]),
        ('echo "a\\"b\\\\ \\n \\$x"', ["echo", 'a"b\\ \\n $x']),
        ("echo 'a\\b'", ["echo", "a\\b"]),
        ("echo one \\\n  two", ["echo", "one", "two"]),
        ("ec\\\nho x", ["echo", "x"]),
        ('echo "a\\\nb"', ["echo", "ab"]),
        ("echo 'a\\\nb'", ["echo", "a\\\nb"]),
        ("echo C:\\\\", ["echo", "C:\\"]),
        ("echo C:\\\\\n# next", ["echo", "C:\\"]),
        ("# a comment \\\nls", ["ls"]),
        ("ls # of the folder", ["ls"]),
        ("get key#1 http://x/#top", ["get", "key#1", "http://x/#top"]),
        ("echo '#'", ["echo", "#"]),
        ("echo $HOME | wc; x", ["echo", "$HOME", "|", "wc;", "x"]),
        ("echo a\x0cb \u2028c\u00a0d", ["echo", "a\x0cb", "\u2028c\u00a0d"]),
    ],
)
def test_command_line_is_split_as_a_shell_does(source, words):
    assert command_line(source) == words


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("ls\npwd", "this one has 2"),
        ("a\n\n# x\nb\nc", "this one has 3"),
        ("echo 'x", "left open"),
        ('ls\necho "x\ny', "left open"),
        ("echo x\\", "left open"),
    ],
)
def test_command_line_that_is_none(source, said):
    with pytest.raises(CellSyntaxError, match=said):
        command_line(source)


@given(st.lists(st.text(string.printable + "é🐳", max_size=12), min_size=1, max_size=6))
def test_quoted_words_come_back(words):
    assert command_line(shlex.join(words)) == words


@given(st.text("ab '\"\\#\n\t", max_size=30))
def test_any_text_is_a_command_line_or_our_error(source):
    with contextlib.suppress(CellSyntaxError):
        command_line(source)
