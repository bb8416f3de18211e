"""The parser of the command line: the word that was meant, and words that are no text."""

from __future__ import annotations

import pytest

from dexec_kernel.cli.command import run

USAGE_ERROR = 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lsit"], "there is no command 'lsit'. Did you mean list? Commands: install, list, "),
        (["doctr", "--json"], "Did you mean doctor?"),
        (["sink"], "there is no command 'sink'. Commands: "),
        ([""], "there is no command ''. Commands: "),
        (["--versoin"], "unknown: --versoin. Did you mean --version?"),
        (["doctor", "--contaner", "web"], "unknown: --contaner web. Did you mean --container?"),
        (["list", "--xyz=1"], "unknown: --xyz=1.\n"),
        (["list", "web"], "unknown: web.\n"),
        (["install", "--container", "a\udcffb"], "'a\\udcffb' is not valid text"),
    ],
)
def test_a_word_that_is_not_known(arguments, words, capsys):
    with pytest.raises(SystemExit) as caught:
        run(arguments)
    assert caught.value.code == USAGE_ERROR
    assert words in capsys.readouterr().err


def test_the_usage_is_that_of_the_command(capsys):
    with pytest.raises(SystemExit):
        run(["doctor", "--contaner"])
    assert "usage: dexec-kernel doctor" in capsys.readouterr().err
