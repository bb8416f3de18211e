"""Find the processes of a private engine by its directory, and end those alone."""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROGRAMS = ("dockerd", "containerd", "docker-", "runc", "podman", "conmon")
"""The beginnings of the names of an engine's processes; excludes a `tail -f` of its log."""


@dataclass(frozen=True)
class Process:
    """One process; with its start time (in clock ticks since boot), which tells a reused PID."""

    pid: int
    parent: int
    started: int
    zombie: bool
    name: str
    arguments: tuple[str, ...]

    @property
    def command(self) -> str:
        """The command line as `ps` has it."""
        return f"[{self.name}] <defunct>" if self.zombie else " ".join(self.arguments).strip()


def find(pid: int) -> Process | None:
    """Return the process with this PID, or None."""
    directory = Path("/proc") / str(pid)
    try:
        # The second field is the name in brackets, and may itself hold blanks and brackets.
        head, _, tail = (directory / "stat").read_text().rpartition(")")
        fields, name = tail.split(), head.partition("(")[2]
        arguments = (directory / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return None
    zombie = fields[0] in "ZX"
    return Process(pid, int(fields[1]), int(fields[19]), zombie, name, tuple(arguments))


def pids() -> list[int]:
    """Return the PIDs of all processes of this machine."""
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def cgroups(pid: int) -> str:
    """Return the cgroups of a process, one a line; "" if it is gone."""
    try:
        return Path(f"/proc/{pid}/cgroup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def of_session(leader: int) -> list[int]:
    """Return the PIDs of the processes in the session of a leader, which may be gone."""
    found = []
    for pid in pids():
        with suppress(ProcessLookupError):
            if os.getsid(pid) == leader:
                found.append(pid)
    return found


def is_running(process: Process) -> bool:
    """Tell whether this very process still runs; a zombie does not."""
    now = find(process.pid)
    return now is not None and now.started == process.started and not now.zombie


def of_container(container_id: str) -> list[Process]:
    """Return a container's processes by their cgroups: a `top` without an engine and its `ps`."""
    inside = [pid for pid in pids() if container_id in cgroups(pid)]
    return [process for pid in inside if (process := find(pid)) is not None]


def of_engine(directory: Path) -> list[Process]:
    """Return the engine's processes: those that name its directory, and their descendants.

    The descendants are the processes in its containers: children of the shims (Docker) or of
    conmon (Podman). This process itself is never among them.
    """
    everything = [process for pid in pids() if (process := find(pid)) is not None]
    mark = f"{directory}/"
    ours = {
        p.pid
        for p in everything
        if Path(p.arguments[0]).name.startswith(_PROGRAMS)
        and any(mark in argument for argument in p.arguments)
    }
    size = 0
    while size != len(ours):
        size = len(ours)
        ours |= {p.pid for p in everything if p.parent in ours}
    ours.discard(os.getpid())
    return [p for p in everything if p.pid in ours and not p.zombie]


def end(processes: Iterable[Process], number: signal.Signals, timeout: float) -> list[Process]:
    """Send a signal to these processes, wait for their end, and return the surviving ones."""
    remaining = [process for process in processes if is_running(process)]
    for process in remaining:
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            continue  # it ended in the meantime, as it should
    deadline = time.monotonic() + timeout
    while remaining and time.monotonic() < deadline:
        time.sleep(0.02)
        remaining = [process for process in remaining if is_running(process)]
    return remaining
