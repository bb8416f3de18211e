"""Many kernels on one engine: a cell in each, one after the other and all at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks.bench import READY, Bench
from benchmarks.kernels import Kernel
from benchmarks.measure import Bound, Goal, Row, Samples, Unit

_ECHO = "echo hi"
_SIZES = (1, 2, 10, 50)
#: In seconds: the time that each kernel adds until all of them have their next exec ready.
_REFILL = 0.05


@dataclass
class _Found:
    in_turn: list[float] = field(default_factory=list)
    at_once: list[float] = field(default_factory=list)
    raw: list[float] = field(default_factory=list)
    memory: float = 0.0


def measure(bench: Bench) -> list[Row]:
    """Measure 2, 10 and 50 kernels beside one."""
    sizes = _SIZES[:-1] if bench.quick else _SIZES
    found: dict[int, _Found] = {}
    errors = cells = 0
    with ExitStack() as stack:
        kernels: list[Kernel] = []
        for size in sizes:
            while len(kernels) < size:
                kernels.append(stack.enter_context(bench.kernel()))
            this = found[size] = _Found()
            # Each kernel's first cell looks for the container and its shell.
            _in_turn(kernels)
            for _ in range(2 if bench.quick else max(3, bench.samples // size)):
                taken, failed = _in_turn(kernels)
                this.in_turn += taken
                errors += failed
                time.sleep(READY + _REFILL * size)
                taken, failed = _at_once(kernels)
                this.at_once += taken
                errors += failed
                cells += 2 * size
                time.sleep(READY + _REFILL * size)
                this.raw += _raw_at_once(bench, size)
            this.memory = sum(kernel.memory("Pss") for kernel in kernels)
    return [*_rows(found), _errors(errors, cells)]


def _rows(found: dict[int, _Found]) -> list[Row]:
    one, rows = found[1], []
    for size, this in list(found.items())[1:]:
        memory = Samples((this.memory,), Unit.BYTES)
        single = Samples((one.memory * size,), Unit.BYTES)
        turn, once = f"{size} kernels, `{_ECHO}` in each", f"{size} kernels, `{_ECHO}` at once"
        raw = f"{size} raw cycles at once (cold)"
        rows += [
            Row(f"{turn} in turn", _samples(this.in_turn), "one kernel", _samples(one.in_turn)),
            Row(once, _samples(this.at_once), raw, _samples(this.raw)),
            *([_slow(once, this, raw)] if size == _SIZES[-1] else []),
            Row(f"memory of {size} kernels (PSS)", memory, f"{size} times one kernel", single),
        ]
    return rows


def _slow(what: str, found: _Found, peer: str) -> Row:
    """Return the third quartiles: who waits longest waits for the others."""
    ours, raw = (Samples((_samples(values).quartiles[1],)) for values in (found.at_once, found.raw))
    goal = Goal(Bound.RATIO_AT_MOST, 1.2)
    return Row(f"{what}, third quartile", ours, peer, raw, goal)


def _errors(errors: int, cells: int) -> Row:
    count = Samples((errors,), Unit.COUNT)
    return Row(f"errors in these {cells:,} cells", count, goal=Goal(Bound.VALUE_AT_MOST, 0))


def _in_turn(kernels: list[Kernel]) -> tuple[list[float], int]:
    results = []
    for kernel in kernels:
        # The kernel before is starting its next exec, which would count as load.
        time.sleep(READY)
        results.append(kernel.run(_ECHO))
    return [r.duration for r in results], sum(r.status != "ok" for r in results)


def _at_once(kernels: list[Kernel]) -> tuple[list[float], int]:
    """Send all cells, then read the messages: each cell ends by its kernel's word, on one clock."""
    sent = [(time.time(), kernel.send(_ECHO)) for kernel in kernels]
    taken, errors = [], 0
    for kernel, (begin, request) in zip(kernels, sent, strict=True):
        result = kernel.collect(request, time.perf_counter())
        taken.append(result.sent["idle"] - begin)
        errors += result.status != "ok"
    return taken, errors


def _raw_at_once(bench: Bench, size: int) -> list[float]:
    def cycle(_number: int) -> float:
        with bench.raw() as raw:
            return raw.cycle("sh", "-c", _ECHO)

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(cycle, range(size)))


def _samples(values: list[float]) -> Samples:
    return Samples(tuple(sorted(values)))
