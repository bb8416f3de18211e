"""``dexec-kernel lab grade``: a class is graded, a row for each notebook."""

from __future__ import annotations

import argparse
from contextlib import suppress
from pathlib import Path

from dexec_kernel.cli.lab_images import have_images_ready
from dexec_kernel.cli.lab_runs import (
    INTERRUPTED,
    Stopped,
    check_file,
    lab_starter,
    run_until_stopped,
    write_file,
)
from dexec_kernel.cli.lab_sweep import swept
from dexec_kernel.cli.progress import grading_progress
from dexec_kernel.cli.table import OUTCOMES, show_table
from dexec_kernel.cli.terminal import complain, say
from dexec_kernel.errors import ConfigurationError
from dexec_kernel.grading.grade import Grader, Limits
from dexec_kernel.grading.results import Report
from dexec_kernel.grading.writers import remarks, table, to_csv, to_json
from dexec_kernel.lab.lint import CHECKS, FILE, SETUP, Findings, lint


def grade_notebooks(options: argparse.Namespace) -> int:
    """Grade notebooks; return the exit code, 1 if one of them needs a look of the teacher's."""
    folder = Path(options.folder).absolute()
    files = [path for path in (options.json, options.csv) if path]
    for file in files:
        check_file(file)
    if files.count("-") > 1:
        raise ConfigurationError("JSON and CSV cannot both go to stdout (-).")
    found = lint(folder)
    _require_sound(found)
    lab = found.lab
    if lab is None:
        raise ConfigurationError(f"There is no {FILE} in {folder}.")
    try:
        have_images_ready(lab, folder)
    except Stopped:
        return INTERRUPTED
    paths = [Path(name) for name in options.notebooks]
    with grading_progress(len(set(paths)), lab.tasks) as progress:
        grader = Grader(
            lab,
            lab_starter(folder),
            progress,
            limits=Limits(options.cell_timeout, options.timeout),
            parallel=options.jobs,
        )
        with swept(), suppress(Stopped):  # What is graded is reported.
            run_until_stopped(grader.grade(paths))
    report = grader.report
    if options.json:
        write_file(options.json, to_json(report))
    if options.csv:
        write_file(options.csv, to_csv(report))
    if "-" not in files:
        _tell(report)
    if not report.complete:
        complain(f"Stopped: {len(report.rows)} of {len(set(paths))} notebooks are graded.")
        return INTERRUPTED
    return int(any(row.needs_a_look for row in report.rows))


def _require_sound(found: Findings) -> None:
    """Raise :class:`ConfigurationError` for a lab whose checks could not run."""
    needed = (FILE, SETUP, f"{CHECKS}/")
    problems = [str(item) for item in found.problems if item.file.startswith(needed)]
    if problems:
        raise ConfigurationError(
            "The lab cannot grade anything:\n" + "\n".join(problems),
            advice="`dexec-kernel lab test DIR` proves a lab before it is given to a class.",
        )


def _tell(report: Report) -> None:
    if report.rows:
        show_table(table(report), OUTCOMES)
    for remark in remarks(report):
        say(remark)
