"""Signals to what a cell started. The engine has no call for it, so there are ways round.

Where the image has a shell, a second exec sends them from inside the container. Where it has none
and the container runs on this very machine, they are sent from here, to the PID that inspect gives.
A terminal turns Ctrl-C into SIGINT by itself.
"""

from __future__ import annotations

import os
import re
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dexec_kernel.backend.collect import collect
from dexec_kernel.backend.models import ExecConfig, ExecState
from dexec_kernel.backend.protocol import Backend, Exec
from dexec_kernel.errors import DexecError, EngineUnavailable
from dexec_kernel.shell.commands import Shell, signal_command

#: In seconds: a signal takes about 50 ms, so that an engine that takes this long is stuck.
SIGNAL_TIMEOUT = 5.0
NO_SIGNAL = "0"
#: The last line of signal.sh.
_END = b".\n"
#: A line of signal.sh: a PID, and when it started, which tells it from a later one of that number.
_process = re.compile(rb"^(\d+):(\d+)$", re.MULTILINE)
#: What a terminal makes SIGINT of: Ctrl-C.
_INTERRUPT_KEY = b"\x03"
#: How often it is looked for processes that were started meanwhile, before all are killed.
_MAX_ROUNDS = 10
_ROOTS = frozenset({"", "0", "root"})


class SignalError(DexecError):
    """The cell's processes cannot be signalled."""


class Signaller(Protocol):
    """Reaches the processes of one cell."""

    async def send(self, name: str) -> set[int]:
        """Send SIG``name`` to all of them, or nothing for ``"0"``.

        Returns the PIDs of those that were alive before it, the cell's own process as ``leader``.
        Whoever was found once is found again when its parent has died. Raises what the engine's
        verbs raise, and :class:`SignalError`.
        """
        ...

    @property
    def leader(self) -> int:
        """The PID of the cell's own process, as :meth:`send` counts."""
        ...


class ContainerSignaller:
    """Signals from inside the container, through its shell, as the cell's user.

    Whom that user cannot kill, root does: what ``sudo`` has started.
    """

    def __init__(
        self, backend: Backend, container_id: str, shell: Shell, leader: int, *, user: str = ""
    ) -> None:
        self._backend = backend
        self._container_id = container_id
        self._shell = shell
        self._leader = leader
        self._user = user
        self._known: dict[int, int] = {}

    @property
    def leader(self) -> int:
        """The PID of the cell's own process inside the container."""
        return self._leader

    async def send(self, name: str) -> set[int]:
        """Send a signal; return who was alive."""
        alive = await self._send(name, self._user)
        is_root = self._user.partition(":")[0] in _ROOTS
        if name == "KILL" and not is_root and await self._send(NO_SIGNAL, self._user):
            await self._send(name, "0")
        return alive

    async def _send(self, name: str, user: str) -> set[int]:
        command = signal_command(self._shell, name, self._leader, self._known)
        config = ExecConfig(command, user=user)
        try:
            output = await collect(
                self._backend,
                self._container_id,
                config,
                is_complete=lambda printed: printed.endswith(_END),
                timeout=SIGNAL_TIMEOUT,
            )
        except TimeoutError as error:
            raise SignalError(
                f"The engine did not deliver SIG{name} within {SIGNAL_TIMEOUT:g} s."
            ) from error
        if not output.endswith(_END):
            report = output.decode("utf-8", "replace").strip()
            raise SignalError(f"No signal could be sent from inside the container: {report}")
        self._known = {int(pid): int(start) for pid, start in _process.findall(output)}
        return set(self._known)


