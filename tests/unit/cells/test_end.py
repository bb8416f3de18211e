"""An ended stream may have been cut: the conclusions about the exec."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace

import pytest

from dexec_kernel.backend.models import ExecInspect, Frame
from dexec_kernel.cells.end import BROKEN_NOTE, LATE_NOTE, SILENT_NOTE, has_exited
from dexec_kernel.cells.limits import CellLimits
from dexec_kernel.cells.outcome import Exited
from dexec_kernel.cells.output.limits import MIB, OutputLimits
from dexec_kernel.cells.source.options import CellOptions
from dexec_kernel.errors import EngineUnavailable, ExecLost
from tests.unit.support.fake_backend import (
    RUNNING,
    Cell,
    FakeBackend,
    Script,
    err,
    exited,
    greeting,
    out,
)

COMMAND = CellOptions(command=("prog",))
DOUBTFUL = replace(exited(0), is_doubtful=True)
ELSEWHERE = CellOptions(user="student")


async def cell_of(script: Script, options: CellOptions | None = None, *more: Script) -> Cell:
    cell = Cell(FakeBackend(script, *more), options=options)
    cell.ended = await cell.outcome()
    return cell


async def test_shell_that_tells_nothing_at_its_end_may_have_lost_output():
    cell = await cell_of(Script([greeting, out("x")]))
    assert cell.ended == Exited(0, "")
    assert SILENT_NOTE in cell.run.snapshot().note
    assert "session is as before" in cell.run.snapshot().note


@pytest.mark.parametrize("options", [ELSEWHERE, CellOptions(env={"A": "b"})])
async def test_last_word_without_a_state_is_the_end(options):
    script = Script([greeting, out("x"), lambda mark: err(f"{mark}end 0{mark}")])
    cell = await cell_of(script, options)
    assert cell.ended == Exited(0, "")
    assert cell.run.snapshot().note == ""
    assert (cell.stdout, cell.stderr) == ("x", "")


async def test_last_word_before_the_cell_is_none():
    script = Script([lambda mark: err(f"{mark}start 1 /{mark}{mark}end 0{mark}{mark}cell /{mark}")])
    cell = await cell_of(script, ELSEWHERE)
    assert SILENT_NOTE in cell.run.snapshot().note


async def test_cell_of_another_user_that_runs_on_is_lost():
    cell = await cell_of(Script([greeting, out("x")], exited(0), runs_on=RUNNING), ELSEWHERE)
    assert isinstance(cell.ended.error, ExecLost)


async def test_command_that_ends_after_its_stream_may_have_lost_output():
    cell = await cell_of(Script([greeting, out("x")], exited(3), runs_on=RUNNING), COMMAND)
    assert cell.ended == Exited(3, "")
    assert cell.run.snapshot().note == LATE_NOTE


async def test_command_that_has_ended_with_its_stream_is_believed():
    cell = await cell_of(Script([greeting, out("x")], exited(3)), COMMAND)
    assert (cell.ended, cell.run.snapshot().note) == (Exited(3, ""), "")


def ended(mark: str) -> Frame:
    return err(f"{mark}end 3{mark}")


async def test_a_doubtful_end_is_the_one_that_the_shell_has_told():
    cell = await cell_of(Script([greeting, ended], DOUBTFUL), ELSEWHERE)
    assert (cell.ended, cell.run.snapshot().note) == (Exited(3, ""), "")


async def test_a_doubtful_end_without_a_last_word_is_made_sure_of():
    lost = Script([greeting, out("x")], ExecLost("it still runs"), runs_on=DOUBTFUL)
    cell = await cell_of(lost, COMMAND)
    assert isinstance(cell.ended.error, ExecLost)
    assert cell.run.snapshot().exit_code is None
    proved = Script([greeting, out("x")], exited(0), runs_on=DOUBTFUL)
    assert (await cell_of(proved, COMMAND)).ended == Exited(0, "")


async def test_command_with_126_is_looked_for():
    script = Script([greeting], exited(126))
    cell = await cell_of(script, COMMAND, Script([out("17:5\n.\n")]))
    assert isinstance(cell.ended.error, ExecLost)
    gone = await cell_of(Script([greeting], exited(126)), COMMAND, Script([out(".\n")]))
    assert gone.ended == Exited(126, "not executable")
    assert gone.run.snapshot().note == BROKEN_NOTE
    refused = Script(create=EngineUnavailable("no"))
    unknown = await cell_of(Script([greeting], exited(126)), COMMAND, refused)
    assert unknown.ended == Exited(126, "not executable")


@pytest.mark.parametrize(
    ("word", "options", "is_believed"),
    [
        ("end 126", ELSEWHERE, True),
        ("end 3", ELSEWHERE, False),
        ("end", ELSEWHERE, False),
        ("end 126", COMMAND, True),
        ("state {0};shell 126:x{0};end ", None, True),
        ("state {0};shell 3:x{0};end ", None, False),
        ("state {0};folder /{0};end ", None, False),
        ("state damaged", None, False),
    ],
)
async def test_126_is_the_shells_own_where_that_says_so(word, options, is_believed):
    last = lambda mark: err(f"{mark}{word.format(mark[:-1])}{mark}")  # noqa: E731 -- short
    cell = await cell_of(Script([greeting, last], exited(126)), options)
    assert isinstance(cell.ended, Exited) is is_believed


async def test_126_of_a_shell_that_was_not_heard_is_a_broken_stream():
    cell = await cell_of(Script([out("x")], exited(126)))
    assert isinstance(cell.ended.error, ExecLost)


async def test_background_has_a_last_word_of_its_own():
    def steps(*last: str) -> list[object]:
        return [
            greeting,
            lambda mark: err(f"{mark}folder /{mark}"),
            lambda mark: err(f"{mark}background 0 1{mark}"),
            *(lambda mark, word=word: err(f"{mark}{word}{mark}") for word in last),
        ]

    for last, note in (((), SILENT_NOTE), (("background 0 0",), "")):
        cell = await cell_of(Script(steps(*last)))
        await cell.run.wait_for_background()
        assert note in cell.run.snapshot().note
        assert ("missing" in cell.run.snapshot().note) == bool(note)


async def test_126_of_a_cell_with_exec_is_the_cells():
    script = Script([greeting, out("x")], exited(126))
    cell = Cell(FakeBackend(script, Script([out(".\n")])), source="exec ./not-executable")
    assert await cell.outcome() == Exited(126, "not executable")
    assert BROKEN_NOTE in cell.run.snapshot().note


@pytest.mark.parametrize(("look", "has_pauses"), [(RUNNING, True), (exited(0), False)])
async def test_what_a_command_that_has_ended_left_is_read_without_pauses(look, has_pauses):
    """The front end is behind, and the engine drops in two seconds what is not read."""
    loop, moments = asyncio.get_running_loop(), []

    def more(_mark: str) -> Frame:
        moments.append(loop.time())
        return out("x" * 99_999 + "\n")

    script = Script([greeting, out("y\n" * 1_500_000), *[more] * 5], look=look)
    limits = CellLimits(OutputLimits(20 * MIB))
    cell = Cell(FakeBackend(script), limits=limits)
    assert await cell.run.run() == Exited(0, "")
    assert len(cell.stdout) == 3_500_000
    pauses = [after - before for before, after in itertools.pairwise(moments)]
    assert (min(pauses[:2]) > 0.5) is has_pauses
    assert (max(pauses) > 0.5) is has_pauses


class Inspected:
    """An exec whose inspect has an answer, an error, or none."""

    def __init__(self, answer: ExecInspect | Exception | None) -> None:
        self._answer = answer

    async def inspect(self) -> ExecInspect:
        if self._answer is None:
            await asyncio.sleep(10_000)
        if isinstance(self._answer, ExecInspect):
            return self._answer
        raise self._answer


@pytest.mark.parametrize(
    ("answer", "has_ended"),
    [
        (exited(0), True),
        (RUNNING, False),
        (EngineUnavailable("gone"), False),
        (None, True),  # Docker does not answer while it waits for the last output to be read.
    ],
)
async def test_whether_an_exec_has_ended_is_said_soon(answer, has_ended):
    before = asyncio.get_running_loop().time()
    assert await has_exited(Inspected(answer)) is has_ended
    assert asyncio.get_running_loop().time() - before < 1
