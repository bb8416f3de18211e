"""The stdin of a cell: when the user is asked, with a container that answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from dexec_kernel.cells.input import stdin as module
from dexec_kernel.cells.input.stdin import Question, Stdin
from dexec_kernel.cells.source.options import CellOptions
from dexec_kernel.errors import EngineUnavailable
from tests.unit.support.fake_backend import FakeAttached, Script

LEADER = 17


class Cell:
    """A cell whose container says ``looks``, one after the other, the last for ever."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        *looks: str | Exception,
        source: str = "",
        options: CellOptions | None = None,
    ) -> None:
        self.looks = list(looks)
        self.questions: list[Question] = []
        self.answers: asyncio.Queue[str] = asyncio.Queue()
        self.changes: list[bool] = []
        self.withdrawn = 0
        self.connection = FakeAttached(Script(()))
        self.stdin = Stdin(
            self._ask_user,
            source,
            self._look,
            options=options or CellOptions(),
            changed=lambda: self.changes.append(self.stdin.question is not None),
        )
        monkeypatch.setattr(module, "FIRST_LOOK", 0.01)
        monkeypatch.setattr(module, "MAX_PAUSE", 0.01)
        monkeypatch.setattr(module, "FORCED_AFTER", 0.05)

    async def _look(self, *_arguments: object, **_named: object) -> str:
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(look, Exception):
            raise look
        return look

    async def _ask_user(self, question: Question) -> str:
        self.questions.append(question)
        try:
            return await self.answers.get()
        except asyncio.CancelledError:
            self.withdrawn += 1
            raise

    def serve(self) -> asyncio.Task[None]:
        return asyncio.create_task(self.stdin.serve(self.connection, lambda: LEADER))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 -- there are many conditions
            await asyncio.sleep(0.005)


async def test_asks_when_a_process_waits_and_writes_the_answer(monkeypatch):
    cell = Cell(monkeypatch, "", "", "99")
    cell.stdin.printed(b"one\nName: ")
    serving = cell.serve()
    await until(lambda: cell.questions)
    assert cell.questions == [Question("Name: ", secret=False)]
    assert cell.stdin.question is not None
    cell.answers.put_nowait("Ada")
    await until(lambda: cell.connection.sent)
    assert cell.connection.sent == b"Ada\n"
    await until(lambda: len(cell.questions) == 2)
    assert cell.questions[1].prompt == ""
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    assert cell.changes == [True, False, True, False]


@pytest.mark.parametrize("look", ["", EngineUnavailable("gone")])
async def test_never_asks_where_nobody_is_seen_to_wait(monkeypatch, look):
    cell = Cell(monkeypatch, look)
    serving = cell.serve()
    await asyncio.sleep(0.3)
    serving.cancel()
    assert cell.questions == []


async def test_asks_unseen_where_it_is_forced(monkeypatch):
    cell = Cell(monkeypatch, "", options=CellOptions(interactive=True))
    serving = cell.serve()
    await until(lambda: cell.questions)
    serving.cancel()


async def test_an_answer_on_its_way_is_not_asked_for_again(monkeypatch):
    cell = Cell(monkeypatch, "17", "17", "")
    serving = cell.serve()
    cell.answers.put_nowait("Ada")
    await until(lambda: cell.connection.sent)
    await asyncio.sleep(0.3)
    assert len(cell.questions) == 1
    serving.cancel()


@pytest.mark.parametrize("how", ["button", "answer"])
async def test_end_of_file(monkeypatch, how):
    cell = Cell(monkeypatch, "99")
    serving = cell.serve()
    await until(lambda: cell.questions)
    if how == "button":
        cell.stdin.end()
    else:
        cell.answers.put_nowait("\x04")
    await asyncio.wait_for(serving, 5)
    assert cell.withdrawn == (how == "button")
    assert cell.connection.sent == b""


async def test_end_of_file_in_a_terminal_is_for_one_read(monkeypatch):
    cell = Cell(monkeypatch, "99", options=CellOptions(tty=True))
    serving = cell.serve()
    await until(lambda: cell.questions)
    cell.stdin.end()
    await until(lambda: len(cell.questions) == 2)
    assert cell.connection.ended
    serving.cancel()


async def test_a_cell_that_is_ended_asks_no_more(monkeypatch):
    cell = Cell(monkeypatch, "99")
    serving = cell.serve()
    await until(lambda: cell.questions)
    cell.stdin.close()
    await until(lambda: cell.withdrawn)
    await asyncio.sleep(0.1)
    assert len(cell.questions) == 1
    # The end of the exec's stream ends it: half a close would be an end of file.
    assert not serving.done()
    serving.cancel()


@pytest.mark.parametrize(
    ("look", "printed", "source", "question"),
    [
        ("99 noecho", b"Say: ", "", Question("Say: ", secret=True)),
        ("99", b"Password: ", "", Question("Password: ", secret=True)),
        ("17", b"", "read -sp 'Word: ' a", Question("Word: ", secret=True)),
        ("99", b"", "read -sp 'Word: ' a", Question("", secret=False)),
    ],
)
async def test_secrets(monkeypatch, look, printed, source, question):
    cell = Cell(monkeypatch, look, source=source)
    cell.stdin.printed(printed)
    serving = cell.serve()
    await until(lambda: cell.questions)
    assert cell.questions == [question]
    serving.cancel()


async def test_a_line_from_elsewhere_answers_an_open_question(monkeypatch):
    cell = Cell(monkeypatch, "99")
    serving = cell.serve()
    await until(lambda: cell.questions)
    assert cell.stdin.takes_lines
    cell.stdin.send("Ada")
    await until(lambda: cell.connection.sent)
    assert cell.connection.sent == b"Ada\n"
    assert cell.withdrawn == 1
    cell.stdin.end()
    await asyncio.wait_for(serving, 5)
    assert not cell.stdin.takes_lines


async def test_lines_before_any_question_and_then_the_end(monkeypatch):
    cell = Cell(monkeypatch, "", options=CellOptions(interactive=True))
    assert cell.stdin.takes_lines
    for line in ("one", "", "three"):
        cell.stdin.send(line)
    cell.stdin.end()
    await asyncio.wait_for(cell.serve(), 5)
    assert cell.connection.sent == b"one\n\nthree\n"
    assert cell.questions == []
    assert cell.changes[-1:] == [False]


async def test_no_lines_are_taken_where_nothing_was_asked(monkeypatch):
    cell = Cell(monkeypatch, "")
    serving = cell.serve()
    assert not cell.stdin.takes_lines
    cell.stdin.close()
    serving.cancel()
