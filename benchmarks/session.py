"""The cost of the session in a cell: restoring its state, and handing it over."""

from __future__ import annotations

from benchmarks.bench import BUSYBOX, DEBIAN, READY, Bench
from benchmarks.measure import Row, interleave

_ECHO = "echo hi"
#: Nothing is taken over from a cell with a command of its own.
_WITHOUT = "%%exec -- echo hi"
_SIZE = 100_000
_FILL = f"BIG=$(head -c {_SIZE} /dev/zero | tr '\\0' x)"


def measure(bench: Bench) -> list[Row]:
    """Measure an empty session, and one of 100 KB, beside a cell without any."""
    return _shell(bench, BUSYBOX, "busybox ash") + _shell(bench, DEBIAN, "bash")


def _shell(bench: Bench, container: str, shell: str) -> list[Row]:
    with (
        bench.kernel(container=container) as without,
        bench.kernel(container=container) as empty,
        bench.kernel(container=container) as full,
    ):
        full.seconds(_FILL)
        found = interleave(
            {
                "without": lambda: without.seconds(_WITHOUT),
                "empty": lambda: empty.seconds(_ECHO),
                "full": lambda: full.seconds(_ECHO),
            },
            count=bench.samples,
            settle=READY,
        )
    what, peer = f"`{_ECHO}` in {shell}", f"`{_WITHOUT}`, which hands over nothing"
    return [
        Row(f"{what}, empty session", found["empty"], peer, found["without"]),
        Row(f"{what}, session of 100 KB", found["full"], peer, found["without"]),
    ]
