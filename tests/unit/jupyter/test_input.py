"""Questions on the stdin channel: to whom an answer belongs, and which box is left open."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dexec_kernel.cells.input.stdin import Question
from dexec_kernel.jupyter.input import Asker

CELL = {"header": {"msg_id": "cell", "session": "front end"}}
QUESTION = Question("Name: ", secret=True)


class Channel:
    """The stdin channel, whose questions have numbers."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send(self, content: dict[str, Any], _asker: Asker) -> str:
        self.sent.append(content)
        return f"question {len(self.sent)}"


@pytest.fixture
def channel() -> Channel:
    return Channel()


@pytest.fixture
def asker(channel) -> Asker:
    return Asker(channel, CELL, [b"front end"])


async def asking(asker: Asker) -> asyncio.Task[str]:
    task = asyncio.create_task(asker(QUESTION))
    await asyncio.sleep(0)
    return task


@pytest.mark.parametrize("named", ["question 1", "cell", None])
async def test_an_answer_names_the_question_or_the_cell_or_nothing(asker, channel, named):
    task = await asking(asker)
    asker.take("another question", "stale")
    asker.take(named, "right")
    asker.take(named, "twice")
    assert await task == "right"
    assert channel.sent == [{"prompt": "Name: ", "password": True}]
    assert (asker.session, asker.is_box_left) == ("front end", False)


async def test_a_withdrawn_question_leaves_a_box_until_it_is_answered(asker):
    changes = []
    asker.changed = lambda: changes.append(asker.is_box_left)
    task = await asking(asker)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    asker.take("another question", "stale")
    assert changes == [True]
    asker.take("question 1", "late")
    asker.take("question 1", "again")
    assert changes == [True, False]


async def test_a_front_end_that_interrupts_leaves_no_box(asker):
    task = await asking(asker)
    asker.box_is_gone()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not asker.is_box_left
    # A cell that goes on may ask again.
    task = await asking(asker)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert asker.is_box_left
