"""Where the time goes: the steps of a cell, the imports of a start, the code that is busy."""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from benchmarks.bench import READY, Bench
from benchmarks.kernels import BASE, DEXEC, Kernel, Result
from benchmarks.measure import markdown
from benchmarks.tap import Event, Tap

_ECHO = "echo hi"
_WARM_UP = 3
#: The least share of cells that must have a step for it to be listed.
_OFTEN = 0.5
_MESSAGES = {
    "busy": "the kernel sends busy: request received",
    "display_data": "the kernel sends the bar",
    "stream": "the kernel sends the output",
    "update_display_data": "the kernel brings the bar up to date",
    "idle": "the kernel sends idle",
}
#: By step, the party that worked before it, so that the time is theirs.
_EVENTS = {
    "container inspect asked": "the kernel asks for the container",
    "container inspect answered": "the engine answers",
    "exec create asked": "the kernel asks for an exec",
    "exec create answered": "the engine has created it",
    "exec start asked": "the kernel has it started and attached",
    "exec start answered": "the engine answers 101",
    "stdin": "the kernel sends the cell's text",
    "output": "the first bytes come out of the exec",
    "stream ended": "the exec's stream ends",
    "exec inspect asked": "the kernel asks how it ended",
    "exec inspect answered": "the engine answers with exit code and PID",
}
_IMPORT = re.compile(r"^import time:\s+(\d+) \|\s+(\d+) \| +(\S+)$", re.MULTILINE)
#: In microseconds: packages whose imports take less are put together.
_SMALL = 2000
_PROFILE_SECONDS = 8
_FRAME = re.compile(r"\((\S+?)(?::\d+)?\)$")


def breakdown(bench: Bench) -> str:
    """Return tables in Markdown."""
    parts = [
        "### A cell with a standby ready\n",
        _steps(bench, standby="1"),
        "\n### A cold cell (`standby = 0`)\n",
        _steps(bench, standby="0"),
        "\n### Imports of a kernel's start (`-X importtime`)\n",
        _imports(bench),
        "\n### Busy Python, one cell after the other (py-spy, holder of the GIL)\n",
        _profile(bench),
    ]
    return "\n".join(parts)


# --- the steps of a cell --------------------------------------------------------------------------


def _steps(bench: Bench, *, standby: str) -> str:
    cells: list[dict[str, float]] = []
    path = bench.folder / f"tap-{standby}.sock"
    with Tap(path, bench.host.removeprefix("unix://")) as tap:
        tapped = replace(bench, host=f"unix://{path}")
        with tapped.kernel(standby=standby) as kernel:
            for number in range(_WARM_UP + bench.samples):
                time.sleep(READY)
                begin, noted = time.time(), len(tap.events)
                result = kernel.run(_ECHO)
                if number >= _WARM_UP:
                    cells.append(_moments(begin, result, tap.events[noted:]))
    return _timeline(cells)


def _moments(begin: float, result: Result, events: Iterable[Event]) -> dict[str, float]:
    """Return when each step of a cell was, in seconds since its request was sent."""
    moments = {name: result.sent[kind] for kind, name in _MESSAGES.items() if kind in result.sent}
    for event in events:
        # The next standby is made ready at the same time: it is not this cell's.
        is_ours = event.exec_id == result.record["exec_id"] or event.what.startswith("container")
        if not is_ours or event.what not in _EVENTS or event.at > result.received:
            continue
        name = _EVENTS[event.what]
        # It may be asked before, for the PID; the last time tells how it ended.
        if event.what.startswith("exec inspect") or name not in moments:
            moments[name] = event.at
    moments["idle has arrived"] = result.received
    return {name: at - begin for name, at in moments.items()}


def _timeline(cells: list[dict[str, float]]) -> str:
    names = {name for cell in cells for name in cell}
    medians = {
        name: statistics.median(found)
        for name in names
        if len(found := [cell[name] for cell in cells if name in cell]) >= _OFTEN * len(cells)
    }
    lines, before = [], 0.0
    for name, at in sorted(medians.items(), key=lambda item: item[1]):
        lines.append([name, f"{at * 1000:.2f} ms", f"{(at - before) * 1000:.2f} ms"])
        before = at
    return markdown(["step", "at", "took"], lines)


