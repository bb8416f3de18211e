"""Proves a lab: no check passes in a fresh lab, and each passes after its solution."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping

from dexec_kernel.grading.grade import check, in_order, message_of
from dexec_kernel.grading.proof import Look, Moment, Proof
from dexec_kernel.grading.session import Ended, LabSession, Ran, StartSession
from dexec_kernel.lab.spec import Lab, Task

#: In seconds: how long a solution may take.
SOLUTION_TIME = 300.0

_SHELL = re.compile(r"#!\s*\S*/(?:env\s+)?(?:ba|da|a|k|z)?sh\b")


async def prove(
    lab: Lab,
    solutions: Mapping[str, str],
    start: StartSession,
    *,
    runs: int = 2,
    told: Callable[[str], None] = lambda _text: None,
) -> Proof:
    """Run a lab's checks and solutions, in ``runs`` fresh labs one after the other.

    ``solutions`` are scripts by the names of their tasks; ``told`` hears what is being done.
    """
    proof = Proof(lab.tasks, runs)
    for run in range(1, runs + 1):
        said = f"run {run} of {runs}"

        def tell(text: str, said: str = said) -> None:
            told(f"{said}: {text}")

        tell("making the lab")
        async with start() as session:
            if problem := await session.ready():
                proof.obstacles.append(f"{said}: {problem}")
                break
            one = _OneRun(proof, session, run, tell)
            if obstacle := await one.all(in_order(lab.tasks), solutions):
                proof.obstacles.append(f"{said}: {obstacle}")
                break
    return proof


def solution_cell(text: str) -> str:
    """Return a solution as the cell that a student would run."""
    first = text.partition("\n")[0]
    if not first.startswith("#!") or _SHELL.match(first):
        return text
    words = first.removeprefix("#!").split()
    if words and words[0].endswith("/env"):
        words = words[1:]
    return f"%%exec -- {shlex.join(words)} -\n{text}"


class _OneRun:
    def __init__(
        self, proof: Proof, session: LabSession, run: int, told: Callable[[str], None]
    ) -> None:
        self._proof = proof
        self._session = session
        self._run = run
        self._told = told

    async def all(self, tasks: list[Task], solutions: Mapping[str, str]) -> str:
        """Check, solve, check, and check again; return why that ended early, "" if it did not."""
        for task in tasks:
            if obstacle := await self._look(task, Moment.FRESH):
                return obstacle
        for task in tasks:
            self._told(f"the solution of {task.name}")
            cell = solution_cell(solutions.get(task.name, ""))
            ran = await self._session.run(cell, limit=SOLUTION_TIME)
            if ran.ended is Ended.LOST:
                return f"the kernel ended, or stopped answering, in the solution of {task.name}"
            if obstacle := await self._look(task, Moment.SOLVED, solution=_failure(ran)):
                return obstacle
        for task in tasks:
            if obstacle := await self._look(task, Moment.AFTER_ALL):
                return obstacle
        return ""

    async def _look(self, task: Task, moment: Moment, *, solution: str = "") -> str:
        self._told(f"the check of {task.name} {moment.value}")
        ran = await check(self._session, task)
        if ran.ended is Ended.LOST:
            return f"the kernel ended, or stopped answering, in the check of {task.name}"
        record = next((item for item in ran.records if item.get("task") == task.name), None)
        if record is None:
            look = Look(task.name, moment, self._run, "", _failure(ran), solution=solution)
        else:
            look = Look(
                task.name,
                moment,
                self._run,
                str(record.get("state")),
                message_of(record, ran),
                float(record.get("duration_s") or 0.0),
                solution,
            )
        self._proof.looks.append(look)
        return ""


def _failure(ran: Ran) -> str:
    """Say how a cell failed, "" if it did not."""
    if ran.ended is Ended.OK:
        return ""
    if ran.ended is Ended.TIMED_OUT:
        return f"it ran into the time limit of {SOLUTION_TIME:g} s"
    return ": ".join(part for part in (ran.error, ran.message) if part) or "it failed"
