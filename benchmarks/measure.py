"""Samples, their medians and spread, goals, and the rows that they end in. No I/O but the clock."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

#: Measures once, and returns the value in its unit's base: seconds, bytes a second, bytes.
Subject = Callable[[], float]

MIB = 1024**2


class Unit(StrEnum):
    """The unit of samples, and its format."""

    SECONDS = "s"
    RATE = "B/s"
    BYTES = "B"
    COUNT = "count"

    def text(self, value: float) -> str:
        """Return ``value`` for people."""
        if self is Unit.RATE:
            return f"{value / 1e6:,.0f} MB/s"
        if self is Unit.BYTES:
            return f"{value / MIB:,.1f} MiB"
        if self is Unit.COUNT:
            return f"{value:g}"
        return f"{value:,.2f} s" if abs(value) >= 1 else f"{value * 1000:,.1f} ms"


@dataclass(frozen=True)
class Samples:
    """Values of the same thing, in its unit's base. At least one."""

    values: tuple[float, ...]
    unit: Unit = Unit.SECONDS

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The first and the third quartile."""
        if len(self.values) == 1:
            return self.values[0], self.values[0]
        low, _, high = statistics.quantiles(self.values, n=4, method="inclusive")
        return low, high

    def __str__(self) -> str:
        text = self.unit.text(self.median)
        if len(self.values) == 1:
            return text
        low, high = map(self.unit.text, self.quartiles)
        return f"{text} ({low} to {high})"

    def to_json(self) -> dict[str, Any]:
        """Return the figures for a program."""
        low, high = self.quartiles
        return {
            "median": self.median,
            "quartiles": [low, high],
            "samples": len(self.values),
            "unit": self.unit.value,
        }


class Bound(StrEnum):
    """The quantity that a goal limits."""

    RATIO_AT_MOST = "ratio at most"
    RATIO_AT_LEAST = "ratio at least"
    EXCESS_AT_MOST = "more than the peer by at most"
    VALUE_AT_MOST = "at most"


@dataclass(frozen=True)
class Goal:
    """A limit: of the ratio, or in the base of the samples' unit."""

    bound: Bound
    limit: float

    def is_met(self, ours: float, peer: float | None) -> bool | None:
        """Tell whether it is reached; None where there is nothing to compare with."""
        if self.bound is Bound.VALUE_AT_MOST:
            return ours <= self.limit
        if peer is None:
            return None
        if self.bound is Bound.EXCESS_AT_MOST:
            return ours <= peer + self.limit
        ratio = ours / peer
        return ratio <= self.limit if self.bound is Bound.RATIO_AT_MOST else ratio >= self.limit

    def text(self, unit: Unit) -> str:
        """Return the goal for people."""
        if self.bound is Bound.RATIO_AT_MOST:
            return f"≤ {self.limit:g}"
        if self.bound is Bound.RATIO_AT_LEAST:
            return f"≥ {self.limit:g}"
        if self.bound is Bound.EXCESS_AT_MOST:
            return f"≤ that + {unit.text(self.limit).replace('.0 ', ' ')}"
        return f"≤ {unit.text(self.limit).replace('.0 ', ' ')}"


@dataclass(frozen=True)
class Row:
    """One line of the table: a subject and a peer, measured in the same run.

    ``peer`` is None if there is no peer or it could not be measured: ``note`` says why. With
    ``is_lower_bound`` the peer was stopped and would have taken longer.
    """

    what: str
    ours: Samples
    peer_name: str = ""
    peer: Samples | None = None
    goal: Goal | None = None
    note: str = ""
    is_lower_bound: bool = False

    @property
    def ratio(self) -> float | None:
        """Ours to the peer's, of the medians; None without a peer."""
        return self.ours.median / self.peer.median if self.peer and self.peer.median else None

    @property
    def is_reached(self) -> bool | None:
        """Whether the goal is reached; None without a goal or a peer."""
        if self.goal is None:
            return None
        return self.goal.is_met(self.ours.median, self.peer.median if self.peer else None)

    def cells(self) -> list[str]:
        """Return the columns, as ``HEADERS`` names them."""
        peer = f"more than {self.peer}" if self.peer and self.is_lower_bound else str(self.peer)
        what = f"{self.what}; {self.note}" if self.note else self.what
        verdict = {True: "yes", False: "no", None: "-" if self.goal is None else "?"}
        return [
            what,
            str(self.ours),
            self.peer_name,
            peer if self.peer else "-",
            _ratio_text(self.ratio, is_upper_bound=self.is_lower_bound),
            self.goal.text(self.ours.unit) if self.goal else "",
            verdict[self.is_reached],
        ]

    def goal_cells(self) -> list[str]:
        """Return the columns of a row with a goal, as ``GOAL_HEADERS`` names them."""
        assert self.goal is not None
        is_absolute = self.goal.bound in {Bound.VALUE_AT_MOST, Bound.EXCESS_AT_MOST}
        ratio = _ratio_text(self.ratio, is_upper_bound=self.is_lower_bound)
        now = self.ours.unit.text(self.ours.median) if is_absolute else ratio
        *_, goal, reached = self.cells()
        return [self.what, self.peer_name, now, goal, reached]

    def to_json(self) -> dict[str, Any]:
        """Return the row for a program."""
        return {
            "what": self.what,
            "note": self.note,
            "ours": self.ours.to_json(),
            "peer_name": self.peer_name,
            "peer": self.peer.to_json() if self.peer else None,
            "peer_is_lower_bound": self.is_lower_bound,
            "ratio": self.ratio,
            "goal": asdict(self.goal) if self.goal else None,
            "reached": self.is_reached,
        }


GOAL_HEADERS = ["what", "beside it", "now", "goal", "reached"]
HEADERS = ["what", "dexec-kernel", "beside it", "", "ratio", "goal", "reached"]


def interleave(
    subjects: Mapping[str, Subject],
    *,
    count: int,
    warm_up: int = 3,
    settle: float = 0.0,
    unit: Unit = Unit.SECONDS,
) -> dict[str, Samples]:
    """Take ``count`` samples of each subject in turns, so that all meet the same weather.

    Each round begins with another subject, and before each sample ``settle`` seconds pass.
    """
    names = list(subjects)
    values: dict[str, list[float]] = {name: [] for name in names}
    for number in range(warm_up + count):
        first = number % len(names) if names else 0
        for name in names[first:] + names[:first]:
            time.sleep(settle)
            value = subjects[name]()
            if number >= warm_up:
                values[name].append(value)
    return {name: Samples(tuple(sorted(found)), unit) for name, found in values.items()}


def seconds(function: Callable[[], Any]) -> float:
    """Return how long ``function`` takes."""
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def markdown(headers: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    names = list(headers)
    rows = [names, ["---"] * len(names), *(list(line) for line in lines)]
    return "\n".join(f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in rows)


def _ratio_text(ratio: float | None, *, is_upper_bound: bool) -> str:
    if ratio is None:
        return "-"
    return f"{'under ' if is_upper_bound else ''}{ratio:.3g}"