# --- imports --------------------------------------------------------------------------------------


def _imports(bench: Bench) -> str:
    rounds = 1 if bench.quick else 5
    found = {name: [_import_times(bench, name) for _ in range(rounds)] for name in (DEXEC, BASE)}
    packages = {package for runs in found.values() for run in runs for package in run}

    def took(name: str, package: str) -> float:
        return statistics.median(run[package] for run in found[name])

    times = {package: (took(DEXEC, package), took(BASE, package)) for package in packages}
    large = {package: both for package, both in times.items() if max(both) >= _SMALL}
    rest = [both for package, both in times.items() if package not in large]
    lines = [
        [f"`{package}`", _ms(ours), _ms(base), _ms(ours - base)]
        for package, (ours, base) in sorted(large.items(), key=lambda item: -item[1][0])
    ]
    for label, both in (("all others", rest), ("together", list(times.values()))):
        ours, base = sum(pair[0] for pair in both), sum(pair[1] for pair in both)
        lines.append([label, _ms(ours), _ms(base), _ms(ours - base)])
    return markdown(["package", "dexec-kernel", "bare base kernel", "more"], lines)


def _import_times(bench: Bench, name: str) -> Counter[str]:
    """Return the microseconds of each package's imports until the kernel answers."""
    path = bench.folder / "imports"
    env = bench.environment | {"PYTHONPROFILEIMPORTTIME": "1"}
    with path.open("wb") as file, Kernel(name, env, bench.folder / "kernels", stderr=file):
        text = path.read_text()
    times: Counter[str] = Counter()
    for own, _cumulated, module in _IMPORT.findall(text):
        package = module.split(".")[0]
        times[package if package not in sys.stdlib_module_names else "standard library"] += int(own)
    return times


def _ms(microseconds: float) -> str:
    return f"{microseconds / 1000:.1f} ms"


# --- the profile ----------------------------------------------------------------------------------


def _profile(bench: Bench) -> str:
    sampler = shutil.which("py-spy") or shutil.which("py-spy", path=Path(sys.executable).parent)
    if sampler is None:
        return "py-spy is not installed."
    seconds = 1 if bench.quick else _PROFILE_SECONDS
    path = bench.folder / "profile"
    with bench.kernel() as kernel:
        kernel.run(_ECHO)
        command = [sampler, "record", "--pid", str(kernel.pid), "--duration", str(seconds)]
        command += [
            "--rate",
            "500",
            "--format",
            "raw",
            "--output",
            str(path),
            "--nonblocking",
            "--gil",
        ]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            while process.poll() is None:
                kernel.run(_ECHO)
            assert process.stderr is not None
            said = process.stderr.read().decode(errors="replace")
    if process.returncode != 0 or not path.exists():
        return f"py-spy could not look: {said.strip().splitlines()[-1:]}"
    return _busy(path.read_text())


def _busy(text: str) -> str:
    """Return the share of each place in the code, by the innermost frame and by ours."""
    innermost: Counter[str] = Counter()
    ours: Counter[str] = Counter()
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        innermost[_place(frames[-1])] += int(count)
        mine = next((frame for frame in reversed(frames) if "dexec_kernel/" in frame), "")
        ours[re.sub(r":\d+\)$", ")", mine) or "none of ours"] += int(count)
    return "\n\n".join(
        markdown([title, "of the busy time"], _shares(counts))
        for title, counts in (
            ("innermost frame in", innermost),
            ("innermost function of dexec-kernel", ours),
        )
    )


def _place(frame: str) -> str:
    match = _FRAME.search(frame)
    path = match[1].rpartition("site-packages/")[2] if match else frame
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "dexec_kernel" else parts[0]


def _shares(counts: Counter[str]) -> list[list[str]]:
    total = counts.total()
    return [[f"`{name}`", f"{count / total:.0%}"] for name, count in counts.most_common(12)]