class HostSignaller:
    """Signals from this machine, for a container that runs on it."""

    def __init__(self, pid: int, container_id: str) -> None:
        self._pid = pid
        self._container_id = container_id
        self._known: dict[int, int] = {}

    @property
    def leader(self) -> int:
        """The PID of the cell's own process on this machine."""
        return self._pid

    @classmethod
    def reaches(cls, pid: int, container_id: str) -> bool:
        """Return whether ``pid`` is a process of the container on this machine, and ours to signal.

        An engine on another machine names PIDs of that machine: the cgroup tells them apart.
        """
        try:
            cgroups = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8")
            os.kill(pid, 0)
        except OSError:
            return False
        return container_id in cgroups

    async def send(self, name: str) -> set[int]:
        """Send a signal; return who was alive."""
        self._known = self._alive()
        if name == "KILL":
            self._freeze()
        if name != NO_SIGNAL:
            self._signal(signal.Signals[f"SIG{name}"])
        return set(self._known)

    def _freeze(self) -> None:
        """Stop all of them: who is stopped starts nothing any more that could be missed."""
        for _ in range(_MAX_ROUNDS):
            self._signal(signal.SIGSTOP)
            before, self._known = self._known, self._alive()
            if self._known.keys() <= before.keys():
                break

    def _signal(self, number: int) -> None:
        for pid in self._known:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue  # It went by itself.
            except PermissionError as error:
                raise SignalError(f"This user may not signal the process {pid}.") from error

    def _alive(self) -> dict[int, int]:
        """Return the PIDs that are the cell's and not zombies, with their start times.

        The same as reach.sh finds, but for those who are told by the cell's output alone.
        """
        found: dict[int, int] = {}
        sessions = {self._pid}
        others = _processes()
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
                if self.reaches(pid, self._container_id):
                    found[pid] = process.start
                    sessions.add(process.session)
                    is_new = True
        return found


class TerminalSignaller:
    """Types Ctrl-C for SIGINT, as the terminal's user would; other signals go another way.

    ``other`` is that way, or the error that says why there is none. Then the engine's inspect
    of the exec tells whether its process is alive.
    """

    def __init__(self, attached: Exec, other: Signaller | SignalError) -> None:
        self._exec = attached
        self._other = other

    @property
    def leader(self) -> int:
        """The PID of the cell's own process, 0 where it is not known."""
        return 0 if isinstance(self._other, SignalError) else self._other.leader

    async def send(self, name: str) -> set[int]:
        """Send a signal; return who was alive."""
        if name not in {"INT", NO_SIGNAL}:
            if isinstance(self._other, SignalError):
                raise self._other
            return await self._other.send(name)
        if isinstance(self._other, SignalError):
            is_alive = (await self._exec.inspect()).state is ExecState.RUNNING
            alive = {self.leader} if is_alive else set()
        else:
            alive = await self._other.send(NO_SIGNAL)
        if name == "INT":
            with suppress(EngineUnavailable):  # It has ended by itself.
                await self._exec.write(_INTERRUPT_KEY)
        return alive


@dataclass(frozen=True, slots=True)
class _Process:
    """What /proc/PID/stat says of a process; ``start`` is in clock ticks since the boot."""

    parent: int
    group: int
    session: int
    start: int


def _processes() -> dict[int, _Process]:
    """Return the processes of this machine that are not zombies, by PID."""
    found: dict[int, _Process] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            line = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # It ended while we looked.
        state, *fields = line.rpartition(") ")[2].split()
        if state not in {"Z", "X"}:
            parent, group, session = (int(field) for field in fields[:3])
            found[int(path.parent.name)] = _Process(parent, group, session, int(fields[18]))
    return found


def find_signaller(
    backend: Backend,
    container_id: str,
    shell: Shell,
    *,
    inner_pid: int | None,
    pid: int | None,
    user: str = "",
) -> Signaller:
    """Return the way to signal a cell. Raises :class:`SignalError` where there is none.

    ``inner_pid`` is the cell's PID inside the container, ``pid`` the one on the engine's host;
    ``user`` is the cell's.
    """
    if shell is not Shell.NONE and inner_pid is not None:
        return ContainerSignaller(backend, container_id, shell, inner_pid, user=user)
    if pid is not None and HostSignaller.reaches(pid, container_id):
        return HostSignaller(pid, container_id)
    raise SignalError(
        "The command cannot be signalled: the image has no shell to do it from inside, and the"
        " engine is on another machine or the process another user's. It may go on running.",
    )
