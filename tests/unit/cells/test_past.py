"""The kept cells: bounded in every way, in order, and without the values of variables."""

from __future__ import annotations

import pytest

from dexec_kernel.cells.output.text import Piece
from dexec_kernel.cells.past import (
    HEAD,
    MAX_CELLS,
    MAX_SIZE,
    MAX_SOURCE,
    TAIL,
    KeptOutput,
    PastCells,
    without_values,
)


def text(output: KeptOutput) -> str:
    return "".join(piece.text for piece in output.pieces())


def test_short_output_is_kept_as_it_was():
    output = KeptOutput()
    output.add([Piece("stdout", "a\n"), Piece("stdout", "b\n"), Piece("stderr", "c\n")])
    output.add([Piece("stdout", "d\n")])
    assert output.pieces() == [
        Piece("stdout", "a\nb\n"),
        Piece("stderr", "c\n"),
        Piece("stdout", "d\n"),
    ]


@pytest.mark.no_cover  # Its many examples would take twice as long.
@pytest.mark.parametrize("length", [1, 7, 5_000, 300_000])
def test_of_a_flood_the_beginning_and_the_end_are_kept(length):
    flood = "".join(f"{number}\n" for number in range(60_000))
    output = KeptOutput()
    for start in range(0, len(flood), length):
        output.add([Piece("stdout", flood[start : start + length])])
    head, notice, tail = text(output).partition("characters are not kept]\n")
    head, _, number = head.rpartition("\n[")
    assert notice
    assert flood.startswith(head)
    assert flood.endswith(tail)
    assert (len(head), TAIL <= len(tail) <= TAIL + 8_192) == (HEAD, True)
    assert int(number.replace(",", "")) == len(flood) - len(head) - len(tail)


def test_the_ring_is_bounded_in_cells_and_in_size(snapshot):
    cells = PastCells()
    for number in range(MAX_CELLS + 5):
        cells.begin(number, f"echo {number}").snapshot = snapshot()
    assert [cell.number for cell in cells] == list(range(5, MAX_CELLS + 5))
    for number in range(MAX_CELLS):
        cell = cells.begin(number, "x" * (2 * MAX_SOURCE))
        cell.snapshot = snapshot()
        cell.output.add([Piece("stdout", "y" * 1_000_000)])
    kept = [*cells]
    assert 10 < len(kept) < MAX_CELLS
    assert sum(cell.size for cell in kept[:-1]) <= MAX_SIZE
    assert kept[-1].number == MAX_CELLS - 1


def test_output_of_a_cell_that_is_not_kept_any_more_takes_no_place(snapshot):
    cells = PastCells()
    dropped = cells.begin(0, "sleep 9 &")
    for number in range(1, MAX_CELLS + 1):
        cells.begin(number, "x").snapshot = snapshot()
    for _ in range(MAX_SIZE // HEAD):
        dropped.output.add([Piece("stdout", "y" * HEAD)])
    cells.begin(MAX_CELLS + 1, "x").snapshot = snapshot()
    assert len([*cells]) == MAX_CELLS


def test_a_cell_that_has_no_end_yet_is_not_listed(snapshot):
    cells = PastCells()
    cell = cells.begin(1, "sleep 9")
    assert [*cells] == []
    cell.snapshot = snapshot()
    assert [*cells] == [cell]


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("%env TOKEN=s3cret", "%env TOKEN=…"),
        ("%env A='s3cret s3cret' B=\"s3cret\" C\necho A=1", "%env A=… B=… C\necho A=1"),
        ("%timeout 3\n\n  %env A=s3cret", "%timeout 3\n\n  %env A=…"),
        ("%%exec -e A=s3cret -u root --env B=s3cret\nls", "%%exec -e A=… -u root --env B=…\nls"),
        ("%%exec -tie A=s3cret --env=B=s3cret -eC=s3cret", "%%exec -tie A=… --env=B=… -eC=…"),
        ("%%exec '-e' \"A=s3cret x\" -- env B=1", "%%exec '-e' A=… -- env B=1"),
        ("%%python3 -e A=s3cret -- -X dev\nprint(1)", "%%python3 -e A=… -- -X dev\nprint(1)"),
        ("%env A=it's s3cret", "%env A=… s3cret"),
        ("%%writefile :/a\n%env A=1", "%%writefile :/a\n%env A=1"),
        ("echo\n%env A=1", "echo\n%env A=1"),
        ("%%exec -w /a=b -c x=y\nexport A=1", "%%exec -w /a=b -c x=y\nexport A=1"),
        ("", ""),
    ],
)
def test_values_of_variables_stay_out(source, kept):
    assert without_values(source) == kept
