"""Programs that read a cell write at once, so that the cell is shown while it runs."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from dexec_kernel.cells.source.programs import INTERPRETERS

#: Each writes a word, waits until something is read from the named pipe, and ends.
SCRIPTS = {
    "python3": "print('one')\nopen('wait').read()",
    "perl": 'print "one\\n"; open(my $f, "<", "wait"); <$f>;',
    "node": "console.log('one'); require('fs').readFileSync('wait')",
    "bash": "echo one; cat wait",
    "sh": "echo one; cat wait",
    "ruby": "$stdout.sync = true; puts 'one'; File.read('wait')",
    "lua": "print('one'); io.open('wait'):read('a')",
    "php": "<?php echo \"one\\n\"; file_get_contents('wait');",
    "Rscript": "cat('one\\n'); readLines('wait')",
}

#: The packages of Debian that have another name than the program.
PACKAGES = {"node": "nodejs", "lua": "lua5.4", "php": "php-cli", "Rscript": "r-base-core"}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_first_word_comes_while_the_program_runs(name, tmp_path):
    if shutil.which(name) is None:
        package = PACKAGES.get(name, name)
        pytest.skip(f"this machine has no {name}: apt-get install {package}")
    os.mkfifo(tmp_path / "wait")
    with subprocess.Popen(
        INTERPRETERS[name].command(name, ()),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=tmp_path,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(SCRIPTS[name].encode())
        process.stdin.close()
        assert process.stdout.readline() == b"one\n"
        # It opens once the program does.
        (tmp_path / "wait").write_text("on\n")
        assert process.wait(120) == 0
