"""``dexec-kernel lab test``: a lab is proved, or its faults are named."""

from __future__ import annotations

import argparse
from pathlib import Path

from dexec_kernel.cli.lab_images import have_images_ready
from dexec_kernel.cli.lab_runs import INTERRUPTED, Stopped, lab_starter, run_until_stopped
from dexec_kernel.cli.lab_sweep import swept
from dexec_kernel.cli.progress import step_teller
from dexec_kernel.cli.table import OUTCOMES, show_table
from dexec_kernel.cli.terminal import complain, say, say_json
from dexec_kernel.grading.proof import Proof
from dexec_kernel.grading.prove import prove
from dexec_kernel.lab.lint import SOLUTIONS, lint


def prove_lab(options: argparse.Namespace) -> int:
    """Prove a lab; return the exit code, 1 if there is any fault."""
    folder = Path(options.folder).absolute()
    found = lint(folder)
    if found.problems or found.lab is None:
        for problem in found.problems:
            complain(str(problem))
        complain("The lab is not run: these mistakes come first.")
        return 1
    solutions = {
        task.name: (folder / SOLUTIONS / f"{task.name}.sh").read_text(encoding="utf-8")
        for task in found.lab.tasks
    }
    try:
        have_images_ready(found.lab, folder)
        with step_teller() as told:
            start = lab_starter(folder, tells=True)
            work = prove(found.lab, solutions, start, runs=options.runs, told=told)
            with swept():
                proof = run_until_stopped(work)
    except Stopped:
        return INTERRUPTED
    if options.json:
        say_json(_to_json(proof))
    else:
        _tell(proof, found.lab.title)
    return int(not proof.holds)


def _tell(proof: Proof, title: str) -> None:
    show_table(proof.table(), OUTCOMES)
    faults = proof.faults()
    for fault in faults:
        say(fault)
    if proof.holds:
        runs = "in one fresh lab" if proof.runs == 1 else f"in {proof.runs} fresh labs"
        say(f"{title!r} holds: every check fails at first and passes after its solution, {runs}.")
    else:
        complain(f"{len(faults)} fault{'' if len(faults) == 1 else 's'}")


def _to_json(proof: Proof) -> dict[str, object]:
    return {
        "holds": proof.holds,
        "faults": proof.faults(),
        "checks": [
            {
                "task": look.task,
                "run": look.run,
                "moment": look.moment.value,
                "state": look.state,
                "message": look.message,
                "seconds": round(look.seconds, 3),
            }
            for look in proof.looks
        ],
    }
