"""The throughput of output: bounded, and delivered in full."""

from __future__ import annotations

from pathlib import Path

from benchmarks.bench import BUSYBOX, Bench, has_bash_kernel
from benchmarks.kernels import BASH, IPYTHON, CellTimeout, Kernel
from benchmarks.measure import Bound, Goal, Row, Samples, Unit, interleave
from devtools import containers

#: Files in the container, which are printed as often as makes a gigabyte: lines, and no line end.
_FILE, _ENDLESS, _FILE_SIZE = "/tmp/lines", "/tmp/endless", 62_500_000
_LINE = "a line of output as programs print them, neither short nor long"
_SEQ, _SEQ_SIZE = "seq 1 2000000", 14_888_896
_SEQ_GOAL = 0.01
#: In seconds: bash_kernel is stopped after this, even if that proves nothing.
_LONGEST = 240.0


def measure(bench: Bench) -> list[Row]:
    """Measure a gigabyte into a bounded cell, and 15 MB that are all delivered."""
    lines = f"yes '{_LINE}' | head -c {_FILE_SIZE} > {_FILE}"
    endless = f"head -c {_FILE_SIZE} /dev/zero | tr '\\0' x > {_ENDLESS}"
    return [
        *_drain(bench, _FILE, lines, "of lines"),
        *_drain(bench, _ENDLESS, endless, "without a line end"),
        *_sequence(bench),
    ]


def _drain(bench: Bench, file: str, fill: str, kind: str) -> list[Row]:
    made = containers.run(bench.host, BUSYBOX, ["sh", "-c", fill])
    if made.exit_code != 0:
        raise RuntimeError(f"cannot make {file}: {made.stderr}")
    times = 2 if bench.quick else 16
    size = times * _FILE_SIZE
    script = f"cat {' '.join([file] * times)}"

    def ours(kernel: Kernel) -> float:
        result = kernel.run(script)
        if result.record["output_bytes"] != size:
            raise RuntimeError(f"the cell had {result.record['output_bytes']:,} bytes of {size:,}")
        if log := result.record["log"]:
            # Each is as long as the output.
            Path(log).unlink()
        return size / result.duration

    with (
        bench.kernel() as logging,
        bench.kernel(log_limit="0") as plain,
        bench.raw() as raw,
    ):

        def peer() -> float:
            got, duration = raw.drain("sh", "-c", script)
            if got < size:
                raise RuntimeError(f"the raw stream had {got:,} bytes of {size:,}")
            return size / duration

        found = interleave(
            {"logging": lambda: ours(logging), "plain": lambda: ours(plain), "raw": peer},
            count=bench.fewest,
            warm_up=1,
            settle=0.2,
            unit=Unit.RATE,
        )

    def row(way: str, samples: Samples) -> Row:
        what = f"{size / 1e9:g} GB {kind} into a bounded cell, {way}"
        goal = Goal(Bound.RATIO_AT_LEAST, 0.85)
        peer = "raw read of the same stream into one buffer, in Python"
        return Row(what, samples, peer, found["raw"], goal)

    return [
        row("no log (`log_limit = 0`)", found["plain"]),
        row("all of it into the log file", found["logging"]),
    ]


def _sequence(bench: Bench) -> list[Row]:
    with bench.kernel(output_limit="0") as kernel, bench.kernel(IPYTHON) as ipython:

        def ours() -> float:
            result = kernel.run(_SEQ)
            if result.size != _SEQ_SIZE:
                raise RuntimeError(f"{result.size:,} characters of {_SEQ_SIZE:,} were delivered")
            return result.duration

        found = interleave(
            {"ours": ours, "ipython": lambda: ipython.seconds(f"!{_SEQ}")},
            count=bench.few,
            warm_up=1,
            settle=0.2,
        )
    mine = found["ours"]
    what = f"`{_SEQ}` (15 MB) to idle, all delivered (`output_limit = 0`)"
    half = Goal(Bound.RATIO_AT_MOST, 0.5)
    return [
        Row(what, mine, f"ipykernel's `!{_SEQ}`, no container", found["ipython"], half),
        _beside_bash_kernel(bench, what, mine),
    ]


def _beside_bash_kernel(bench: Bench, what: str, ours: Samples) -> Row:
    """Measure bash_kernel once, for as long as it takes to tell whether the goal is reached."""
    name, goal = f"bash_kernel's `{_SEQ}`, no container", Goal(Bound.RATIO_AT_MOST, _SEQ_GOAL)
    if not has_bash_kernel():
        return Row(what, ours, name, None, goal, "bash_kernel is not installed")
    limit = 5.0 if bench.quick else min(_LONGEST, 1.05 * ours.median / _SEQ_GOAL)
    with bench.kernel(BASH) as bash:
        try:
            took = bash.run(_SEQ, timeout=limit).duration
        except CellTimeout:
            peer = Samples((limit,))
            return Row(what, ours, name, peer, goal, "stopped there", is_lower_bound=True)
    return Row(what, ours, name, Samples((took,)), goal, "measured once")
