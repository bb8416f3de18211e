"""The judgement of a soak: what grows is found, what goes up and down is not."""

from __future__ import annotations

import pytest

from devtools.soak import grown

FLAT = {
    "MB": 60.0,
    "descriptors": 66,
    "threads": 16,
    "tasks": 1,
    "execs": 1,
    "processes": 2,
    "log MB": 0,
}


def rows(name: str, values: list[float]) -> list[dict[str, float]]:
    return [FLAT | {name: value} for value in values]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("MB", [40, 60, 60, 61, 61, 62, 62, 62, 63, 63]),  # It warms up, and then hardly grows.
        ("descriptors", [66, 70, 66, 66, 67, 70, 66, 67, 66, 67]),
        ("tasks", [1, 1, 3, 1, 1, 1, 1, 3, 1, 1]),
    ],
)
def test_what_goes_up_and_down_does_not_grow(name, values):
    assert grown(rows(name, values)) == []


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("MB", [60, 62, 64, 66, 68, 70, 72, 74, 76, 78]),
        ("descriptors", [66, 67, 68, 69, 70, 71, 72, 73, 74, 75]),
        ("execs", [1, 1, 1, 1, 1, 2, 2, 2, 2, 2]),
        ("log MB", [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]),
    ],
)
def test_what_grows_is_named(name, values):
    [line] = grown(rows(name, values))
    assert line.startswith(f"{name}: from ")


def test_too_few_rows_tell_nothing():
    assert grown(rows("MB", [1, 100, 1000])) == []
