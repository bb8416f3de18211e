"""How much memory a kernel takes, and whether that grows with its cells."""

from __future__ import annotations

import time

from benchmarks.bench import Bench
from benchmarks.kernels import BASE, DEXEC, Kernel
from benchmarks.measure import MIB, Bound, Goal, Row, Samples, Subject, Unit, interleave

_CELLS = {DEXEC: "echo hi", BASE: ""}
_MANY, _VERY_MANY = 1_000, 10_000
#: In seconds: for the kernel's work after a cell.
_SETTLE = 1.0
_PEER = "a bare ipykernel base kernel"


def measure(bench: Bench) -> list[Row]:
    """Measure the resident memory after one cell, after a thousand, and after ten thousand."""

    def subject(name: str) -> Subject:
        def once() -> float:
            with bench.kernel(name) as kernel:
                return _after(kernel, _CELLS[name], 1)

        return once

    first = interleave(
        {name: subject(name) for name in _CELLS}, count=bench.fewest, warm_up=0, unit=Unit.BYTES
    )
    count = 50 if bench.quick else _MANY
    begin: dict[str, Samples] = {}
    end: dict[str, Samples] = {}
    growth: dict[str, Samples] = {}
    for name, code in _CELLS.items():
        with bench.kernel(name) as kernel:
            before, after = _after(kernel, code, 1), _after(kernel, code, count - 1)
        begin[name], end[name] = Samples((before,), Unit.BYTES), Samples((after,), Unit.BYTES)
        growth[name] = Samples((after - before,), Unit.BYTES)
    what, ratio = "resident memory (RSS) of the kernel", Goal(Bound.RATIO_AT_MOST, 1.15)
    flat = Goal(Bound.VALUE_AT_MOST, 2.0 * MIB)
    very_many = count if bench.quick else _VERY_MANY
    with bench.kernel() as kernel:
        first_cells = _after(kernel, _CELLS[DEXEC], 1)
        grown = _after(kernel, _CELLS[DEXEC], very_many - 1) - first_cells
    last = Samples((grown,), Unit.BYTES)
    return [
        Row(f"{what} after 1 cell", first[DEXEC], _PEER, first[BASE], ratio),
        Row(f"{what} after {count:,} cells", end[DEXEC], _PEER, end[BASE], ratio),
        Row(f"growth from 1 to {count:,} cells", growth[DEXEC], _PEER, growth[BASE], flat),
        Row(
            f"growth from 1 to {very_many:,} cells",
            last,
            goal=Goal(Bound.VALUE_AT_MOST, 3.0 * MIB),
        ),
    ]


def _after(kernel: Kernel, code: str, count: int) -> float:
    for _ in range(count):
        kernel.seconds(code)
    time.sleep(_SETTLE)
    return kernel.memory()
