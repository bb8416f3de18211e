"""Run the stages of `make test`, even after a failed one, and add up the results.

Needs the standard library alone, as it starts before anything is installed::

    python3 -m devtools.stages lint types unit

Each stage is a make target. One that runs pytest leaves a JUnit report, ``NAME.xml``, in the
directory that ``RESULTS`` names; any other stage counts as one test.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn
from xml.etree import ElementTree as ET

INTERRUPTED = 128 + signal.SIGINT
"""The exit code after Ctrl-C, as of a shell's command."""
_WITH_REPORT = frozenset({"unit", "engine", "kernel", "browser"})
_FORWARDED = (signal.SIGTERM, signal.SIGHUP)


class Terminated(KeyboardInterrupt):
    """A signal asks this process alone to end: its stage has to be told."""


@dataclass(frozen=True)
class Counts:
    """How many tests passed, failed (or had an error), and were skipped (or failed as expected)."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Add each count to its like."""
        return Counts(
            self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped
        )

    def __str__(self) -> str:
        """Return the form of a test runner's closing line."""
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


@dataclass(frozen=True)
class Result:
    """A stage that has run: its counts, and its duration in seconds."""

    name: str
    counts: Counts
    duration: float

    def __str__(self) -> str:
        """Return one line, such as ``unit      failed   12 passed, 1 failed (3 min 04 s)``."""
        word = "failed" if self.counts.failed else "passed"
        minutes, seconds = divmod(round(self.duration), 60)
        duration = f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"
        return f"{self.name:<9} {word}   {self.counts} ({duration})"


def read_report(path: Path) -> Counts:
    """Return the counts of a JUnit report. Raises OSError or ParseError without a valid one."""
    counts = Counts()
    # The report is pytest's own.
    for suite in ET.parse(path).getroot().iter("testsuite"):  # noqa: S314
        total, failures, errors, skipped = (
            int(suite.get(key, "0")) for key in ("tests", "failures", "errors", "skipped")
        )
        failed = failures + errors
        counts += Counts(total - failed - skipped, failed, skipped)
    return counts


def counts_of(name: str, status: int, report: Path) -> Counts:
    """Return the counts of a stage that ended with this exit code.

    A failed stage has at least one failure, even if its report has none. A stage with a missing or
    empty report has one too.
    """
    if name not in _WITH_REPORT:
        return Counts(failed=1) if status else Counts(passed=1)
    try:
        counts = read_report(report)
    except (OSError, ET.ParseError):
        return Counts(failed=1)
    if (status or counts == Counts()) and not counts.failed:
        counts += Counts(failed=1)
    return counts


def environment(results: Path) -> dict[str, str]:
    """Return the environment of a stage's make: variables of the command line, but no flags.

    A stage neither shares the jobs of the make that started this, nor stops at its `-n`.
    """
    _, dashes, variables = os.environ.get("MAKEFLAGS", "").partition("-- ")
    return {**os.environ, "MAKEFLAGS": dashes + variables, "RESULTS": str(results)}


def run_stage(name: str, results: Path) -> Result:
    """Run one stage, with the terminal as its own."""
    print(f"\n== {name}", flush=True)
    started = time.monotonic()
    make = os.environ.get("MAKE", "make")
    process = subprocess.Popen([make, "--no-print-directory", name], env=environment(results))
    try:
        status = process.wait()
    except Terminated:
        process.terminate()
        process.wait()
        raise
    except KeyboardInterrupt:
        # Ctrl-C has reached the stage as well, which removes its engines before it ends.
        process.wait()
        raise
    duration = time.monotonic() - started
    return Result(name, counts_of(name, status, results / f"{name}.xml"), duration)


def run(stages: Sequence[str]) -> int:
    """Run the stages in this order, print their results, and return the exit code."""
    results: list[Result] = []
    interrupted = ""
    with tempfile.TemporaryDirectory(prefix="dexec-stages-") as directory:
        try:
            for name in stages:
                results.append(run_stage(name, Path(directory)))  # noqa: PERF401 # kept on Ctrl-C
        except KeyboardInterrupt:
            interrupted = stages[len(results)]
    total = sum((result.counts for result in results), Counts())
    print()
    for result in results:
        print(result)
    if interrupted:
        print(f"{interrupted:<9} interrupted")
        total += Counts(failed=1)
    print(f"\n{total}", flush=True)
    if interrupted:
        return INTERRUPTED
    return 1 if total.failed else 0


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


def main() -> None:
    """Run the stages that the command line names."""
    for number in _FORWARDED:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup leaves it
            signal.signal(number, _terminate)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
