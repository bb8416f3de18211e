"""``%last`` and ``%history``: what they show of the kept cells."""

from __future__ import annotations

import pytest

from dexec_kernel.cells.outcome import State
from dexec_kernel.cells.output.text import Piece
from dexec_kernel.cells.source.cell import parse_cell
from dexec_kernel.errors import CellSyntaxError
from dexec_kernel.magics.catalogue import REGISTRY
from dexec_kernel.magics.registry import run_calls
from tests.unit.magics.test_registry import make_context


@pytest.fixture
def run(snapshot):
    context, published = make_context()
    cells = context.past
    cells.begin(1, "make all").snapshot = snapshot(exit_code=2, pid=11)
    cells.begin(2, "%env T=s3cret\n\nserver <b> &\nwait").snapshot = snapshot(
        state=State.BACKGROUND, exit_code=None, pid=12
    )
    last = cells.begin(4, "x" * 100)
    last.snapshot = snapshot(state=State.LOST, exit_code=None, pid=None)
    last.output.add([Piece("stdout", "out\n"), Piece("stderr", "err\n")])

    async def run(source):
        published.clear()
        await run_calls([REGISTRY.read(line) for line in parse_cell(source).magics], context)
        return [
            content["text"] if kind == "stream" else content["data"]["text/plain"]
            for kind, content in published
        ]

    return run


async def test_history_has_a_row_for_each_cell(run):
    [table] = await run("%history")
    rows = [line.split() for line in table.splitlines()]
    assert rows[0][0] == "In"
    assert [row[0] for row in rows[1:]] == ["1", "2", "4"]
    assert rows[1][3:] == ["11", "2", "exited", "web", "make", "all"]
    assert rows[2][2:] == ["12", "background", "web", "%env", "T=…", "…"]
    assert rows[3][3:] == ["unknown", "unknown", "lost", "web", "x" * 60, "…"]
    assert "s3cret" not in table
    assert len((await run("%history -n 2"))[0].splitlines()) == 3


async def test_last_has_the_bar_the_text_and_the_output(run):
    bar, source, *output = await run("%last")
    assert bar.startswith("lost, exit code unknown")
    assert source == f"In [4]: {'x' * 100}"
    assert output == ["out\n", "err\n"]


async def test_last_shows_several_the_oldest_first(run):
    said = await run("%last 2")
    assert said[0].startswith("in the background")
    assert said[1] == "In [2]: %env T=…\n\nserver <b> &\nwait"
    assert said[2].startswith("lost")
    assert len(await run("%last 1000")) == 8


async def test_no_more_is_shown_at_once_than_a_server_lets_through(snapshot):
    context, published = make_context()
    for number in range(20):
        cell = context.past.begin(number, "flood")
        cell.snapshot = snapshot()
        cell.output.add([Piece("stdout", "x" * 1_000_000)])
    await run_calls([REGISTRY.read(line) for line in parse_cell("%last 20").magics], context)
    assert "The last 7 of them" in published[0][1]["data"]["text/plain"]
    sizes = [len(content["text"]) for kind, content in published if kind == "stream"]
    assert 500_000 < sum(sizes) < 1_050_000


@pytest.mark.parametrize("magic", ["%last", "%history"])
async def test_without_a_cell_they_say_so(magic):
    context, published = make_context()
    await run_calls([REGISTRY.read(line) for line in parse_cell(magic).magics], context)
    assert "No cell has run" in published[0][1]["data"]["text/plain"]


@pytest.mark.parametrize("line", ["%last 0", "%last -1", "%last x", "%history -n 0", "%history 3"])
async def test_other_arguments_are_refused(run, line):
    with pytest.raises(CellSyntaxError):
        await run(line)
