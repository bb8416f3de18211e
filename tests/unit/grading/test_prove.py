"""Proving a lab: its checks before, after their solutions, and after all of them."""

from __future__ import annotations

import pytest

from dexec_kernel.grading.prove import prove, solution_cell
from dexec_kernel.grading.session import Ended, Ran
from dexec_kernel.lab.spec import Lab, Task
from tests.unit.support.fake_labs import FakeLabs, FakeSession, ran

LAB = Lab(tasks=(Task("count", after=("copy",)), Task("copy")))
SOLUTIONS = {"copy": "#!/bin/sh\ncp a b\n", "count": "wc\n"}
ORDER = [
    *("%check copy", "%check count"),
    *(SOLUTIONS["copy"], "%check copy", SOLUTIONS["count"], "%check count"),
    *("%check copy", "%check count"),
]


def answers(task: str, *states: str) -> list[Ran]:
    words = states or ("not yet", "passed", "passed")
    return [ran(Ended.OK, (task, state)) for state in words]


def session(**more: Ran) -> FakeSession:
    return FakeSession({"%check copy": answers("copy"), "%check count": answers("count"), **more})


async def test_a_lab_that_holds():
    labs = FakeLabs(session(), session())
    told: list[str] = []
    proof = await prove(LAB, SOLUTIONS, labs, told=told.append)
    assert proof.holds
    assert [one.sources for one in labs.started] == [ORDER, ORDER]
    assert labs.open == 0
    assert told[0] == "run 1 of 2: making the lab"
    assert "run 2 of 2: the solution of count" in told
    assert told[-1] == "run 2 of 2: the check of count after all solutions"
    [first, *_] = proof.looks
    assert (first.message, first.seconds) == ("copy.", 0.25)


async def test_a_solution_that_fails():
    failing = ran(Ended.ERROR, error="CommandFailed")
    late = ran(Ended.TIMED_OUT)
    one = session(**{SOLUTIONS["copy"]: failing, SOLUTIONS["count"]: late})
    one.answers["%check copy"] = answers("copy", "not yet", "not yet", "passed")
    one.answers["%check count"] = answers("count", "not yet", "not yet", "passed")
    proof = await prove(LAB, SOLUTIONS, FakeLabs(one), runs=1)
    said = "its check does not pass after its solution (the solution: "
    assert proof.faults() == [
        f"copy: {said}CommandFailed: said): copy.",
        f"count: {said}it ran into the time limit of 300 s): count.",
    ]


async def test_a_check_that_answers_nothing():
    one = session(**{"%check count": ran(Ended.ERROR)})
    proof = await prove(LAB, SOLUTIONS, FakeLabs(one), runs=1)
    assert proof.faults()[0] == "count: in a fresh lab its check is no answer: it failed"


async def test_a_lab_that_cannot_be_made():
    proof = await prove(LAB, SOLUTIONS, FakeLabs(FakeSession(problem="no such image")))
    assert proof.faults() == ["run 1 of 2: no such image"]
    assert not proof.holds


@pytest.mark.parametrize(
    ("cell", "where"),
    [("%check copy", "the check of copy"), (SOLUTIONS["copy"], "the solution of copy")],
)
async def test_a_kernel_that_ends(cell, where):
    labs = FakeLabs(session(**{cell: ran(Ended.LOST)}))
    proof = await prove(LAB, SOLUTIONS, labs)
    assert proof.faults() == [f"run 1 of 2: the kernel ended, or stopped answering, in {where}"]
    assert len(labs.started) == 1


@pytest.mark.parametrize("moment", [1, 2])
async def test_a_kernel_that_ends_in_a_later_check(moment):
    checks = answers("copy")
    checks[moment] = ran(Ended.LOST)
    proof = await prove(LAB, SOLUTIONS, FakeLabs(session(**{"%check copy": checks})))
    assert proof.obstacles == [
        "run 1 of 2: the kernel ended, or stopped answering, in the check of copy"
    ]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("ls\n", "ls\n"),
        ("#!/bin/bash\nls\n", "#!/bin/bash\nls\n"),
        ("#!/usr/bin/env bash\nls\n", "#!/usr/bin/env bash\nls\n"),
        ("#!/usr/bin/env python3\nx=1\n", "%%exec -- python3 -\n#!/usr/bin/env python3\nx=1\n"),
        ("#!/usr/bin/perl -w\n1;\n", "%%exec -- /usr/bin/perl -w -\n#!/usr/bin/perl -w\n1;\n"),
    ],
)
def test_a_solution_is_a_cell(text, cell):
    assert solution_cell(text) == cell
