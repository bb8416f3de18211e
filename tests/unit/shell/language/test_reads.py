"""The prompts of a cell's `read` commands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexec_kernel.shell.language.reads import ReadCommand, which_read


@pytest.mark.parametrize(
    ("source", "number", "prompt", "is_silent"),
    [
        ("read a", 0, "", False),
        ("read -p 'Name: ' a", 0, "Name: ", False),
        ('read -r -p "Your name? " a; echo $a', 0, "Your name? ", False),
        ("read -rp Name: a", 0, "Name:", False),
        ("read -pName: a", 0, "Name:", False),
        ("read -t 5 -sp 'P: ' a", 0, "P: ", True),
        ("IFS= read -r -s a", 0, "", True),
        ("read -p 'A: ' a; read -s -p 'B: ' b\nread c", 0, "A: ", False),
        ("read -p 'A: ' a; read -s -p 'B: ' b\nread c", 1, "B: ", True),
        ("read -p 'A: ' a; read -s -p 'B: ' b\nread c", 2, "", False),
        ("read -p 'A: ' a; read -s -p 'B: ' b\nread c", 3, "", False),
        ("while read -p 'More? ' a; do echo $a; done", 4, "More? ", False),
        ("if true; then read -p A a; else read -p B b; fi", 0, "", False),
        ("if true; then read -p A a; else read -sp B b; fi", 0, "", True),
        ('read -p "$USER: " a', 0, "", False),
        ("read -p 'not closed", 0, "", False),
        ("already -p X; echo read -p Y; ./read -p Z", 0, "", False),
        ("", 0, "", False),
    ],
)
def test_prompts(source, number, prompt, is_silent):
    assert which_read(source, number) == ReadCommand(prompt, is_silent)


@given(st.text(alphabet="read -p'\"\\ as\n$`;|()", max_size=30), st.integers(0, 3))
def test_any_text(source, number):
    which_read(f"read {source}\nread -p 'A: ' a", number)


@pytest.mark.parametrize("source", ["read -sp 'P: ' a", 'x=1; read -r -p "Name? " a'])
def test_cut_off_anywhere(source):
    for end in range(len(source)):
        assert source[:end].rpartition("P: ")[0] == "" or which_read(source[:end], 0).is_silent
