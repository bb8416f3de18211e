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
    Shell,
    command_line,
    driver_arguments,
    driver_command,
    driver_environment,
    driver_stdin,
    signal_command,
)


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
        assert len(" ".join(driver_command(shell))) < 100
        command = signal_command(shell, "INT", 17)
        assert command[0] == shell.value
        assert command[-3:] == ["dexec-signal", "INT", "17"]
    assert driver_stdin("a\nb", "mark") == b"a\nb\nmark\n"


def test_the_environment_of_the_driver_is_small_and_without_comments():
    found = driver_environment("mark:", hand_over=True)
    assert set(found) == {"DEXEC_DRIVER", "DEXEC_MARK", "DEXEC_HANDOVER"}
    assert found["DEXEC_MARK"] == "mark:"
    assert "mark:background " in found["DEXEC_HANDOVER"]
    assert "MARK" not in found["DEXEC_HANDOVER"]
    for text in found.values():
        assert len(text) < 3000
        assert sum(line.lstrip().startswith("#") for line in text.splitlines()) <= 1
    assert "[ yes = yes ]" in found["DEXEC_HANDOVER"]
    assert "[ no = yes ]" in driver_environment("mark:", hand_over=False)["DEXEC_HANDOVER"]


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
