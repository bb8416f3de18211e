"""Samples, their medians and spread, and the table that they end in."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Samples:
    """Durations in seconds of the same thing, sorted."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    def percentile(self, share: float) -> float:
        """The value that ``share`` (0 to 1) of the samples do not exceed."""
        return self.values[min(len(self.values) - 1, int(share * len(self.values)))]

    def __str__(self) -> str:
        low, high = self.percentile(0.1), self.percentile(0.9)
        return f"{_ms(self.median)} ({_ms(low)} to {_ms(high)})"


@dataclass(frozen=True)
class Row:
    """One line of the table: a subject beside a peer, measured in the same run."""

    what: str
    ours: str
    peer_name: str
    peer: str
    ratio: float


def sample(function: Callable[[], Any], *, count: int, warm_up: int = 3) -> Samples:
    """Time ``function``, after calling it ``warm_up`` times for nothing."""
    for _ in range(warm_up):
        function()
    values = []
    for _ in range(count):
        begin = time.perf_counter()
        function()
        values.append(time.perf_counter() - begin)
    return Samples(tuple(sorted(values)))


def alternate(
    first: Callable[[], Any], second: Callable[[], Any], *, count: int, warm_up: int = 3
) -> tuple[Samples, Samples]:
    """Time two functions in turns, so that both meet the same weather."""
    sample(first, count=0, warm_up=warm_up)
    sample(second, count=0, warm_up=warm_up)
    pairs = [
        (sample(first, count=1, warm_up=0).median, sample(second, count=1, warm_up=0).median)
        for _ in range(count)
    ]
    ours, peers = zip(*pairs, strict=True)
    return Samples(tuple(sorted(ours))), Samples(tuple(sorted(peers)))


def compare(what: str, ours: Samples, peer_name: str, peer: Samples) -> Row:
    """Return the line for two sets of durations; a ratio below 1 is faster than the peer."""
    return Row(what, str(ours), peer_name, str(peer), round(ours.median / peer.median, 3))


def markdown(rows: list[Row]) -> str:
    """Return the table: medians, and in brackets the 10th and 90th percentile."""
    lines = ["| what | dexec-kernel | beside it | | ratio |", "|---|---|---|---|---|"]
    lines += [f"| {r.what} | {r.ours} | {r.peer_name} | {r.peer} | {r.ratio:g} |" for r in rows]
    return "\n".join(lines)


def as_json(rows: list[Row]) -> list[dict[str, Any]]:
    """Return the rows for a program."""
    return [asdict(row) for row in rows]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
