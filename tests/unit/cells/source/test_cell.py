from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexec_kernel.cells.source.cell import Cell, CellSyntaxError, MagicLine, parse_cell
from dexec_kernel.cells.source.options import CellOptions


def container(*names: str) -> MagicLine:
    return MagicLine("%container", names)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("ls\n", Cell((), "ls\n")),
        ("", Cell((), "")),
        (" \n\t\n", Cell((), "")),
        ("%container web", Cell((container("web"),), "")),
        ("%container", Cell((container(),), "")),
        ("%container?", Cell((container("--help"),), "")),
        ("  %container 'web' # mine\r\nls", Cell((container("web"),), "\nls")),
        (
            "\n%container a\n\n%logs --tail 3\nls\n%container c",
            Cell((container("a"), MagicLine("%logs", ("--tail", "3"))), "\n\n\n\nls\n%container c"),
        ),
        ("%1", Cell((), "%1")),
        ("%%", Cell((), "%%")),
        ("fg %job", Cell((), "fg %job")),
        ("% container", Cell((), "% container")),
        ("# x\n%container a", Cell((container("a"),), "# x\n")),
        ("# x\n", Cell((), "# x\n")),
        ("#x\n%%exec -t\nls", Cell((), "#x\n\nls", CellOptions(tty=True), sign="%%exec")),
        ("%container a\n  # x\nls # y", Cell((container("a"),), "\n  # x\nls # y")),
        ("\ufeff%container a\nls", Cell((container("a"),), "\nls")),
        ("\ufeffls", Cell((), "ls")),
        ("%%exec -t\nls", Cell((), "\nls", CellOptions(tty=True), sign="%%exec")),
        ("%%exec -t\n%%exec\n%ps", Cell((), "\n%%exec\n%ps", CellOptions(tty=True), sign="%%exec")),
        ("%%exec -t\n \n", Cell((), "", CellOptions(tty=True), sign="%%exec")),
        (
            "%container a\n\n%%exec -u x\r\nls\n",
            Cell((container("a"),), "\n\n\nls\n", CellOptions(user="x"), sign="%%exec"),
        ),
        (
            "%container a\n%%writefile :/x\n%y\n",
            Cell(
                (container("a"),),
                "%y\n",
                cell_magic=MagicLine("%%writefile", (":/x",)),
                sign="%%writefile",
            ),
        ),
    ],
)
def test_magics_at_the_head_and_a_body_with_its_line_numbers(text, cell):
    assert parse_cell(text) == cell


@pytest.mark.parametrize("body", ["", "\n", "a", "a\n", "\n\n a\r\n\tb\r", "%x\n%%exec\n", " "])
@pytest.mark.parametrize("head", ["%%exec -- cat", "\n%ps\n%%exec -t -- cat # all of it\r"])
def test_a_command_gets_exactly_the_bytes_below_the_magic(head, body):
    cell = parse_cell(f"{head}\n{body}")
    assert (cell.body, cell.options.command, cell.runs) == (body, ("cat",), True)


def test_a_command_without_a_body_runs_all_the_same():
    cell = parse_cell("%%exec -- ls")
    assert (cell.body, cell.runs) == ("", True)


@pytest.mark.parametrize("text", ["", "%container a", "%%exec -u x", "%%exec?\nls", "%%x y\nls"])
def test_nothing_runs_in_the_container(text):
    assert not parse_cell(text).runs


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("a#b", ("a#b",)),
        ("a #b", ("a",)),
        ("#b", ()),
        ("'#b' \"a #c\" # d", ("#b", "a #c")),
        (r"\#b 'it''s # not'", ("#b", "its # not")),
        (r"a\ #b", ("a #b",)),
    ],
)
def test_comments_begin_where_a_shell_has_them(rest, words):
    assert parse_cell(f"%container {rest}").magics == (container(*words),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("%container 'a", "%container: No closing quotation"),
        ("%%exec -e A='secret", "%%exec: No closing quotation"),
        ("echo \0", "NUL"),
        ("echo \ud800", "Unicode"),
        # What reads them takes time that grows with the square of their length.
        ("%check " + "-" * 32_769, "%check: its line has more than 32,768 characters"),
        ("%%exec " + "-c x " * 501, "%%exec: more than 1,000 words"),
        ("%lab\n" * 1001, "more than 1,000 magics"),
    ],
)
def test_cells_that_cannot_be_read(text, said):
    with pytest.raises(CellSyntaxError, match=said) as caught:
        parse_cell(text)
    assert "secret" not in str(caught.value)


@given(st.text(st.sampled_from("%exc -tu'\"\\#?=\n\r\0 é"), max_size=40))
def test_any_text_is_a_cell_or_a_syntax_error(text):
    try:
        cell = parse_cell(text)
    except CellSyntaxError:
        return
    if cell.body:
        assert text.endswith(cell.body.lstrip("\n"))
