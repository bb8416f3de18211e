"""`make test`: every stage runs, and the closing line adds them up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from devtools.stages import INTERRUPTED, Counts, Result, counts_of, environment, read_report

ROOT = Path(__file__).parents[3]
GUARD = 60


def report(**counts: int) -> str:
    attributes = " ".join(f'{key}="{value}"' for key, value in counts.items())
    return f"<testsuites><testsuite {attributes}/></testsuites>"


@pytest.fixture
def results(tmp_path) -> Path:
    return tmp_path


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"tests": 5, "failures": 0, "errors": 0, "skipped": 0}, Counts(5)),
        ({"tests": 5, "failures": 1, "errors": 1, "skipped": 2}, Counts(1, 2, 2)),
    ],
)
def test_a_report_is_counted(results, counts, expected):
    path = results / "unit.xml"
    path.write_text(report(**counts))
    assert read_report(path) == expected


@pytest.mark.parametrize(
    ("name", "status", "text", "expected"),
    [
        ("lint", 0, None, Counts(1)),
        ("lint", 2, None, Counts(0, 1)),
        ("unit", 0, report(tests=3), Counts(3)),
        ("unit", 2, report(tests=3, failures=1), Counts(2, 1)),
        # Coverage is too low, say.
        ("unit", 2, report(tests=3), Counts(3, 1)),
        ("unit", 0, report(tests=0), Counts(0, 1)),
        ("unit", 0, None, Counts(0, 1)),
        ("unit", 2, "<testsuites><testsu", Counts(0, 1)),
    ],
)
def test_a_stage_that_failed_counts_a_failure(results, name, status, text, expected):
    path = results / "report.xml"
    if text is not None:
        path.write_text(text)
    assert counts_of(name, status, path) == expected


def test_the_closing_line_names_skips_only_where_there_are_some():
    assert str(Counts(3)) == "3 passed, 0 failed"
    assert str(Counts(3, 1) + Counts(1, 0, 2)) == "4 passed, 1 failed, 2 skipped"


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (Result("unit", Counts(3), 61.4), "unit      passed   3 passed, 0 failed (1 min 01 s)"),
        (Result("browser", Counts(3, 1), 5), "browser   failed   3 passed, 1 failed (5 s)"),
    ],
)
def test_a_stage_is_one_line(result, line):
    assert str(result) == line


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("", ""),
        ("n", ""),
        ("k -j4 --jobserver-auth=3,4 -- PYTHON=python3.12", "PYTHON=python3.12"),
    ],
)
def test_a_stage_gets_the_variables_of_the_command_line_alone(monkeypatch, flags, expected):
    monkeypatch.setenv("MAKEFLAGS", flags)
    assert environment(Path("/tmp/results"))["MAKEFLAGS"].removeprefix("-- ") == expected


#: The stages are interrupted in whatever way the test runner was started.
MAIN = """\
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from devtools.stages import main
main()
"""
MAKEFILE = """\
lint:
\t@echo lint runs
\t@false
types:
\t@echo types run
unit:
\t@printf '%s' '<testsuite tests="4" skipped="1"/>' >"$(RESULTS)/unit.xml"
engine:
\t@echo engine runs
\t@read line
\t@printf '%s' '<testsuite tests="2" failures="1"/>' >"$(RESULTS)/engine.xml"
"""


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A checkout of nothing but stages, at a path of the awkward kind."""
    directory = tmp_path / "an odd näme"
    directory.mkdir()
    (directory / "Makefile").write_text(MAKEFILE)
    return directory


def start(checkout: Path, *stages: str) -> subprocess.Popen[str]:
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "RESULTS"))}
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *stages],
        cwd=checkout,
        env={**variables, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def test_every_stage_runs_and_the_last_line_adds_them_up(checkout):
    process = start(checkout, "lint", "types", "unit", "engine")
    output, _ = process.communicate("go on\n", timeout=GUARD)
    lines = output.splitlines()
    assert "types run" in lines
    assert lines[-1] == "5 passed, 2 failed, 1 skipped"
    assert [line.split()[:2] for line in lines[-6:-2]] == [
        ["lint", "failed"],
        ["types", "passed"],
        ["unit", "passed"],
        ["engine", "failed"],
    ]
    assert process.returncode == 1


def test_all_is_well_where_nothing_failed(checkout):
    process = start(checkout, "types", "unit")
    output, _ = process.communicate(timeout=GUARD)
    assert output.splitlines()[-1] == "4 passed, 0 failed, 1 skipped"
    assert process.returncode == 0


@pytest.mark.parametrize("to_all", [True, False], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_run_says_how_far_it_came(checkout, to_all):
    process = start(checkout, "types", "engine", "unit")
    assert process.stdout
    while process.stdout.readline() != "engine runs\n":
        assert process.poll() is None
    if to_all:
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.terminate()
    output, _ = process.communicate(timeout=GUARD)
    lines = output.splitlines()
    assert [line.split()[:2] for line in lines[-4:-2]] == [
        ["types", "passed"],
        ["engine", "interrupted"],
    ]
    assert lines[-1] == "1 passed, 1 failed"
    assert process.returncode == INTERRUPTED
