"""A cell's output on its way to the front end, with the time of the tests."""

from __future__ import annotations

import asyncio
import itertools
import re

import pytest

from dexec_kernel.cells.output import output as output_module
from dexec_kernel.cells.output.limit import SWITCH, json_size
from dexec_kernel.cells.output.limits import OutputLimits
from dexec_kernel.cells.output.log_folder import LogFolder
from dexec_kernel.cells.output.output import TABLE, Output, OutputEvent, OutputState
from dexec_kernel.cells.states import WrongTransition

MIB = 1024 * 1024
LINE = b"a line of sixty-four bytes, as it travels: %06d xxxxxxxxxxxx\n"


@pytest.fixture
def folder(tmp_path):
    folder = LogFolder(tmp_path / "logs")
    yield folder
    folder.close()


class Front:
    """Gathers the emitted pieces."""

    def __init__(self, limits):
        self.pieces = []
        self.output = Output(self.pieces.extend, limits)

    async def pump(self, count, *, block=100):
        for begin in range(0, count, block):
            data = b"".join(LINE % n for n in range(begin, min(begin + block, count)))
            self.output.feed("stdout", data)
            self.output.flush()
            await self.output.ready()

    def text(self, stream="stdout"):
        return "".join(piece.text for piece in self.pieces if piece.stream == stream)


async def test_short_output_passes_through(folder):
    front = Front(OutputLimits(folder=folder))
    front.output.feed("stdout", b"hi\n")
    front.output.flush()
    assert front.text() == "hi\n"
    await front.output.finish()
    front.output.close()
    assert front.text() == "hi\n"
    assert (front.output.note, front.output.log) == ("", None)
    assert not front.output.came_near_server_limits


async def test_note_while_it_runs_and_at_the_end(folder):
    front = Front(OutputLimits(100_000, folder=folder))
    await front.pump(1_000)
    assert front.output.note == "the output goes on when the cell ends"
    await front.pump(100_000)
    assert re.fullmatch(r"[56]\.\d MiB left out", front.output.note)
    assert front.output.log is not None
    await front.output.finish()
    front.output.close()
    assert "left out" in front.output.note
    assert f"the whole output is in {front.output.log}]\n" in front.text("stderr")


async def test_a_cell_that_is_cut_off_says_all_it_can(folder):
    """Closed without having been finished, as when the kernel goes away."""
    front = Front(OutputLimits(100_000, folder=folder))
    await front.pump(10_000)
    front.output.close()
    front.output.close()
    assert front.text().startswith((LINE % 0).decode())
    assert front.text().endswith((LINE % 9_999).decode())
    assert front.text("stderr").count("left out") == 1


async def test_finishing_may_be_cancelled(folder):
    front = Front(OutputLimits(100_000, folder=folder))
    await front.pump(10_000)
    task = asyncio.create_task(front.output.finish())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    front.output.close()
    assert front.text().endswith((LINE % 9_999).decode())
    assert front.text("stderr").count("left out") == 1


async def test_a_character_that_is_cut_off_does_not_swallow_the_line_about_it():
    front = Front(OutputLimits(100))
    front.output.feed("stdout", b"x" * 40 + b"\xe2")
    front.output.feed("stdout", b"y" * 300)
    await front.output.finish()
    front.output.close()
    before, _, after = front.text().partition("\ufffd")
    assert set(before) == {"x"}
    assert set(after) == {"y"}
    assert front.text("stderr").startswith("\n[")
    assert front.text("stderr").endswith("there is no log]\n")


async def test_more_than_the_server_lets_pass_waits_and_a_hurry_ends_that(folder):
    front = Front(OutputLimits(100 * MIB, folder=folder))
    pumping = asyncio.create_task(front.pump(400_000, block=1000))
    await asyncio.sleep(1)
    sent = len(front.text())
    assert 2_000_000 < sent < 2_500_000
    assert not pumping.done()
    begin = now()
    front.output.hurry()
    await pumping
    await front.output.finish()
    front.output.close()
    assert now() - begin < 3
    assert sum(len(piece.text) + 1024 for piece in front.pieces) < 3_000_000
    assert front.text().endswith((LINE % 399_999).decode())
    assert "left out" in front.text("stderr")
    assert front.output.came_near_server_limits


async def test_after_an_interrupt_output_is_still_live():
    front = Front(OutputLimits())
    front.output.hurry()
    front.output.feed("stdout", b"Traceback\n")
    front.output.flush()
    assert front.text() == "Traceback\n"
    front.output.close()


async def test_without_a_limit_nothing_waits(folder):
    front = Front(OutputLimits(0, folder=folder))
    begin = now()
    await front.pump(200_000, block=1000)
    await front.output.finish()
    front.output.close()
    assert front.text().encode() == b"".join(LINE % n for n in range(200_000))
    assert now() == begin
    assert front.output.log is None
    assert front.output.came_near_server_limits


async def test_in_the_background_the_end_of_the_foreground_comes_at_once(folder):
    front = Front(OutputLimits(100_000, folder=folder))
    await front.pump(10_000)
    assert (LINE % 9_999).decode() not in front.text()
    front.output.begin_background()
    front.output.begin_background()
    await until(lambda: front.text().endswith((LINE % 9_999).decode()))
    assert front.text("stderr").count("left out") == 1
    assert "MiB left out" in front.output.note
    front.output.close()
    assert front.text("stderr").count("left out") == 1


