"""``python -m benchmarks``: measure, print a table, and write it into the documentation."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from benchmarks import (
    cells,
    cpu,
    decoding,
    kube,
    labs,
    listing,
    many,
    memory,
    output,
    report,
    session,
    ssh,
    start,
    where,
)
from benchmarks.bench import Bench, prepared
from benchmarks.measure import HEADERS, Row

_SUBJECTS: dict[str, Callable[[Bench], list[Row]]] = {
    "cells": cells.measure,
    "cpu": cpu.measure,
    "session": session.measure,
    "output": output.measure,
    "decoding": decoding.measure,
    "start": start.measure,
    "memory": memory.measure,
    "many": many.measure,
    "listing": listing.measure,
    "ssh": ssh.measure,
    "labs": labs.measure,
    "kube": kube.measure,
}
_WHERE = "where"
#: The subjects whose peers share the core with their engine as we do.
_ON_ONE_CORE = ("cells", "cpu", "output", "start")


def main() -> None:
    """Measure with a private engine. A missed goal is reported and is not a failure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = ", ".join([*_SUBJECTS, _WHERE])
    parser.add_argument("--only", metavar="A,B", help=f"some of: {names}")
    parser.add_argument("--samples", type=int, default=30, help="of each (default: 30)")
    parser.add_argument(
        "--quick", action="store_true", help="few samples and less work, to see that it runs"
    )
    parser.add_argument(
        "--no-write", action="store_true", help="leave the documentation as it is, as --quick does"
    )
    parser.add_argument(
        "--one-core",
        action="store_true",
        help=f"measure {', '.join(_ON_ONE_CORE)} on one core, for a table of its own",
    )
    options = parser.parse_args()
    if options.one_core:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        options.only = options.only or ",".join(_ON_ONE_CORE)
    wanted = options.only.split(",") if options.only else [*_SUBJECTS, _WHERE]
    if unknown := set(wanted) - {*_SUBJECTS, _WHERE}:
        parser.error(f"no such subject: {', '.join(sorted(unknown))} (there are {names})")
    samples = 3 if options.quick else options.samples
    with prepared(samples=samples, quick=options.quick) as bench:
        machine = report.machine(bench.host)
        rows = {name: _measured(name, bench) for name in _SUBJECTS if name in wanted}
        breakdown = _where(bench) if _WHERE in wanted else ""
    found = report.content(machine, rows, breakdown)
    _print([row for part in rows.values() for row in part], report.table(found))
    print(breakdown)
    print("Measured on:", "; ".join(f"{name} {value}" for name, value in machine.items()))
    print("Goals:", report.goals(found), sep="\n\n")
    if options.quick or options.no_write:
        return
    if options.one_core:
        report.write(report.with_one_core(found))
    else:
        report.write(report.merged(found) if options.only else found)


def _measured(name: str, bench: Bench) -> list[Row]:
    begin = time.monotonic()
    print(f"{name} … ", end="", file=sys.stderr, flush=True)
    rows = _SUBJECTS[name](bench)
    print(f"{time.monotonic() - begin:.0f} s", file=sys.stderr)
    return rows


def _where(bench: Bench) -> str:
    print("where the time goes …", file=sys.stderr, flush=True)
    return where.breakdown(bench)


def _print(rows: list[Row], plain: str) -> None:
    if not sys.stdout.isatty():
        print(plain)
        return
    table = Table(*HEADERS)
    for row in rows:
        style = {True: "green", False: "red", None: None}[row.is_reached]
        table.add_row(*row.cells(), style=style)
    Console().print(table)


if __name__ == "__main__":
    main()
