"""A lab without a kernel: what each cell does is written in a table."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from dexec_kernel.grading.session import Ended, Ran


def ran(
    ended: Ended = Ended.OK, *states: tuple[str, str], seconds: float = 1.0, error: str = ""
) -> Ran:
    """A cell that has run, with the tasks and states of its records."""
    records = tuple(
        {"task": task, "state": state, "message": f"{task}.\n", "duration_s": 0.25}
        for task, state in states
    )
    return Ran(ended, error, "said" if error else "", records, seconds)


@dataclass
class FakeSession:
    """Answers cells with ``answers``; those that are missing there are ok."""

    answers: dict[str, Ran | list[Ran]] = field(default_factory=dict)
    problem: str = ""
    #: In seconds: the time of a pull.
    making: float = 1000
    cells: list[tuple[str, float]] = field(default_factory=list)
    before: Callable[[str], None] = lambda _cell: None
    labs: FakeLabs | None = None

    async def ready(self) -> str:
        await asyncio.sleep(self.making)
        return self.problem

    async def run(self, source: str, *, limit: float) -> Ran:
        self.before(source)
        self.cells.append((source, limit))
        answer = self.answers.get(source, ran())
        answer = answer.pop(0) if isinstance(answer, list) else answer
        if self.labs:
            self.labs.running += 1
            self.labs.most_running = max(self.labs.most_running, self.labs.running)
        await asyncio.sleep(answer.seconds)
        if self.labs:
            self.labs.running -= 1
        return answer

    @property
    def sources(self) -> list[str]:
        return [source for source, _ in self.cells]


class FakeLabs:
    """Starts sessions, one after the other those that are given; counts those that are open."""

    def __init__(self, *sessions: FakeSession) -> None:
        self.sessions = list(sessions)
        self.started: list[FakeSession] = []
        self.open = self.most_open = 0
        self.running = self.most_running = 0

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[FakeSession]:
        session = self.sessions.pop(0) if self.sessions else FakeSession()
        session.labs = self
        self.started.append(session)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            yield session
        finally:
            self.open -= 1
