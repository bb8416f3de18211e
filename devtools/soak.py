"""Thousands of cells of all kinds with faults, through one kernel: what grows is a defect.

``make soak`` runs 10,000 cells, SOAK_CELLS another number. At intervals it prints a row: what the
kernel's process holds, and what the kernel has in its container and on disk. It fails, with exit
code 1, where a column has grown.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from jupyter_client.manager import KernelManager

from devtools import containers, freezer, images
from devtools.engine import PrivateEngine
from devtools.processes import of_container
from devtools.waiting import GUARD, until

NAME = "soak"
#: In seconds: a cell without an answer for so long has none. Until a kernel has settled.
_SETTLE = 2.0
_ROWS = 20
#: By how much a column may grow from the first rows to the last: a factor, and an amount.
_SLACK = {
    "MB": (1.10, 4.0),
    "descriptors": (1.0, 2.0),
    "threads": (1.0, 1.0),
    "tasks": (1.0, 2.0),
    "execs": (1.0, 0.0),
    "processes": (1.0, 0.0),
    "log MB": (1.0, 0.0),
}
_COUNT_FILE = "SOAK_TASKS"


class Soak:
    """One engine, one container, one kernel."""

    def __init__(self, engine: PrivateEngine, folder: Path) -> None:
        self._engine = engine
        self._tasks = folder / "tasks"
        self._runtime = folder / "runtime"
        self._random = random.Random(1)  # noqa: S311 -- no secret: the same cells in each run
        self.replies: Counter[str] = Counter()
        self._create()
        self.manager = KernelManager(kernel_name="dexec")
        spec = self.manager.kernel_spec
        if spec is None:
            raise RuntimeError("the kernelspec dexec is not installed")
        # The kernel of the installation, and in it an answer to the question after its tasks.
        spec.argv = [sys.executable, "-m", "devtools.soak", "kernel", "-f", "{connection_file}"]
        self.manager.start_kernel(
            env={
                **os.environ,
                "DOCKER_HOST": engine.host,
                "DEXEC_CONTAINER": NAME,
                "DEXEC_STATUS_BAR": "static",
                "DEXEC_HISTORY_FILE": ":memory:",
                "DEXEC_INTERRUPT_GRACE": "0.5",
                "JUPYTER_RUNTIME_DIR": str(self._runtime),
                _COUNT_FILE: str(self._tasks),
            }
        )
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=GUARD)

    def close(self) -> None:
        """End the kernel."""
        self.client.stop_channels()
        self.manager.shutdown_kernel()
        self.manager.cleanup_resources()

    # --- cells --------------------------------------------------------------------------------

    def cell(self, number: int, total: int) -> None:
        """Run one cell: each kind in turn, a fault now and then."""
        faults: list[tuple[int, Callable[[], None]]] = [
            (total // 10, self._restart_engine),
            (97, self._restart),
            (89, self._recreate),
            (53, self._freeze),
            (31, self._pause),
            (23, self._interrupt),
        ]
        for every, fault in faults:
            if number % max(every, 2) == every // 2:
                fault()
                return
        self.run(self._random.choice(_CELLS).format(number=number))

    def run(self, code: str) -> None:
        """Run a cell to its reply, which is counted by its ename, or "ok"."""
        self._collect(self.client.execute(code, allow_stdin=False))

    def _collect(self, request: str) -> None:
        deadline = time.monotonic() + GUARD
        while True:
            reply = self.client.get_shell_msg(timeout=deadline - time.monotonic())
            if reply["parent_header"].get("msg_id") == request:
                break
        while self.client.iopub_channel.msg_ready():
            self.client.get_iopub_msg(timeout=1)
        self.replies[str(reply["content"].get("ename", "ok"))] += 1

    def _create(self) -> None:
        containers.run_container(self._engine.host, images.BUSYBOX, NAME)

    def _running(self, code: str = "sleep 300") -> str:
        request = str(self.client.execute(f"echo begun; {code}", allow_stdin=False))
        while True:
            message: dict[str, Any] = self.client.get_iopub_msg(timeout=GUARD)
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["msg_type"] == "stream":
                return request
            if message["content"].get("execution_state") == "idle":
                return request  # It has failed.

    def _interrupt(self) -> None:
        request = self._running()
        self.manager.interrupt_kernel()
        self._collect(request)

    def _pause(self) -> None:
        request = self._running()
        host = self._engine.host
        container_id = str(containers.inspect(host, NAME)["Id"])
        # The kernel starts one for each cell that takes longer, and nothing after it.
        until(
            lambda: (
                any("dexec-guardian" in p.command for p in of_container(container_id))
                or self.client.shell_channel.msg_ready()
            ),  # It has failed.
            "a cell's guardian",
        )
        freezer.settle(host, container_id)
        containers.pause(host, container_id)
        try:
            freezer.unpause(host, container_id)
        except TimeoutError:
            self._resolve_deadlock(request)
        else:
            self.manager.interrupt_kernel()
            self._collect(request)

    def _resolve_deadlock(self, request: str) -> None:
        """Go on where Docker has deadlocked the container, which is not the kernel's fault."""
        self.replies["(deadlock in Docker)"] += 1
        self._engine.stop_daemon()
        self._collect(request)
        self._engine.start_daemon()
        containers.remove_container(self._engine.host, NAME)
        self._create()

    def _freeze(self) -> None:
        os.kill(self._engine.pid, signal.SIGSTOP)
        request = self.client.execute("echo frozen", allow_stdin=False)
        time.sleep(0.2)
        os.kill(self._engine.pid, signal.SIGCONT)
        self._collect(request)

    def _restart(self) -> None:
        request = self._running()
        containers.restart(self._engine.host, NAME)
        self._collect(request)

    def _recreate(self) -> None:
        request = self._running()
        containers.remove_container(self._engine.host, NAME)
        self._collect(request)
        self.run("echo gone")
        self._create()

    def _restart_engine(self) -> None:
        request = self._running("sleep 3")  # It runs on without its connection.
        self._engine.stop_daemon()
        self._collect(request)
        self.run("echo no engine")
        self._engine.start_daemon()

    # --- figures --------------------------------------------------------------------------------

    def figures(self) -> dict[str, float]:
        """Look at a kernel that has settled: one standby, nothing else."""
        self.run("true")
        time.sleep(_SETTLE)
        pid = self.manager.provisioner.process.pid  # type: ignore[union-attr] # it runs
        process = Path(f"/proc/{pid}")
        self._tasks.unlink(missing_ok=True)
        os.kill(pid, signal.SIGUSR2)
        until(
            lambda: self._tasks.exists() and bool(self._tasks.read_text()),
            "the number of the kernel's tasks",
        )
        host = self._engine.host
        found: dict[str, Any] = containers.inspect(host, NAME)
        logs = [path.stat().st_size for path in self._runtime.rglob("*") if path.is_file()]
        return {
            "MB": _resident(process),
            "descriptors": len(list((process / "fd").iterdir())),
            "threads": len(list((process / "task").iterdir())),
            "tasks": float(self._tasks.read_text()),
            "execs": len(found["ExecIDs"] or []),
            # The container's PID 1 reaps no orphans: zombies are not the kernel's.
            "processes": sum("<defunct>" not in row["CMD"] for row in containers.top(host, NAME)),
            "log MB": round(sum(logs) / 1e6, 1),
        }


