"""The display of a cell: the bar first, one for a cell that ends at once, and nothing lost."""

from __future__ import annotations

import asyncio

import pytest

from dexec_kernel.cells.outcome import Snapshot, State
from dexec_kernel.cells.output.text import Piece
from dexec_kernel.display import cell as cell_module
from dexec_kernel.display.cell import CellDisplay
from dexec_kernel.display.mode import Mode


class FakeBars:
    """Nobody comes later."""

    asked = 0

    def keep(self, bar_id, models, data, *, has_ended):
        raise AssertionError("no bar is live here")


class Shown:
    """A display, with the messages that it has sent."""

    def __init__(self, mode=Mode.STATIC):
        self.state = State.RUNNING
        self.is_ending = False
        self.sent: list[str] = []
        self.display = CellDisplay(
            mode,
            publish=self._publish,
            snapshot=self._snapshot,
            is_ending=lambda: self.is_ending,
            on_interrupt=lambda: None,
            on_kill=lambda: None,
            later=FakeBars(),
        )

    def _publish(self, kind, content):
        if kind == "stream":
            self.sent.append(content["text"])
        else:
            words = content["data"]["text/plain"].partition(" · ")[0]
            self.sent.append(f"{kind} {words}")

    def _snapshot(self):
        code = 0 if self.state is State.EXITED else None
        return Snapshot(
            *(self.state, "web", "c" * 64, "image", "e", 9, code, "", 0.0, 0.1),
            *("root", "/", 3, ""),
        )

    def finish(self):
        self.state = State.EXITED
        self.display.finish()


def piece(text):
    return Piece("stdout", text)


async def test_a_cell_that_ends_at_once_has_one_bar():
    shown = Shown()
    shown.display.start()
    shown.display.print([piece("hi\n")])
    shown.finish()
    assert shown.sent == ["display_data exit code 0", "hi\n"]


async def test_a_cell_that_ends_in_a_moment_has_one_bar():
    shown = Shown()
    shown.display.start()
    shown.display.print([piece("hi\n")])
    shown.is_ending = True
    await asyncio.sleep(2 * cell_module.HOLD_OUTPUT)
    assert shown.sent == []
    shown.finish()
    assert shown.sent == ["display_data exit code 0", "hi\n"]


async def test_output_is_held_no_longer_for_an_end_that_does_not_come():
    shown = Shown()
    shown.is_ending = True
    shown.display.start()
    shown.display.print([piece("hi\n")])
    await asyncio.sleep(2 * cell_module.HOLD_ENDING)
    assert shown.sent == ["display_data running", "hi\n"]
    shown.display.stop()


async def test_output_comes_in_a_moment_while_the_cell_goes_on():
    shown = Shown()
    shown.display.start()
    shown.display.print([piece("one\n"), piece("two\n")])
    shown.display.print([piece("three\n")])
    assert shown.sent == []
    await asyncio.sleep(5 * cell_module.HOLD_OUTPUT)
    assert shown.sent == ["display_data running", "one\n", "two\n", "three\n"]
    shown.display.print([piece("four\n")])
    assert shown.sent[4:] == ["four\n"]
    shown.finish()
    assert shown.sent[5:] == ["update_display_data exit code 0"]


async def test_what_is_held_is_not_lost_where_a_cell_is_given_up():
    shown = Shown()
    shown.display.start()
    shown.display.print([piece("hi\n")])
    shown.display.stop()
    assert shown.sent == ["hi\n"]
    await asyncio.sleep(5 * cell_module.HOLD_OUTPUT)
    assert shown.sent == ["hi\n"]


async def test_background_processes_have_their_bar_before_what_was_held():
    shown = Shown()
    shown.display.start()
    shown.display.print([piece("hi\n")])
    shown.state = State.BACKGROUND
    shown.display.keep_alive()
    assert shown.sent == ["display_data in the background", "hi\n"]
    shown.display.stop()


@pytest.mark.parametrize("end", ["finish", "stop"])
async def test_without_a_bar_nothing_is_held(end):
    shown = Shown(Mode.OFF)
    shown.display.start()
    shown.display.print([piece("hi\n")])
    assert shown.sent == ["hi\n"]
    getattr(shown.display, end)()
    assert shown.sent == ["hi\n"]
