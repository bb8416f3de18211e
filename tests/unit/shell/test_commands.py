from __future__ import annotations

import subprocess

import pytest

from dexec_kernel.backend.models import MAX_ARGUMENT_SIZE, ExecConfig
from dexec_kernel.errors import ConfigurationError
from dexec_kernel.shell.commands import (
    CELL_COMMAND,
    DriverOptions,
    Shell,
    driver_arguments,
    driver_command,
    driver_environment,
    driver_stdin,
    guardian_program,
    script_program,
    signal_program,
)
from dexec_kernel.shell.marks import Marks
from tests.unit.support.local_shells import each_shell, script


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


def test_process_lists_show_commands_that_say_whose_they_are():
    for shell in (Shell.BASH, Shell.SH):
        cell = driver_command(shell)
        assert cell[0] == shell.value
        assert cell[2].startswith(CELL_COMMAND)
        assert "\n" not in cell[2]
        signal = signal_program(shell, "INT", 17, {18: 3})
        assert signal.command[0] == shell.value
        assert signal.command[3:] == ["dexec-signal", "INT", "17", "18:3"]
        for command in (signal.command, guardian_program(shell).command):
            assert len(" ".join(command)) < 80


@each_shell
def test_a_script_finds_its_arguments_and_does_not_have_its_text_in_the_environment(shell):
    ours = script_program(Shell.SH, "environment", ["environment.sh"], ["mark"])
    done = subprocess.run(script(shell, ours), capture_output=True, check=True, text=True)
    assert done.stderr == ""
    assert done.stdout.startswith("mark")
    assert done.stdout.endswith("mark")
    assert "DEXEC" not in done.stdout


def test_a_driver_is_sent_a_cell_behind_its_mark():
    marks = Marks("greeting", "mark")
    assert driver_stdin("a\nb", marks) == b"mark\na\nb\nmark\n"
    assert driver_stdin("a\n", marks, ends=True) == b"mark\na\n\nmarkends\n"
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


def test_what_dash_and_busybox_evaluate_of_a_hand_over_fits_into_a_pipe_at_once():
    """One shell writes it and then reads it: more than a pipe takes would wait for ever."""
    handover = driver_environment(Marks.new())["DEXEC_HANDOVER"]
    assert len(handover.encode()) < 4096
