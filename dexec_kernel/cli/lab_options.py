"""The options of ``lab prepare``, ``lab test`` and ``lab grade``, which need an engine."""

from __future__ import annotations

import argparse
import math
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dexec_kernel.cli.parser import CommandParser

_PREPARE = """\
Have the images of a lab ready, so that no student waits for them. An image that the engine has is
named; one that is missing is pulled. Without a registry, load a file of images: `docker save` on a
machine that has them writes it. The exit code is 1 if an image is missing still."""

_PREPARE_EXAMPLES = """\
examples:
  dexec-kernel lab prepare linux-basics
  docker save debian:stable-slim | gzip >images.tar.gz        on a machine with a network
  dexec-kernel lab prepare linux-basics --load images.tar.gz  on one without"""

_TEST = """\
Prove a lab before a class has it. In a fresh lab every check must fail; after the solutions, in
order, each must pass, and still pass after all of them. All of it happens in two fresh labs, one
after the other. The exit code is 0 if the lab holds, else 1, and each fault is named."""

_GRADE = """\
Grade notebooks. Each runs in a fresh lab, cell by cell; a cell that fails or runs into its time
limit does not end it. Then the checks run whose cells are missing. Results that a notebook shows
are compared with the outcome, and never believed. The exit code is 1 if a notebook could not be
graded or a check is broken, else 0."""

_GRADE_EXAMPLES = """\
examples:
  dexec-kernel lab grade linux-basics submissions/*/linux-basics.ipynb -j 4 --csv grades.csv
  dexec-kernel lab grade linux-basics ada.ipynb --json -"""


def add_lab_prepare(subjects: argparse._SubParsersAction[CommandParser]) -> None:
    """Add the command ``prepare``."""
    prepare = subjects.add_parser(
        "prepare",
        description=_PREPARE,
        epilog=_PREPARE_EXAMPLES,
        help="have its images ready: pull them, or load them from a file",
    )
    prepare.add_argument("folder", metavar="DIR", help="the folder of the lab")
    prepare.add_argument(
        "--load", metavar="FILE", help="load images from a file of docker save, packed or not"
    )


def add_lab_runs(subjects: argparse._SubParsersAction[CommandParser]) -> None:
    """Add the commands ``test`` and ``grade``."""
    test = subjects.add_parser("test", description=_TEST, help="prove it: checks and solutions")
    test.add_argument("folder", metavar="DIR", help="the folder of the lab")
    test.add_argument(
        "--runs", type=_count, default=2, metavar="N", help="the number of fresh labs; default: 2"
    )
    test.add_argument("--json", action="store_true", help="print JSON, for programs")
    grade = subjects.add_parser(
        "grade", description=_GRADE, epilog=_GRADE_EXAMPLES, help="grade the notebooks of a class"
    )
    grade.add_argument("folder", metavar="DIR", help="the folder of the lab")
    grade.add_argument("notebooks", nargs="+", metavar="NOTEBOOK", help="a submitted notebook")
    grade.add_argument(
        "-j",
        "--jobs",
        type=_count,
        default=min(4, os.cpu_count() or 1),
        metavar="N",
        help="notebooks that run at the same time; default: as many as processors, at most 4",
    )
    grade.add_argument("--json", metavar="FILE", help="write JSON; - is stdout")
    grade.add_argument("--csv", metavar="FILE", help="write CSV, for spreadsheets; - is stdout")
    grade.add_argument(
        "--timeout",
        type=_seconds,
        default=600.0,
        metavar="S",
        help="seconds for all cells of a notebook; making the lab does not count; default: 600",
    )
    grade.add_argument(
        "--cell-timeout",
        type=_seconds,
        default=60.0,
        metavar="S",
        help="seconds for a cell; default: 60",
    )


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return int(text)


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return number
