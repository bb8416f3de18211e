from __future__ import annotations

import contextlib
import shlex
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexec_kernel.backend.models import MAX_ARGUMENT_SIZE, ExecConfig
from dexec_kernel.errors import ConfigurationError
from dexec_kernel.shell.commands import (
    DriverOptions,
    Shell,
    command_line,
    driver_arguments,
    driver_command,
    driver_environment,
    driver_stdin,
    signal_command,
)
from dexec_kernel.shell.marks import Marks


@pytest.mark.parametrize(
    "source", ["", "x", "echo hi\n", "é" * 200_000, "🐳" * 99_999, "ab€" * 70_000]
)
def test_arguments_are_cut_between_characters_and_fit(source):
    parts = driver_arguments(source)
    assert "".join(parts) == source
    assert all(len(part.encode()) <= MAX_ARGUMENT_SIZE for part in parts)
    ExecConfig([*driver_command(Shell.SH), *parts]).check()


def test_cell_that_no_arguments_hold():
    with pytest.raises(ConfigurationError, match="1,600,000 bytes"):
        driver_arguments("x" * 1_600_000)


def test_commands_say_whose_they_are_and_nothing_of_the_cell():
    for shell in (Shell.BASH, Shell.SH):
        assert driver_command(shell)[0] == shell.value
        assert driver_command(shell)[2].startswith(": dexec-kernel, waits for a cell")
        assert "\n" not in driver_command(shell)[2]
        command = signal_command(shell, "INT", 17)
        assert command[0] == shell.value
        assert command[-3:] == ["dexec-signal", "INT", "17"]
    marks = Marks("greeting", "mark")
    assert driver_stdin("a\nb", marks) == b"mark\na\nb\nmark\n"
    assert driver_stdin("a", marks, b"b") == b"mark\nb\nmarkstate\na\nmark\n"


def test_the_environment_of_the_driver_is_small_and_tells_no_mark():
    marks = Marks.new()
    found = driver_environment(marks, None, DriverOptions(keep=True))
    assert set(found) == {
        *("DEXEC_DRIVER", "DEXEC_GREETING", "DEXEC_SETTINGS"),
        *("DEXEC_HANDOVER", "DEXEC_HANDOVER_BASH"),
    }
    assert found["DEXEC_GREETING"] == marks.greeting
    assert marks.greeting != marks.secret
    for text in found.values():
        assert marks.secret not in text
        assert len(text) < 8000


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
    with pytest.raises(ConfigurationError, match=said):
        command_line(source)


@given(st.lists(st.text(string.printable + "é🐳", max_size=12), min_size=1, max_size=6))
def test_quoted_words_come_back(words):
    assert command_line(shlex.join(words)) == words


@given(st.text("ab '\"\\#\n\t", max_size=30))
def test_any_text_is_a_command_line_or_our_error(source):
    with contextlib.suppress(ConfigurationError):
        command_line(source)
