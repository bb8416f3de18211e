"""How long a kernel takes to start: from before its process to its first answer."""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.kernels import BASE, DEXEC, IPYTHON
from benchmarks.measure import Bound, Goal, Row, Subject, interleave


def measure(bench: Bench) -> list[Row]:
    """Measure starts of our kernel, ipykernel, and a bare base kernel."""

    def subject(name: str) -> Subject:
        def start() -> float:
            with bench.kernel(name) as kernel:
                return kernel.ready_after

        return start

    found = interleave(
        {name: subject(name) for name in (DEXEC, IPYTHON, BASE)},
        count=2 if bench.quick else bench.samples,
        warm_up=1,
        settle=0.1,
    )
    what, ours = "start of a kernel to its first `kernel_info_reply`", found[DEXEC]
    goal = Goal(Bound.RATIO_AT_MOST, 1.1)
    return [
        Row(what, ours, "ipykernel", found[IPYTHON], goal),
        Row(what, ours, "a bare ipykernel base kernel", found[BASE]),
    ]
