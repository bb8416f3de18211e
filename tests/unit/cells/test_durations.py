"""The durations of cells that are remembered."""

from __future__ import annotations

from dexec_kernel.cells import durations as module
from dexec_kernel.cells.durations import Durations
from dexec_kernel.cells.source.options import CellOptions

PLAIN = CellOptions()


def test_the_same_cell_is_the_same_text_options_and_container():
    durations = Durations()
    durations.remember("web", PLAIN, "make", 12.5)
    assert durations.expected("web", PLAIN, "make") == 12.5
    assert durations.expected("db", PLAIN, "make") is None
    assert durations.expected("web", CellOptions(user="me"), "make") is None
    assert durations.expected("web", PLAIN, "make ") is None


def test_the_last_run_counts_and_short_ones_tell_nothing():
    durations = Durations()
    durations.remember("web", PLAIN, "make", 12.5)
    durations.remember("web", PLAIN, "make", 8.0)
    assert durations.expected("web", PLAIN, "make") == 8.0
    durations.remember("web", PLAIN, "make", 0.2)
    assert durations.expected("web", PLAIN, "make") is None


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MAX_CELLS", 3)
    durations = Durations()
    for number in range(10):
        durations.remember("web", PLAIN, f"{number} \ud800", 5.0)
    known = [n for n in range(10) if durations.expected("web", PLAIN, f"{n} \ud800")]
    assert known == [7, 8, 9]
