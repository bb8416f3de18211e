"""The outcome of ``lab test``: every fault is named, once."""

from __future__ import annotations

from dexec_kernel.grading.proof import Look, Moment, Proof
from dexec_kernel.lab.spec import Task

TASKS = (Task("copy"), Task("count"))
RIGHT = {Moment.FRESH: "not yet", Moment.SOLVED: "passed", Moment.AFTER_ALL: "passed"}


def proof(*odd: Look, runs: int = 2) -> Proof:
    """A proof that holds, but for the looks that are given."""
    instead = {(look.task, look.moment, look.run): look for look in odd}
    found = Proof(TASKS, runs)
    for run in range(1, runs + 1):
        for moment, state in RIGHT.items():
            for task in TASKS:
                usual = Look(task.name, moment, run, state, seconds=0.2 * run)
                found.looks.append(instead.get((task.name, moment, run), usual))
    return found


def both(moment: Moment, state: str, **more: str) -> list[Look]:
    return [Look("copy", moment, run, state, **more) for run in (1, 2)]


def test_a_lab_that_holds():
    right = proof()
    assert right.holds
    assert right.faults() == []
    assert right.table() == [
        ["TASK", "FRESH", "SOLVED", "AFTER ALL", "SLOWEST", ""],
        ["copy", "not yet", "passed", "passed", "0.40 s", "ok"],
        ["count", "not yet", "passed", "passed", "0.40 s", "ok"],
    ]


def test_a_check_that_passes_before_anything_was_done():
    found = proof(*both(Moment.FRESH, "passed"))
    assert not found.holds
    assert found.faults() == [
        "copy: its check passes in a fresh lab, where nothing has been done",
    ]
    assert found.table()[1] == ["copy", "passed", "passed", "passed", "0.40 s", "FAULT"]


def test_a_solution_that_does_not_solve():
    found = proof(*both(Moment.SOLVED, "not yet", message="No.", solution="exit code 2"))
    assert found.faults() == [
        "copy: its check does not pass after its solution (the solution: exit code 2): No.",
    ]
    found = proof(*both(Moment.SOLVED, "not yet"))
    assert found.faults() == ["copy: its check does not pass after its solution"]


def test_a_solution_that_undoes_another():
    found = proof(*both(Moment.AFTER_ALL, "not yet"))
    assert found.faults() == ["copy: its check does not pass after all solutions"]


def test_a_broken_check_in_one_run():
    found = proof(Look("count", Moment.FRESH, 2, "broken", "exit code 127"))
    assert found.faults() == [
        "count: in a fresh lab its check is broken: exit code 127 (in run 2 of 2 alone)",
    ]
    assert found.table()[2][1] == "not yet, then broken"


def test_a_check_without_a_record():
    found = proof(Look("count", Moment.SOLVED, 1, ""), runs=1)
    assert found.faults() == ["count: after its solution its check is no answer"]


def test_a_run_that_ended_early_is_no_proof():
    found = Proof(TASKS, 2, obstacles=["run 1: no such image"])
    assert not found.holds
    assert found.faults() == ["run 1: no such image"]
    assert found.table()[1] == ["copy", "-", "-", "-", "-", "FAULT"]
    half = proof()
    half.looks.pop()
    assert not half.holds
    whole = proof()
    whole.obstacles.append("run 2: the kernel died")
    assert not whole.holds
