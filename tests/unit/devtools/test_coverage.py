"""Coverage by package, and the modules that are covered whole."""

from __future__ import annotations

import pytest

from devtools.coverage import ROOT, Covered, Module, faults, of_file, table, whole_modules


def file_report(**changes: object) -> dict[str, object]:
    summary = {
        "num_statements": 10,
        "covered_lines": 7,
        "num_branches": 4,
        "covered_branches": 2,
    }
    return {
        "summary": summary,
        "missing_lines": [12, 15, 16],
        "missing_branches": [[14, 15], [16, 18], [20, -3]],
    } | changes


def test_what_did_not_run_is_named_once():
    module = of_file(file_report())
    # The line 16 never ran: its branches need no mention.
    assert module == Module(Covered(10, 7, 4, 2), "12, 15-16, 14->15, 20->exit")
    assert not module.covered.is_whole


@pytest.mark.parametrize("covered", [Covered(10, 9, 4, 4), Covered(10, 10, 4, 3)])
def test_a_line_or_a_branch_that_did_not_run_is_a_fault(covered):
    modules = {"p/a.py": Module(covered, "3"), "p/b.py": Module(Covered(2, 2, 0, 0), "")}
    assert faults(modules, ["p/a.py", "p/b.py"]) == ["p/a.py: not covered: 3"]


def test_a_module_that_went_elsewhere_is_a_fault():
    assert faults({}, ["p/a.py"]) == ["p/a.py: no such module was imported"]


def test_the_table_has_a_line_a_package():
    modules = {
        "p/a.py": Module(Covered(1000, 999, 4, 1), ""),
        "p/b.py": Module(Covered(0, 0, 0, 0), ""),
        "p/q/c.py": Module(Covered(1, 1, 0, 0), ""),
    }
    assert table(modules).splitlines() == [
        "package   lines     run   branches run",
        "p          1000    99 %           25 %",
        "p/q           1   100 %              -",
        "all        1001    99 %           25 %",
    ]


def test_the_modules_that_are_covered_whole_exist():
    assert whole_modules()
    assert [path for path in whole_modules() if not (ROOT / path).is_file()] == []
