"""shell/dump.py: what differs in each shell is no change of the session."""

from __future__ import annotations

import pytest

from dexec_kernel.shell.dump import steady

BASH = b'declare -- A="1"\ndeclare -i BASHPID="%d"\ndeclare -- SECONDS="%d"\ndeclare -- Z="2"\n'
ASH = b"A='1'\nPPID='%d'\n__dexec_self='%d'\nZ='2'\n"


@pytest.mark.parametrize("printed", [BASH, ASH])
def test_two_shells_with_the_same_variables_print_the_same(printed: bytes) -> None:
    assert steady(printed % (1, 2)) == steady(printed % (34, 567))
    assert b"A=" in steady(printed % (1, 2))
    assert b"Z=" in steady(printed % (1, 2))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # A variable that holds what a shell has printed, as each shell quotes it.
        (
            b'declare -- A="x\ndeclare -i BASHPID=\\"1\\"\n"\n',
            b'declare -- A="x\ndeclare -i BASHPID=\\"2\\"\n"\n',
        ),
        (b"A='x\nPPID='\"'\"'1'\"'\"'\n'\n", b"A='x\nPPID='\"'\"'2'\"'\"'\n'\n"),
        (b"A='x\nPPID='\\''1'\\''\n'\n", b"A='x\nPPID='\\''2'\\''\n'\n"),
        (b"A='x\nPPID=\"1\"\n'\n", b"A='x\nPPID=\"2\"\n'\n"),
        (b"A='x\nPPID=1\n'\n", b"A='x\nPPID=2\n'\n"),
        (b"A='\nRANDOM='\n", b"A='\n'\n"),
        (b'declare -- A="\ndeclare -- SECONDS\n"\n', b'declare -- A="\n"\n'),
        (b"MY_RANDOM='1'\n", b"MY_RANDOM='2'\n"),
    ],
)
def test_a_change_of_a_variable_is_never_lost(one: bytes, other: bytes) -> None:
    assert steady(one) != steady(other)
