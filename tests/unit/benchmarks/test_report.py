"""The arithmetic of the benchmarks: medians, ratios, goals, the table. Nothing is measured here."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from benchmarks import report
from benchmarks.measure import Bound, Goal, Row, Samples, Unit, interleave, markdown

MIB = 1024**2


def test_median_and_quartiles():
    samples = Samples((0.001, 0.002, 0.003, 0.004, 0.100))
    assert samples.median == 0.003
    assert samples.quartiles == (0.002, 0.004)
    assert str(samples) == "3.0 ms (2.0 ms to 4.0 ms)"
    assert str(Samples((1.5,))) == "1.50 s"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0004, Unit.SECONDS, "0.4 ms"),
        (172.3, Unit.SECONDS, "172.30 s"),
        (3.2e8, Unit.RATE, "320 MB/s"),
        (2 * MIB, Unit.BYTES, "2.0 MiB"),
        (0, Unit.COUNT, "0"),
    ],
)
def test_values_are_written_in_their_unit(value, unit, text):
    assert unit.text(value) == text


@pytest.mark.parametrize(
    ("bound", "limit", "ours", "peer", "is_met"),
    [
        (Bound.RATIO_AT_MOST, 0.15, 15, 100, True),
        (Bound.RATIO_AT_MOST, 0.15, 16, 100, False),
        (Bound.RATIO_AT_LEAST, 0.7, 70, 100, True),
        (Bound.RATIO_AT_LEAST, 0.7, 69, 100, False),
        (Bound.EXCESS_AT_MOST, 0.006, 0.008, 0.002, True),
        (Bound.EXCESS_AT_MOST, 0.006, 0.009, 0.002, False),
        (Bound.VALUE_AT_MOST, 2, 2, None, True),
        (Bound.VALUE_AT_MOST, 2, 3, 100, False),
        (Bound.RATIO_AT_MOST, 0.15, 1, None, None),
    ],
)
def test_goals(bound, limit, ours, peer, is_met):
    assert Goal(bound, limit).is_met(ours, peer) is is_met


def test_a_peer_that_was_stopped_gives_an_upper_bound_of_the_ratio():
    row = Row(
        "seq",
        Samples((1.0,)),
        "bash_kernel",
        Samples((105.0,)),
        Goal(Bound.RATIO_AT_MOST, 0.01),
        is_lower_bound=True,
    )
    assert row.cells()[3:] == ["more than 105.00 s", "under 0.00952", "≤ 0.01", "yes"]


def test_a_peer_that_is_missing_reaches_nothing_and_misses_nothing():
    row = Row("x", Samples((1.0,)), "y", None, Goal(Bound.RATIO_AT_MOST, 0.1), "not installed")
    assert row.cells() == ["x; not installed", "1.00 s", "y", "-", "-", "≤ 0.1", "?"]
    assert row.to_json()["reached"] is None


def test_samples_are_taken_in_turns_and_the_warm_up_does_not_count():
    order = []

    def subject(name, values):
        remaining = iter(values)

        def measure():
            order.append(name)
            return next(remaining)

        return measure

    found = interleave(
        {"a": subject("a", [99, 3, 1, 2]), "b": subject("b", [99, 4, 4, 4])}, count=3, warm_up=1
    )
    assert found["a"].values == (1, 2, 3)
    assert found["b"].median == 4
    assert order == ["a", "b", "b", "a", "a", "b", "b", "a"]


def test_the_documentation_gets_table_json_and_plot(tmp_path):
    (tmp_path / "images").mkdir()
    marks = "".join(
        f"<!-- measured: {name} -->\nold\n<!-- end: {name} -->\n"
        for name in ("goals", "one core", "table", "machine", "where")
    )
    (tmp_path / "benchmarks.md").write_text(f"before\n{marks}after\n")
    row = Row("`a < b`", Samples((1.0, 2.0)), "peer", Samples((4.0,)), Goal(Bound.RATIO_AT_MOST, 1))
    found = report.content({"Python": "3"}, {"cells": [row]}, "where it goes")
    report.write(found, tmp_path)
    page = (tmp_path / "benchmarks.md").read_text()
    assert "old" not in page
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert markdown([*"abcdefg"], [row.cells()]).splitlines()[-1] in page
    assert json.loads((tmp_path / "benchmarks.json").read_text())["subjects"]["cells"][0]["ratio"]
    plot = ET.parse(tmp_path / "images" / "benchmarks.svg").getroot()
    assert len(plot.findall("{http://www.w3.org/2000/svg}rect")) == 2

    assert markdown([*"abcde"], [row.goal_cells()]).splitlines()[-1] in page
    assert row.goal_cells() == ["`a < b`", "peer", "0.375", "≤ 1", "yes"]

    pinned = Row("pinned", Samples((4.0,)), "peer", Samples((1.0,)), row.goal)
    new = report.content({"Python": "3"}, {"cells": [pinned]}, "")
    report.write(report.with_one_core(new, tmp_path), tmp_path)
    page = (tmp_path / "benchmarks.md").read_text()
    assert markdown([*"abcde"], [pinned.goal_cells()]).splitlines()[-1] in page
    assert markdown([*"abcdefg"], [row.cells()]).splitlines()[-1] in page

    other = Row("z", Samples((1.0,)))
    again = report.merged(report.content({"Python": "3"}, {"many": [other]}, ""), tmp_path)
    assert set(again["subjects"]) == {"cells", "many"}
    assert again["where"] == "where it goes"
    with pytest.raises(report.ReportError, match="another machine"):
        report.merged(report.content({"Python": "4"}, {"many": [other]}, ""), tmp_path)
