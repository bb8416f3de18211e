"""A cell's questions: in the bar's field where that is seen, else in the front end's box."""

from __future__ import annotations

import asyncio

import pytest

from dexec_kernel.cells.input.stdin import Question
from dexec_kernel.jupyter.questions import DOUBTFUL_PATIENCE, PATIENCE, CellQuestions

QUESTION = Question("Name: ", secret=False)


class Box:
    """The front end's box: what was asked there, and its answers."""

    is_box_left = False

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.answers: asyncio.Queue[str] = asyncio.Queue()

    async def __call__(self, question: Question) -> str:
        self.asked.append(question)
        return await self.answers.get()


class Bar:
    """A bar that is seen, or not (""), each time, and how long it was waited for."""

    def __init__(self, *seen: str) -> None:
        self._seen = list(seen)
        self.waits: list[float] = []

    async def is_seen(self, patience: float) -> bool:
        self.waits.append(patience)
        return bool(self._seen.pop(0))


@pytest.mark.parametrize("shows_widgets", [True, False])
async def test_the_box_asks_where_no_bar_is_seen(shows_widgets):
    box, bar, changes = Box(), Bar("", ""), []
    questions = CellQuestions(
        box,
        bar.is_seen,
        shows_widgets=shows_widgets,
        changed=lambda: changes.append(questions.in_box),
    )
    box.answers.put_nowait("Ada")
    assert await questions.ask(QUESTION) == "Ada"
    assert changes == [True, False]
    # What was not seen in good time is not waited for again.
    box.answers.put_nowait("Eve")
    assert await questions.ask(QUESTION) == "Eve"
    assert bar.waits == [PATIENCE if shows_widgets else DOUBTFUL_PATIENCE, 0.0]


async def test_the_field_asks_where_the_bar_is_seen():
    box, bar = Box(), Bar("", "seen")
    questions = CellQuestions(box, bar.is_seen, shows_widgets=True, changed=lambda: None)
    box.answers.put_nowait("Ada")
    assert await questions.ask(QUESTION) == "Ada"
    box.answers.put_nowait("nobody asks for this")
    asking = asyncio.create_task(questions.ask(QUESTION))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asking, 100)
    assert (box.asked, questions.in_box) == ([QUESTION], False)


async def test_a_question_that_is_withdrawn():
    box = Box()
    questions = CellQuestions(box, Bar("").is_seen, shows_widgets=False, changed=lambda: None)
    asking = asyncio.create_task(questions.ask(QUESTION))
    await asyncio.sleep(DOUBTFUL_PATIENCE)
    assert questions.in_box
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert not questions.in_box


async def test_the_box_asks_where_the_field_would_get_no_enter():
    box, changes = Box(), []
    questions = CellQuestions(
        box,
        Bar("seen").is_seen,
        shows_widgets=True,
        has_field=False,
        changed=lambda: changes.append(questions.in_box),
    )
    assert questions.in_box, "the bar has no field beside"
    box.answers.put_nowait("Ada")
    assert await questions.ask(QUESTION) == "Ada"
    assert changes == [True, True]
