"""The shell text around a check, run by real shells."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from dexec_kernel.lab.checks.script import (
    DRIVER,
    CheckScript,
    check_line,
    removal_line,
    run_file,
)

GUARD, MARK = 60, "MARK"


@pytest.mark.parametrize(
    ("text", "shell"),
    [
        ("exit 0", ("/bin/sh",)),
        ("#!/bin/sh\nexit 0", ("/bin/sh",)),
        ("#! /bin/bash -eu\n", ("/bin/bash", "-eu")),
        ("#!/usr/bin/env bash\n", ("bash",)),
        ("#!/usr/bin/env -S bash -e\n", ("bash", "-e")),
        ("#!/usr/bin/python3\n", ()),
        ("#!/usr/bin/env python3\n", ()),
        ("#!\n", ()),
    ],
)
def test_the_shell_of_a_script(text, shell):
    assert CheckScript(text).shell == shell


@pytest.fixture(params=["dash", "bash", "busybox"])
def shell(request) -> list[str]:
    if shutil.which(request.param) is None:
        pytest.skip(f"no {request.param}: apt-get install {request.param}")
    return [request.param, "sh"] if request.param == "busybox" else [request.param]


class Checker:
    """The main process of a checker, as a process of this machine."""

    def __init__(self, shell: list[str], folder: Path) -> None:
        self.folder = folder / ".dexec-1"
        (self.folder / "home").mkdir(parents=True)
        self._shell = shell

    def put(self, script: CheckScript, **variables: str) -> None:
        (self.folder / "check").write_text(script.text)
        (self.folder / "check").chmod(0o700)
        (self.folder / "run").write_text(run_file(script, str(self.folder), variables))

    def run(self, lines: str, *, closes: bool = False) -> subprocess.CompletedProcess[str]:
        """Run lines to the end of the process; ``closes`` ends its stdin at once."""
        with (
            (self.folder.parent / "out").open("w+") as out,
            (self.folder.parent / "err").open("w+") as err,
            subprocess.Popen(
                [*self._shell, "-c", DRIVER],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                text=True,
                start_new_session=True,
            ) as process,
        ):
            assert process.stdin is not None
            process.stdin.write(lines)
            process.stdin.flush()
            if closes:
                process.stdin.close()
            try:
                code = process.wait(GUARD)
            finally:
                # In a container all ends with PID 1.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            out.seek(0)
            err.seek(0)
            said = out.read(), err.read()
            if not closes:
                end = f"\n{MARK} {code}\n"
                assert all(text.endswith(end) for text in said)
                said = said[0].removesuffix(end), said[1].removesuffix(end)
            return subprocess.CompletedProcess([], code, *said)

    def check(self, text: str, **variables: str) -> subprocess.CompletedProcess[str]:
        self.put(CheckScript(text), **variables)
        return self.run(check_line(str(self.folder), MARK))


@pytest.fixture
def checker(shell, tmp_path) -> Checker:
    return Checker(shell, tmp_path)


def test_a_check_says_how_it_went(checker):
    done = checker.check('echo "for you"; echo "for the teacher" >&2; exit 1\n')
    assert (done.returncode, done.stdout, done.stderr) == (1, "for you\n", "for the teacher\n")
    assert checker.check("true").returncode == 0
    assert checker.check("#!/bin/bash\n[[ -n $BASH_VERSION ]]").returncode == 0


@pytest.mark.parametrize(
    ("text", "exit_code"),
    [
        ("if", 2),
        ("no-such-command", 127),
        ("/etc/passwd", 126),
        ("kill -9 $$", 137),
        ("exit 3", 3),
        ("#!/bin/sh -e\nfalse\nexit 0", 1),
    ],
)
def test_exit_codes(checker, text, exit_code):
    assert checker.check(text).returncode == exit_code


def test_a_check_sees_its_variables_and_nothing_on_its_stdin(checker):
    text = 'cat; printf "%s|" "$ODD" "$PWD" "$HOME" "$0"; umask'
    done = checker.check(text, ODD="it's $HOME `date` \\n\nnext")
    assert done.stdout == f"it's $HOME `date` \\n\nnext|/|{checker.folder}/home|check|0022\n"
    assert done.stderr == ""


def test_the_text_of_the_check_can_be_read_nowhere(checker):
    done = checker.check(
        "#!/bin/bash\n"
        f"ls -A {checker.folder}\n"
        "for p in $PPID $$; do for f in /proc/$p/fd/* /proc/$p/cmdline /proc/$p/environ; do\n"
        ' case $(readlink "$f") in pipe:*|*/dev/null) ;; *) grep -asl UNTELLA""BLE "$f";; esac\n'
        "done; done; : UNTELLABLE\n"
    )
    assert done.stdout.split() == ["home"], done.stderr
    assert done.returncode == 0


def test_other_languages_run_from_their_file(checker):
    done = checker.check(
        "#!/usr/bin/env python3\nimport os, sys\nprint(os.environ['A'], sys.stdin.read())\n"
        "sys.exit(1)",
        A="b",
    )
    assert (done.returncode, done.stdout) == (1, "b \n")


def test_an_empty_script_that_cannot_be_read_has_not_passed(checker):
    checker.put(CheckScript("exit 1"))
    (checker.folder / "check").unlink()
    assert checker.run(check_line(str(checker.folder), MARK)).returncode == 125


def test_the_end_of_stdin_ends_everything(checker):
    checker.put(CheckScript("echo begun; sleep 600"))
    done = checker.run(check_line(str(checker.folder), MARK), closes=True)
    assert done.returncode == 143
    assert checker.run("", closes=True).returncode == 0


def test_pristine_files_give_way(checker, tmp_path):
    for name in ("it's", "-rf"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    (tmp_path / "stays").touch()
    done = checker.run(
        removal_line([str(tmp_path / "it's"), str(tmp_path / "-rf"), "/none/at/all"], "MARK"),
        closes=True,
    )
    assert (done.stdout, done.stderr) == ("MARK\n", "")
    assert {path.name for path in tmp_path.iterdir()} == {"stays", ".dexec-1", "out", "err"}
