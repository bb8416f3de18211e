"""A cell of a kernel whose engine is behind ssh, next to one whose engine is on a unix socket."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace

from benchmarks.bench import READY, Bench
from benchmarks.measure import Bound, Goal, Row, interleave
from devtools.sshd import PrivateSshd, missing_package

_ECHO = "echo hi"
_WHAT = f"`{_ECHO}` over ssh to this machine, request to idle"


def measure(bench: Bench) -> list[Row]:
    """Measure cells with a standby and without; no rows where OpenSSH is not installed."""
    if missing_package():
        return []
    with ExitStack() as stack:
        server = stack.enter_context(PrivateSshd())
        far = replace(bench, host=server.url(bench.host))
        path = os.environ["PATH"]
        os.environ["PATH"] = server.path
        stack.callback(os.environ.__setitem__, "PATH", path)
        rows = []
        for words, settings in (("standby ready", {}), ("cold (`standby = 0`)", {"standby": "0"})):
            with far.kernel(**settings) as ours, bench.kernel(**settings) as local:
                found = interleave(
                    {"ours": lambda: ours.seconds(_ECHO), "local": lambda: local.seconds(_ECHO)},
                    count=bench.samples,
                    settle=READY,
                )
            rows.append(
                Row(
                    f"{_WHAT}, {words}",
                    found["ours"],
                    "the same kernel on the engine's unix socket",
                    found["local"],
                    Goal(Bound.RATIO_AT_MOST, 1.5),
                )
            )
        return rows