@pytest.mark.parametrize("limit", [100_000, 2 * MIB])
async def test_what_the_background_prints_after_a_flood_is_seen_soon(folder, limit, monkeypatch):
    monkeypatch.setattr("dexec_kernel.cells.output.output._ROUND_TIME", 0.05)
    front = Front(OutputLimits(limit, folder=folder))
    front.output.feed("stdout", b"begun\n")
    front.output.begin_background()
    await front.pump(60_000)
    front.output.feed("stdout", b"after the flood\n")
    front.output.flush()
    await until(lambda: "after the flood\n" in front.text())
    front.output.feed("stdout", b"later\n")
    front.output.flush()
    await until(lambda: "later\n" in front.text())
    await front.output.finish()
    front.output.close()
    assert front.text().startswith("begun\n" + (LINE % 0).decode())
    assert 0 < travelled(front) <= limit
    assert f"the whole output is in {front.output.log}]\n" in front.text("stderr")


@pytest.mark.no_cover  # Its many examples would take twice as long.
@pytest.mark.parametrize("block", [1, 500])
async def test_a_background_that_floods_for_ever_stays_within_the_limit(folder, block, monkeypatch):
    monkeypatch.setattr("dexec_kernel.cells.output.output._ROUND_TIME", 0.001)
    front = Front(OutputLimits(200_000, folder=folder))
    front.output.begin_background()
    size = 0
    for number in range(0, 40_000, block):
        lines = b"".join(LINE % n for n in range(number, number + block))
        stream = "stderr" if number // block % 2 else "stdout"
        size += len(lines)
        front.output.feed(stream, lines)
        front.output.flush()
        await front.output.ready()
        if number % 500 == 0:
            await asyncio.sleep(0.001)
    assert front.output.note.endswith("left out")
    await front.output.finish()
    front.output.close()
    left_out = sum(
        int(found.replace(",", ""))
        for found in re.findall(r"\[([\d,]+) bytes, [\d,]+ lines left out", front.text("stderr"))
    )
    notices = re.findall(r"\n?\[[\d,]+ bytes, .*?\]\n", front.text("stderr"))
    shown = len(front.text()) + len(front.text("stderr")) - sum(map(len, notices))
    assert abs(shown + left_out - size) <= len(notices)  # a line may have to be begun for one
    assert len(notices) >= 2
    assert travelled(front) <= 200_000
    assert front.text(stream).endswith((LINE % 39_999).decode())


def travelled(front):
    """Return the size of the emitted output in bytes, as the limit counts them."""
    changes = sum(a.stream != b.stream for a, b in itertools.pairwise(front.pieces))
    return sum(json_size(piece.text.encode()) for piece in front.pieces) + SWITCH * changes


def now():
    return asyncio.get_running_loop().time()


async def until(holds):
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 -- no event tells
            await asyncio.sleep(0.01)


# --- the states -----------------------------------------------------------------------------------

S, E = OutputState, OutputEvent
#: How an output gets into each state.
WAYS = {
    S.LIVE: (),
    S.BOUNDED: (E.FULL,),
    S.BACKGROUND: (E.LEFT,),
    S.HURRIED: (E.HURRY,),
    S.DRAINING: (E.FINISH,),
    S.CLOSED: (E.CLOSE,),
}


def documented():
    """Read the table of the docstring."""
    row = re.compile(r"^``([A-Z]+)`` +((?:[A-Z-]+ +){4}[A-Z-]+)$", re.MULTILINE)
    rows = row.findall(output_module.__doc__)
    assert len(rows) == len(OutputState)
    return {
        (S[state], event): S[new]
        for state, cells in rows
        for event, new in zip(OutputEvent, cells.split(), strict=True)
        if new != "-"
    }


def test_the_docstring_has_the_table():
    table = {(state, event): new for state, row in TABLE.items() for event, new in row.items()}
    assert documented() == table


def act(output, event):
    """Make an event happen as its owner does, but for those that need the loop."""
    match event:
        case E.LEFT:
            output.begin_background()
        case E.HURRY:
            output.hurry()
        case E.CLOSE:
            output.close()
        case E.FULL:
            output._machine.go(event)
        case E.FINISH:
            output._conclude(event)


@pytest.mark.parametrize(("state", "event"), list(itertools.product(OutputState, OutputEvent)))
async def test_every_cell_of_the_table(state, event):
    output = Front(OutputLimits()).output
    for step in WAYS[state]:
        act(output, step)
    assert output.state is state
    new = TABLE[state].get(event)
    if new is None:
        with pytest.raises(WrongTransition):
            act(output, event)
        assert output.state is state
    else:
        act(output, event)
        assert output.state is new
    output.close()


async def test_states_of_a_cell_that_floods_and_is_interrupted(folder):
    front = Front(OutputLimits(100_000, folder=folder))
    assert front.output.state is S.LIVE
    await front.pump(3_000)
    assert front.output.state is S.BOUNDED
    front.output.begin_background()
    assert front.output.state is S.BACKGROUND
    front.output.hurry()
    assert front.output.state is S.HURRIED
    await front.output.finish()
    assert front.output.state is S.CLOSED
    front.output.close()
