"""The processor time that a cell takes in the kernel's process, with the start of its standby."""

from __future__ import annotations

import time

from benchmarks.bench import READY, Bench
from benchmarks.kernels import BASE, DEXEC, Kernel
from benchmarks.measure import Bound, Goal, Row, interleave

_CELLS = {DEXEC: "echo hi", BASE: ""}
#: How many cells are one sample: the system counts in hundredths of a second.
_BLOCK = 30
#: In blocks: what is imported with the first cells is no cell's.
_WARM_UP = 1


def measure(bench: Bench) -> list[Row]:
    """Measure cells with a pause between them, as a person runs them."""
    count = 5 if bench.quick else _BLOCK
    with bench.kernel(DEXEC) as ours, bench.kernel(BASE) as base:

        def block(kernel: Kernel, code: str) -> float:
            before = kernel.cpu_seconds()
            for _ in range(count):
                kernel.seconds(code)
                time.sleep(READY)
            return (kernel.cpu_seconds() - before) / count

        for _ in range(_WARM_UP):
            block(ours, _CELLS[DEXEC])
            block(base, _CELLS[BASE])
        found = interleave(
            {
                DEXEC: lambda: block(ours, _CELLS[DEXEC]),
                BASE: lambda: block(base, _CELLS[BASE]),
            },
            count=bench.fewest,
            warm_up=0,
        )
    return [
        Row(
            "CPU time of the kernel for `echo hi`, with the next standby",
            found[DEXEC],
            "an empty cell of a bare ipykernel base kernel",
            found[BASE],
            Goal(Bound.RATIO_AT_MOST, 2.0),
        )
    ]
