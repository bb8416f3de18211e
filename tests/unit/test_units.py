"""Sizes and durations in words."""

from __future__ import annotations

import pytest

from dexec_kernel.units import format_duration, format_size


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"),
        (0.0841, "84 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (3.21, "3.2 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (3720, "1 h 02 min"),
        (100 * 3600, "100 h 00 min"),
    ],
)
def test_durations(seconds, words):
    assert format_duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "0 s"), (0.99, "0 s"), (59.99, "59 s"), (60, "1 min 00 s"), (3600, "1 h 00 min")],
)
def test_a_clock_shows_whole_seconds(seconds, words):
    assert format_duration(seconds, whole=True) == words


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (15_000_000, "14.3 MiB"),
        (1024**3 - 1, "1.0 GiB"),
        (3 * 1024**3, "3.0 GiB"),
        (5000 * 1024**3, "4.9 TiB"),
        (5 * 1024**5, "5120.0 TiB"),
        (1023.7, "1.0 KiB"),
        (0.4, "0 B"),
    ],
)
def test_sizes(size, words):
    assert format_size(size) == words