_CELLS = (
    "echo {number}",
    "A{number}=1; cd /tmp; unset A{number}",
    "seq 1 2000; seq 1 20 >&2",
    "exit 3",
    "no-such-command",
    "(sleep 0.3; echo late) & echo soon",
    "%%exec -t\ntty",
    "%%exec --timeout 0.2\nsleep 5",
    "%%exec -w /tmp -e B=2\npwd; echo $B",
    "%container\ntrue",
    "%ps",
    "%env",
    "%%writefile :/tmp/file\nhello {number}",
    "%show :/tmp/file",
    "yes | head -c 300000",
    "if",
    "%no-such-magic",
)


def _resident(process: Path) -> float:
    line = next(line for line in (process / "status").read_text().splitlines() if "VmRSS" in line)
    return round(int(line.split()[1]) / 1024, 1)


def grown(rows: list[dict[str, float]]) -> list[str]:
    """Return the columns whose last rows are above the first ones, but for the warm-up."""
    if len(rows) < 4:  # noqa: PLR2004 -- two and two
        return []
    third = max(2, len(rows) // 3)
    first, last = rows[1 : 1 + third], rows[-third:]
    found = []
    for name, (factor, amount) in _SLACK.items():
        before, after = (median(row[name] for row in part) for part in (first, last))
        if after > before * factor + amount:
            found.append(f"{name}: from {before:g} to {after:g}")
    return found


def main() -> int:
    """Run the cells and print a table; return 1 where something grows."""
    total = int(os.environ.get("SOAK_CELLS", "10000"))
    rows: list[dict[str, float]] = []
    with (
        tempfile.TemporaryDirectory(prefix="dexec-soak-") as folder,
        PrivateEngine(["--live-restore"]) as engine,
    ):
        images.ensure_image(engine.host, images.BUSYBOX)
        soak = Soak(engine, Path(folder))
        begun = time.monotonic()
        try:
            for number in range(total):
                soak.cell(number, total)
                if (number + 1) % max(1, total // _ROWS) == 0:
                    rows.append(soak.figures())
                    if len(rows) == 1:
                        print("cells  seconds ", *(f"{name:>11}" for name in rows[0]))
                    values = (f"{value:>11g}" for value in rows[-1].values())
                    seconds = time.monotonic() - begun
                    print(f"{number + 1:>5}  {seconds:>7.0f} ", *values, flush=True)
        finally:
            soak.close()
    print("replies:", ", ".join(f"{n} {count}" for n, count in soak.replies.most_common()))
    found = grown(rows)
    print("\n".join(f"GROWS {line}" for line in found) or "nothing grows")
    return 1 if found else 0


def run_kernel() -> None:
    """Run the kernel, which writes the number of its tasks to a file when it gets SIGUSR2."""
    from dexec_kernel.jupyter.app import DexecKernelApp  # noqa: PLC0415 -- the kernel's process only

    def count(*_: object) -> None:
        Path(os.environ[_COUNT_FILE]).write_text(str(len(asyncio.all_tasks())))

    signal.signal(signal.SIGUSR2, count)
    DexecKernelApp.launch_instance(sys.argv[2:])


if __name__ == "__main__":
    if sys.argv[1:2] == ["kernel"]:
        run_kernel()
    else:
        sys.exit(main())
