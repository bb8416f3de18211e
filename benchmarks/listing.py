"""How long Jupyter takes to list kernelspecs, when there is one for each of many containers."""

from __future__ import annotations

import json
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager

from benchmarks.bench import Bench
from benchmarks.measure import Row, interleave, seconds
from dexec_kernel.picker.kernelspecs import bound_spec

_COUNT = 200


def measure(bench: Bench) -> list[Row]:
    """Measure the listing of 200 kernelspecs in a folder beside that of one."""
    many, one = bench.folder / "specs-many", bench.folder / "specs-one"
    _write(many, _COUNT)
    _write(one, 1)

    def listing(folder: Path) -> float:
        manager = KernelSpecManager()
        manager.kernel_dirs = [str(folder)]
        return seconds(manager.get_all_specs)

    found = interleave(
        {"many": lambda: listing(many), "one": lambda: listing(one)}, count=bench.samples
    )
    what = f"Jupyter's listing of {_COUNT} kernelspecs in a folder"
    return [Row(what, found["many"], "of one kernelspec", found["one"])]


def _write(folder: Path, count: int) -> None:
    for number in range(count):
        spec = bound_spec(f"container-{number}")
        path = folder / spec.name
        path.mkdir(parents=True)
        (path / "kernel.json").write_text(json.dumps(spec.to_json()))
