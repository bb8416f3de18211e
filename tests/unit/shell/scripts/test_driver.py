"""driver.sh under the shells that images have."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time

import pytest

from dexec_kernel.cells.driver import Started
from dexec_kernel.shell.commands import driver_arguments, driver_stdin
from tests.unit.support import local_shells
from tests.unit.support.local_shells import (
    GUARD,
    MARKS,
    driver,
    each_shell,
    environment,
    run_arguments,
    run_cell,
    until,
)

BIG_LINE = "x" * 300_000


@each_shell
def test_cell_runs_and_the_driver_says_who_and_where(shell, tmp_path):
    folder = tmp_path / "a b\nc"
    folder.mkdir()
    result = run_cell(shell, "echo hi; echo oh >&2; echo $$", cwd=folder)
    assert result.stderr == "oh\n"
    said, pid = result.stdout.split()
    assert said == "hi"
    assert result.greetings == [f"{pid} {folder}"]


@each_shell
@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("true", 0),
        ("false", 1),
        ("exit 3", 3),
        ("exit 126", 126),
        ("no-such-command-at-all", 127),
        ("false; true", 0),
        ("(exit 7)", 7),
        ("set -e; false; echo not reached", 1),
        ("trap 'exit 9' EXIT", 9),
        ("exec sh -c 'exit 5'", 5),
        ("", 0),
        ("\n\n# nothing\n", 0),
    ],
)
def test_exit_code_is_the_cells(shell, source, code):
    assert run_cell(shell, source).exit_code == code


@pytest.mark.parametrize(("shell", "code"), [("bash", 143), ("dash", -15), ("busybox", -15)])
def test_sigterm_ends_a_shell_and_only_bash_may_hand_over_before(shell, code):
    assert run_cell(shell, "kill -TERM $$; echo never").exit_code == code


@each_shell
def test_syntax_error_is_the_cells(shell):
    result = run_cell(shell, "\nif true; then\n")
    assert result.exit_code in {1, 2}
    assert result.stderr.startswith(("bash:", "sh:"))
    assert "__dexec" not in result.stderr


@each_shell
@pytest.mark.parametrize("line", [1, 2, 30])
def test_errors_count_the_lines_of_the_cell(shell, line):
    result = run_cell(shell, "\n" * (line - 1) + "no-such-command-at-all")
    said = {
        "bash": f"bash: line {line}: no-such-command-at-all: command not found\n",
        "dash": f"sh: {line}: eval: no-such-command-at-all: not found\n",
        "busybox": f"sh: eval: line {line}: no-such-command-at-all: not found\n",
    }
    assert result.stderr == said[shell]


@pytest.mark.parametrize("shell", ["bash", "busybox"])
def test_line_number_variable(shell):
    # Dash is built without it.
    assert run_cell(shell, "echo $LINENO\n\necho $LINENO").stdout == "1\n3\n"


@each_shell
def test_cell_has_no_arguments_and_none_of_our_names(shell):
    source = 'echo "$#" "$0" "$@"; set | grep -i "^_*dexec"; env | grep -i "^_*dexec"'
    name = "bash" if shell == "bash" else "sh"
    assert run_cell(shell, source).stdout == f"0 {name}\n"


@each_shell
def test_field_separator_is_the_shells_own(shell):
    result = run_cell(shell, "x='a b'; set -- $x; echo $#; printf '%s' \"$IFS\" | od -An -tx1")
    assert result.stdout.split() == ["2", "20", "09", "0a"]


@each_shell
@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "  leading and trailing  ",
        "back\\slash \\n \\",
        "%s $HOME `id` ! * ~",
        "é 🐳 \x01\x7f\x1b",
        "tab\there",
        "-n",
        "a\n\n\nb",
        BIG_LINE,
    ],
)
def test_text_arrives_as_it_is(shell, text):
    result = run_cell(shell, f"cat <<'EOF'\n{text}\nEOF\n")
    assert result.stdout == f"{text}\n"
    assert result.exit_code == 0


@each_shell
def test_carriage_returns_stay(shell):
    assert run_cell(shell, "printf '%s' 'a\r\nb' | od -An -c").stdout.split() == [
        *("a", "\\r", "\\n", "b")
    ]


@each_shell
def test_here_document_at_the_end_of_a_cell_without_newline(shell):
    result = run_cell(shell, "cat <<EOF\nhi\nEOF")
    assert (result.stdout, result.stderr, result.exit_code) == ("hi\n", "", 0)


@each_shell
@pytest.mark.parametrize("count", [1, 99, 100, 101, 199, 200, 201])
def test_cells_around_the_size_of_a_bundle_of_lines(shell, count):
    source = "\n".join(f"echo {number}" for number in range(count))
    assert run_cell(shell, source).stdout.split() == [str(number) for number in range(count)]


# Shells read a pipe byte by byte: a second of CPU time for 400 KB.
@each_shell
def test_cell_of_20_000_lines(shell):
    source = "\n".join(f"x={number}" for number in range(20_000))
    assert run_cell(shell, f"{source}\necho $x").stdout == "19999\n"


def test_cell_of_800_kilobytes():
    source = "\n".join(f"x={number} # and some words to fill the line" for number in range(20_000))
    assert run_cell("busybox", f"{source}\necho $x").stdout == "19999\n"


@each_shell
@pytest.mark.parametrize("lines", [0, 1, 150])
def test_end_of_file_before_the_mark_runs_nothing(shell, lines):
    data = f"{MARKS.secret}\n".encode() + b"echo ran\n" * lines + b"echo half"
    result = run_cell(shell, "", input=data)
    assert (result.exit_code, result.stdout, result.stderr) == (125, "", "")
    assert len(result.greetings) == 1


@each_shell
def test_cell_reads_the_end_of_file_on_its_stdin(shell):
    assert run_cell(shell, "cat; echo $?").stdout == "0\n"


@each_shell
def test_what_follows_the_mark_is_the_cells_stdin(shell):
    data = driver_stdin("read -r line; echo got $line", MARKS) + b"more\n"
    assert run_cell(shell, "", input=data).stdout == "got more\n"


@each_shell
def test_a_cell_whose_stdin_ends_with_it_reads_nothing_more(shell):
    data = driver_stdin("cat; read -r line || echo none", MARKS, b"A=1", ends=True) + b"more\n"
    assert run_cell(shell, "", input=data).stdout == "none\n"


@each_shell
def test_driver_greets_before_it_is_sent_a_cell(shell):
    with subprocess.Popen(
        driver(shell),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
    ) as process:
        expected = f"{MARKS.greeting}start {process.pid} ".encode()
        assert process.stderr.read(len(expected)) == expected
        process.communicate(driver_stdin("exit 4", MARKS), timeout=GUARD)
        assert process.returncode == 4


@each_shell
@pytest.mark.parametrize("cut", [1, 3, 7, 100_000])
def test_cell_by_arguments(shell, cut):
    source = "echo 'a  b'\n\nprintf '%s\\n' \"é*\" \"$#\"\ncat <<'EOF'\n $x \\\nEOF"
    parts = [source[start : start + cut] for start in range(0, len(source), cut)]
    result = run_arguments(shell, parts)
    assert result.stdout == "a  b\né*\n0\n $x \\\n"
    assert (result.exit_code, result.stderr, len(result.greetings)) == (0, "", 1)


@each_shell
def test_large_cell_by_arguments(shell):
    source = "x=" + "é" * 300_000 + "\nprintf %s $x | wc -c"
    assert run_arguments(shell, driver_arguments(source)).stdout.split() == ["600000"]


@each_shell
def test_empty_cell_by_arguments(shell):
    result = run_arguments(shell, driver_arguments(""))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


@each_shell
@pytest.mark.parametrize(
    "source",
    ["while :; do sleep 0.01; done", "while :; do /bin/true; done", "while :; do :; done"],
)
def test_interrupt_ends_a_loop_whenever_it_comes(shell, source):
    for number in range(8):
        with subprocess.Popen(
            driver(shell),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=environment(),
        ) as process:
            process.stdin.write(driver_stdin(f"echo\n{source}", MARKS))
            process.stdin.close()
            process.stdout.read(1)
            time.sleep(0.01 + 0.0013 * number)
            os.killpg(process.pid, signal.SIGINT)
            try:
                assert process.wait(GUARD) == 130
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


@each_shell
def test_interrupt_ends_the_cell_even_when_its_command_takes_it_well(shell):
    """A program that catches SIGINT and exits 0; the rest of the cell is not run."""
    source = "sh -c 'trap \"exit 0\" INT; kill -INT 0; sleep 60'; echo went on"
    with subprocess.Popen(
        driver(shell),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        stderr=subprocess.DEVNULL,
        env=environment(),
    ) as process:
        stdout, _ = process.communicate(driver_stdin(source, MARKS), timeout=GUARD)
    assert (stdout, process.returncode) == (b"", 130)


@each_shell
@pytest.mark.parametrize(
    ("trap", "code", "output"),
    [("trap '' INT", 0, "on\n"), ("trap 'echo mine; exit 4' INT", 4, "mine\n")],
)
def test_traps_of_the_cell_are_its_own(shell, trap, code, output):
    result = run_cell(shell, f"{trap}\nkill -INT $$\necho on")
    assert (result.exit_code, result.stdout) == (code, output)


# --- a driver that waits for its cell -------------------------------------------------------------


@each_shell
def test_it_runs_the_cell_that_comes(wait, shell, tmp_path):
    waiting = wait(shell)
    assert waiting.events == [Started(waiting.process.pid, str(tmp_path))]
    waiting.run("echo hi; echo oh >&2; exit 3")
    assert (waiting.stdout, waiting.stderr) == ("hi\n", "oh\n")
    assert waiting.process.returncode == 3
    assert waiting.folder == str(tmp_path)
    assert waiting.handed_over().folder == str(tmp_path)


@each_shell
def test_it_has_a_name_of_its_own_while_it_waits(wait, shell):
    waiting = wait(shell)
    until(lambda: waiting.name == "dexec-standby")  # It speaks first.
    waiting.run("read -r name </proc/$$/comm; echo $name")
    assert waiting.stdout.strip() in {"bash", "dash", "busybox", "sh"}


@each_shell
@pytest.mark.parametrize(
    "sent", [b"", b"dexec:ab:", b"dexec:ab:\n", b"dexec:ab:\necho half of a cell\ndexec:"]
)
def test_it_ends_with_its_stdin_and_runs_no_half_cell(wait, shell, sent):
    waiting = wait(shell)
    stdout, stderr = waiting.process.communicate(sent, timeout=GUARD)
    assert (waiting.process.returncode, stdout, stderr) == (125, b"", b"")


def test_bash_counts_seconds_from_the_beginning_of_the_cell(wait, monkeypatch):
    # It counts on from there, as if it had waited for a day.
    longer = local_shells.plain_environment() | {"SECONDS": "86400"}
    monkeypatch.setattr(local_shells, "plain_environment", lambda: longer)
    waiting = wait("bash")
    waiting.run("echo $SECONDS")
    assert int(waiting.stdout) < 86400


@each_shell
def test_a_cell_sees_none_of_our_names(wait, shell):
    waiting = wait(shell)
    waiting.run("set | grep -i '^_*dexec'; env | grep -i '^_*dexec'; echo $#")
    assert waiting.stdout == "0\n"
