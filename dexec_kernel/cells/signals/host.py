"""Signals from this machine, to the processes of a container that runs on it.

The engine's inspect gives the cell's PID on its host. /proc may hold tens of thousands of processes
(a fork bomb), so that a look at all of them gives the event loop a turn after every few.
"""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from dexec_kernel.cells.signals import NO_SIGNAL
from dexec_kernel.errors import SignalError

PROC = Path("/proc")
#: How often it is looked for processes that were started meanwhile, before all are killed.
_MAX_ROUNDS = 10
#: In processes: what is looked at between two turns of the event loop, about a millisecond's worth.
_TURN = 50


class HostSignaller:
    """Signals the processes of one cell from this machine.

    ``pid`` is the PID of the cell's own process here, ``proc`` where this machine's processes are.
    """

    def __init__(self, pid: int, container_id: str, *, proc: Path = PROC) -> None:
        self._pid = pid
        self._container_id = container_id
        self._proc = proc
        self._known: dict[int, int] = {}

    @property
    def leader(self) -> int:
        """The PID of the cell's own process on this machine."""
        return self._pid

    @classmethod
    def reaches(cls, pid: int, container_id: str, *, proc: Path = PROC) -> bool:
        """Return whether ``pid`` is a process of the container on this machine, and ours to signal.

        An engine on another machine names PIDs of that machine: the cgroup tells them apart.
        """
        try:
            os.kill(pid, 0)
        except OSError:
            return False
        return _is_in(pid, container_id, proc)

    async def send(self, name: str) -> set[int]:
        """Send SIG``name`` (nothing for ``"0"``); return the PIDs that were alive before it.

        Raises :class:`SignalError` when a process may not be signalled; all others are then.
        """
        self._known = await self._alive()
        if name == "KILL":
            await self._freeze()
        if name != NO_SIGNAL:
            await self._signal(signal.Signals[f"SIG{name}"])
        return set(self._known)

    async def _freeze(self) -> None:
        """Stop all of them, as a stopped process starts no other that could be missed."""
        for _ in range(_MAX_ROUNDS):
            await self._signal(signal.SIGSTOP)
            before, self._known = self._known, await self._alive()
            if self._known.keys() <= before.keys():
                break

    async def _signal(self, number: int) -> None:
        denied: list[int] = []
        for position, pid in enumerate(self._known, 1):
            # Time has passed since the look: the number may be another's by now.
            if self._is_ours(pid):
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    continue  # It went by itself.
                except PermissionError:
                    denied.append(pid)
            if not position % _TURN:
                await asyncio.sleep(0)
        if denied:
            raise SignalError(f"This user may not signal the process {denied[0]}.")

    def _is_ours(self, pid: int) -> bool:
        return _is_in(pid, self._container_id, self._proc)

    async def _alive(self) -> dict[int, int]:
        """Return the PIDs that are the cell's and not zombies, with their start times.

        The same processes as reach.sh finds, except those connected only by the cell's output.
        """
        found: dict[int, int] = {}
        sessions = {self._pid}
        others = await _processes(self._proc)
        is_new = True
        while is_new:
            is_new = False
            for pid, process in list(others.items()):
                is_of_cell = (
                    process.group == self._pid
                    or process.session in sessions
                    or process.parent in found
                    or self._known.get(pid) == process.start
                )
                if not is_of_cell:
                    continue
                del others[pid]
                # When all are gone the number may be another's: the cgroup tells.
                if self._is_ours(pid):
                    found[pid] = process.start
                    sessions.add(process.session)
                    is_new = True
                    if not len(found) % _TURN:
                        await asyncio.sleep(0)
        return found


@dataclass(frozen=True, slots=True)
class _Process:
    """A line of /proc/PID/stat; ``start`` is in clock ticks since the boot."""

    parent: int
    group: int
    session: int
    start: int


def _is_in(pid: int, container_id: str, proc: Path) -> bool:
    """Return whether a process is one of the container."""
    try:
        return container_id in (proc / str(pid) / "cgroup").read_text(encoding="utf-8")
    except OSError:
        return False


async def _processes(proc: Path) -> dict[int, _Process]:
    """Return the processes of this machine that are not zombies, by PID."""
    found: dict[int, _Process] = {}
    for position, pid in enumerate(_pids(proc), 1):
        if (process := _read(proc / str(pid) / "stat")) is not None:
            found[pid] = process
        if not position % _TURN:
            await asyncio.sleep(0)
    return found


def _pids(proc: Path) -> list[int]:
    return [int(name) for name in os.listdir(proc) if name.isdecimal()]  # noqa: PTH208 -- names


def _read(stat: Path) -> _Process | None:
    """Read /proc/PID/stat; None for a zombie, and for a process that ended meanwhile."""
    try:
        line = stat.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *fields = line.rpartition(") ")[2].split()
    if state in {"Z", "X"}:
        return None
    parent, group, session = (int(field) for field in fields[:3])
    return _Process(parent, group, session, int(fields[18]))
