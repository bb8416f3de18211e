"""Labs: from a click to the first output, reset, checks, a class at once, and grading it."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.bench import DEBIAN, READY, Bench
from benchmarks.kernels import Kernel
from benchmarks.measure import MIB, Bound, Goal, Row, Samples, Unit, interleave, seconds
from devtools import api, containers, images, processes, session

_EXAMPLE = session.ROOT / "notebooks/lab/linux-basics"
_IMAGE = 'image = "debian:stable-slim"'
_LABEL = "dexec.lab"
_STUDENTS, _FEW_STUDENTS = 30, 4
_ECHO = "echo hi"
#: In seconds: what ``setup.sh`` takes in a checker that runs; and when something hangs.
_SET_UP, _PATIENCE = 1.5, 300.0


def measure(bench: Bench) -> list[Row]:
    """Measure the example lab in the container image that the other measurements have."""
    lab = bench.folder / "linux-basics"
    shutil.copytree(_EXAMPLE, lab)
    toml = lab / "lab.toml"
    toml.write_text(toml.read_text().replace(_IMAGE, f'image = "{images.DEBIAN}"'))
    students = _FEW_STUDENTS if bench.quick else _STUDENTS
    try:
        return [
            _click(bench, lab),
            *_reset(bench, lab),
            _check(bench, lab),
            *_class(bench, lab, students),
            _grading(bench, lab, students),
        ]
    finally:
        _remove_all(bench.host)


def _lab_kernel(bench: Bench, lab: Path) -> Kernel:
    return bench.kernel(container="", lab=str(lab))


def _click(bench: Bench, lab: Path) -> Row:
    def plain() -> float:
        # Like with like: the same image, and so the same shell.
        with bench.kernel(container=DEBIAN) as kernel:
            return _to_first_output(kernel)

    def ours() -> float:
        with _lab_kernel(bench, lab) as kernel:
            taken = _to_first_output(kernel)
        _remove_all(bench.host)
        return taken

    found = interleave({"lab": ours, "plain": plain}, count=bench.few, warm_up=1, settle=0.5)
    return Row(
        "from the start of a lab's kernel to its first cell's output",
        found["lab"],
        "a plain dexec kernel",
        found["plain"],
        Goal(Bound.RATIO_AT_MOST, 1.5),
    )


def _to_first_output(kernel: Kernel) -> float:
    result = kernel.run(_ECHO)
    if result.first_output is None:
        raise RuntimeError("the first cell has printed nothing")
    return kernel.ready_after + result.first_output


def _reset(bench: Bench, lab: Path) -> list[Row]:
    limits: dict[str, Any] = {"memory": 128 * MIB, "pids": 128, "user": "1000"}

    def again() -> None:
        containers.remove_container(bench.host, "bench-reset")
        containers.run_container(bench.host, images.DEBIAN, "bench-reset", **limits)

    containers.run_container(bench.host, images.DEBIAN, "bench-reset", **limits)
    with _lab_kernel(bench, lab) as kernel:
        kernel.seconds(_ECHO)
        found = interleave(
            {"reset": lambda: kernel.seconds("%lab reset"), "again": lambda: seconds(again)},
            count=bench.few,
            warm_up=1,
            settle=READY,
        )
    containers.remove_container(bench.host, "bench-reset")
    _remove_all(bench.host)
    what = "`%lab reset`, with `setup.sh`"
    peer = "`docker rm -f` and `docker run`, as calls of the engine"
    return [
        Row(what, found["reset"], peer, found["again"], Goal(Bound.RATIO_AT_MOST, 1.5)),
        Row(what, found["reset"], goal=Goal(Bound.VALUE_AT_MOST, 0.6)),
    ]


def _check(bench: Bench, lab: Path) -> Row:
    with _lab_kernel(bench, lab) as kernel:
        kernel.seconds((lab / "solutions/folders.sh").read_text())

        def check() -> float:
            _until_running(bench.host, 2)
            time.sleep(_SET_UP)
            return kernel.seconds("%check folders")

        found = interleave({"check": check}, count=bench.few, warm_up=1)
    _remove_all(bench.host)
    what = "`%check` in a fresh container, with a checker that waits"
    return Row(what, found["check"], goal=Goal(Bound.VALUE_AT_MOST, 0.3))


def _class(bench: Bench, lab: Path, students: int) -> list[Row]:
    """Start so many labs at once; return the time until all are ready, and their memory."""
    begin = time.perf_counter()
    with ExitStack() as stack, ThreadPoolExecutor(students) as pool:

        def start(_number: int) -> tuple[Kernel, float]:
            kernel = stack.enter_context(_lab_kernel(bench, lab))
            kernel.seconds(_ECHO)
            return kernel, time.perf_counter() - begin

        started = list(pool.map(start, range(students)))
        ready = Samples((max(taken for _, taken in started),))
        # Each student's next check has its container by then.
        _until_running(bench.host, 2 * students)
        used = sum(kernel.memory("Pss") for kernel, _ in started) + _memory(bench.host)
        memory = Samples((used / students,), Unit.BYTES)
    _remove_all(bench.host)
    at_once = f"{students} labs started at once: until the last is ready"
    goal = None if bench.quick else Goal(Bound.VALUE_AT_MOST, 25.0)
    return [
        Row(at_once, ready, goal=goal),
        Row(
            f"memory of {students} labs, each: kernel, container, waiting checker, shims (PSS)",
            memory,
            goal=Goal(Bound.VALUE_AT_MOST, 50.0 * MIB),
        ),
    ]


def _grading(bench: Bench, lab: Path, students: int) -> Row:
    """Grade right submissions; the peer is what their cells take without anything else."""
    folder = bench.folder / "submissions"
    folder.mkdir(exist_ok=True)
    text = solved_notebook(lab)
    paths = [folder / f"{number}.ipynb" for number in range(students)]
    for path in paths:
        path.write_text(text)
    report = bench.folder / "grades.json"
    command = [sys.executable, "-c", "from dexec_kernel.cli import main; main()", "lab", "grade"]
    command += [str(lab), *map(str, paths), "-j", "2", "--json", str(report)]
    taken = seconds(
        lambda: subprocess.run(
            command, env=bench.environment, check=True, stdout=subprocess.DEVNULL
        )
    )
    rows = json.loads(report.read_text())["notebooks"]
    if any(not math.isclose(row["points"], 10) for row in rows):
        raise RuntimeError("a right submission was not graded as right")
    own = sum(row["seconds"] for row in rows) / 2
    return Row(
        f"`lab grade -j 2` of {students} notebooks",
        Samples((taken,)),
        "the time of their cells alone, by 2",
        Samples((own,)),
        Goal(Bound.RATIO_AT_MOST, 1.2),
    )


def solved_notebook(lab: Path) -> str:
    """Return a lab's notebook with each solution in a cell before its check."""
    notebook = json.loads((lab / "lab.ipynb").read_text())
    cells = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and source.startswith("%check "):
            task = source.removeprefix("%check ").strip()
            solution = (lab / f"solutions/{task}.sh").read_text()
            cells.append({**cell, "id": f"solve-{task}", "source": solution})
        cells.append(cell)
    return json.dumps({**notebook, "cells": cells})


def _memory(host: str) -> float:
    """Return the bytes (PSS) of the labs' containers, and of the shims that hold them."""
    pids = set()
    for container in _labs(host):
        found = processes.of_container(container)
        pids |= {process.pid for process in found}
        main = containers.inspect(host, container)["State"]["Pid"]
        shim = processes.find(main)
        pids |= {shim.parent} if shim else set()
    return sum(_pss(pid) for pid in pids)


def _pss(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # It has ended, or is a zombie.
        return 0.0
    return sum(float(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def _until_running(host: str, count: int) -> None:
    """Wait until so many containers of labs run, and none comes or goes."""
    deadline = time.monotonic() + _PATIENCE
    while not (len(_labs(host)) == len(_labs(host, status=["running"])) == count):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{len(_labs(host))} containers of labs, and not {count} that run")
        time.sleep(0.1)


def _labs(host: str, **filters: list[str]) -> list[str]:
    query = {"all": "true", "filters": json.dumps({"label": [_LABEL], **filters})}
    return [item["Id"] for item in api.call_json(host, "GET", "/containers/json", query=query)]


def _remove_all(host: str) -> None:
    """Remove what killed kernels have left."""
    for container in _labs(host):
        containers.remove_container(host, container)
