"""Times of day, in UTC and on the clock of the machine."""

from __future__ import annotations

import time

import pytest

from dexec_kernel.display.times import span, time_of_day, utc

MOMENT = 1_700_000_000.25  # 22:13:20 in UTC


@pytest.fixture(autouse=True)
def _zone(monkeypatch):
    monkeypatch.setenv("TZ", "XYZ-01:30")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_for_programs():
    assert utc(MOMENT) == "2023-11-14T22:13:20.250Z"


def test_for_people():
    assert time_of_day(MOMENT) == "23:43:20"
    assert span(MOMENT, None) == "since 2023-11-14 23:43:20 XYZ"
    assert span(MOMENT, MOMENT + 61) == "2023-11-14 23:43:20 to 23:44:21 XYZ"


def test_past_midnight_both_days_are_named():
    assert span(MOMENT, MOMENT + 3600) == "2023-11-14 23:43:20 to 2023-11-15 00:43:20 XYZ"
