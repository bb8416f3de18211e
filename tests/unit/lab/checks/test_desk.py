"""Checks and hints of a kernel, without an engine."""

from __future__ import annotations

import pytest

from dexec_kernel.errors import UsageError
from dexec_kernel.lab.checks.desk import CheckDesk
from dexec_kernel.lab.checks.facts import Facts
from dexec_kernel.lab.progress import Progress
from dexec_kernel.lab.result import NotYet, Passed
from dexec_kernel.lab.spec import Task


class Texts:
    def hints(self, task: str) -> tuple[str, ...]:
        return ("one", "two") if task == "a" else ()


class Runner:
    texts = Texts()

    def __init__(self) -> None:
        self.results: list[object] = []
        self.prepared = 0

    async def run(self, task, student, facts):
        assert (student, facts) == ("id", Facts())
        return self.results.pop(0)

    def prepare(self) -> None:
        self.prepared += 1


@pytest.fixture
def runner() -> Runner:
    return Runner()


@pytest.fixture
def desk(runner) -> CheckDesk:
    tasks = [Task("a", hints_after=2), Task("b", after=("a",))]
    return CheckDesk(runner, Progress(tasks), student=lambda: "id")


async def test_hints_come_one_by_one_after_enough_failures(desk, runner):
    runner.results = [NotYet()] * 3
    with pytest.raises(UsageError, match="come after 2 checks that have not passed: 0 so far"):
        desk.hint("a")
    assert not (await desk.check("a", Facts())).has_hint
    assert (await desk.check("a", Facts())).has_hint
    assert [
        (hint.number, hint.text) for hint in (desk.hint("a"), desk.hint(""), desk.hint("a"))
    ] == [
        (1, "one"),
        (2, "two"),
        (2, "two"),
    ]
    assert not (await desk.check("a", Facts())).has_hint
    assert runner.prepared == 3
    with pytest.raises(UsageError, match="b has no hints"):
        desk.hint("b")


async def test_the_next_open_task_until_all_have_passed(desk, runner):
    runner.results = [Passed(), Passed()]
    for name in ("a", "b"):
        assert desk.choose("").task.name == name
        assert (await desk.check(name, Facts())).result == Passed()
    with pytest.raises(UsageError, match="Every task of the lab has passed"):
        desk.choose("")
    assert desk.choose("a").task.name == "a"
