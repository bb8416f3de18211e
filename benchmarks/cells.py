"""The duration of a cell, next to other ways to run a command, in a container or without one."""

from __future__ import annotations

import shutil
import subprocess
import time
from contextlib import ExitStack

from benchmarks.bench import BUSYBOX, READY, Bench, has_bash_kernel
from benchmarks.kernels import BASE, BASH, IPYTHON, Kernel
from benchmarks.measure import Bound, Goal, Row, Samples, Subject, interleave, seconds
from benchmarks.raw import RawEngine

_ECHO = "echo hi"
_PRINT_THEN_SLEEP = "echo hi; sleep 0.1"
_BURST = 100
_WHAT = f"`{_ECHO}`, request to idle"
_READY, _COLD = f"{_WHAT}, standby ready", f"{_WHAT}, cold (`standby = 0`)"
_RAW = "create, start, drain, inspect on a raw socket"
#: In bytes: what a cell's exec has in its environment.
_ENVIRONMENT = 14_000
_FED = "the same with a stdin and 14 KB of environment, as a cell's"


def measure(bench: Bench) -> list[Row]:
    """Measure single cells with a standby and without, and many that are sent at once."""
    with bench.raw() as raw:
        rows = _ready(bench, raw) + _cold(bench, raw)
        return rows + _burst(bench, raw) + _first_output(bench, raw)


def _ready(bench: Bench, raw: RawEngine) -> list[Row]:
    with ExitStack() as stack:

        def start(name: str) -> Kernel:
            return stack.enter_context(bench.kernel(name))

        ours, base, ipython = start("dexec"), start(BASE), start(IPYTHON)
        subjects: dict[str, Subject] = {
            "ours": lambda: ours.seconds(_ECHO),
            "base": lambda: base.seconds(""),
            "raw": lambda: raw.cycle("sh", "-c", _ECHO),
            "ipython": lambda: ipython.seconds(f"!{_ECHO}"),
        }
        if docker := shutil.which("docker"):
            command = [docker, "-H", bench.host, "exec", BUSYBOX, "sh", "-c", _ECHO]
            subjects["docker"] = lambda: seconds(
                lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            )
        if has_bash_kernel():
            bash = start(BASH)
            subjects["bash"] = lambda: bash.seconds(_ECHO)
        found = interleave(subjects, count=bench.samples, settle=READY)
    mine = found["ours"]
    return [
        Row(
            _READY,
            mine,
            f"`docker exec C sh -c '{_ECHO}'`",
            found.get("docker"),
            Goal(Bound.RATIO_AT_MOST, 0.12),
            "" if "docker" in found else "the docker command is not installed",
        ),
        Row(
            _READY,
            mine,
            "bash_kernel, local, no container",
            found.get("bash"),
            Goal(Bound.RATIO_AT_MOST, 0.10),
            "" if "bash" in found else "bash_kernel is not installed",
        ),
        Row(
            _READY,
            mine,
            "an empty cell of a bare ipykernel base kernel",
            found["base"],
            Goal(Bound.RATIO_AT_MOST, 1.8),
        ),
        Row(_READY, mine, f"ipykernel's `!{_ECHO}`, local, no container", found["ipython"]),
        Row(_READY, mine, _RAW, found["raw"]),
    ]


def _cold(bench: Bench, raw: RawEngine) -> list[Row]:
    with bench.kernel(standby="0") as cold:
        found = interleave(
            {
                "ours": lambda: cold.seconds(_ECHO),
                "raw": lambda: raw.cycle("sh", "-c", _ECHO),
                "fed": lambda: _fed(raw),
            },
            count=bench.samples,
            settle=0.05,
        )
    return [
        Row(_COLD, found["ours"], _RAW, found["raw"], Goal(Bound.RATIO_AT_MOST, 1.10)),
        Row(_COLD, found["ours"], _FED, found["fed"]),
    ]


def _fed(raw: RawEngine) -> float:
    return raw.fed_cycle("sh", "-c", f"read -r line; {_ECHO}", size=_ENVIRONMENT)


def _burst(bench: Bench, raw: RawEngine) -> list[Row]:
    """Measure Run All: cells that are queued, so that no standby can be ready for most of them."""
    with bench.kernel() as kernel:

        def burst() -> float:
            begin = time.perf_counter()
            requests = [kernel.send(_ECHO) for _ in range(_BURST)]
            results = [kernel.collect(request, begin) for request in requests]
            if any(result.status != "ok" for result in results):
                raise RuntimeError("a cell of the burst failed")
            return results[-1].duration

        # As many cycles of the peer as fit beside it, before and after.
        cycles = 3 if bench.quick else 10

        def times(cycle: Subject) -> float:
            return _BURST / cycles * sum(cycle() for _ in range(cycles))

        found = interleave(
            {
                "ours": burst,
                "raw": lambda: times(lambda: raw.cycle("sh", "-c", _ECHO)),
                "fed": lambda: times(lambda: _fed(raw)),
            },
            count=bench.few,
            warm_up=0 if bench.quick else 1,
            settle=READY,
        )
    what = f"{_BURST} cells `{_ECHO}` sent at once, to the last idle"
    return [
        Row(
            what,
            found["ours"],
            f"{_BURST} times the raw cycle",
            found["raw"],
            Goal(Bound.RATIO_AT_MOST, 1.0),
        ),
        Row(what, found["ours"], _FED, found["fed"]),
    ]


def _first_output(bench: Bench, raw: RawEngine) -> list[Row]:
    with (
        bench.kernel() as ready,
        bench.kernel(standby="0") as cold,
        bench.kernel(IPYTHON) as ipython,
    ):

        def first(kernel: Kernel, code: str = _PRINT_THEN_SLEEP) -> float:
            result = kernel.run(code)
            if result.first_output is None:
                raise RuntimeError("the cell printed nothing")
            return result.first_output

        found = interleave(
            {
                "ready": lambda: first(ready),
                "cold": lambda: first(cold),
                "ipython": lambda: first(ipython, f"!{_PRINT_THEN_SLEEP}"),
                "raw": lambda: raw.first_byte("sh", "-c", _PRINT_THEN_SLEEP),
            },
            count=bench.samples,
            settle=READY,
        )

    def row(kind: str, ours: Samples) -> Row:
        what = f"first output of `{_PRINT_THEN_SLEEP}`, {kind}"
        goal = Goal(Bound.EXCESS_AT_MOST, 0.005)
        return Row(what, ours, "first byte on a raw socket (cold)", found["raw"], goal)

    return [
        Row(
            f"first output of `{_PRINT_THEN_SLEEP}`, standby ready",
            found["ready"],
            "ipykernel's `!`, first output, no container",
            found["ipython"],
            Goal(Bound.RATIO_AT_MOST, 1.0),
        ),
        row("standby ready", found["ready"]),
        row("cold", found["cold"]),
    ]
