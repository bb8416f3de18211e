"""Signals to what a cell started. The engine has no call for it, so there are two ways round.

Where the image has a shell, a second exec sends them from inside the container. Where it has none
and the container runs on this very machine, they are sent from here, to the PID that inspect gives.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Protocol

from dexec_kernel.cells.backend import Backend
from dexec_kernel.cells.shell import Shell, signal_command
from dexec_kernel.engine.errors import DexecError
from dexec_kernel.engine.frames import Stream
from dexec_kernel.engine.models import ExecConfig

#: In seconds: a signal takes about 50 ms, so that an engine that takes this long is stuck.
SIGNAL_TIMEOUT = 5.0
NO_SIGNAL = "0"
#: The last line of signal.sh.
_END = b".\n"


class SignalError(DexecError):
    """The cell's processes cannot be signalled."""


class Signaller(Protocol):
    """Reaches the processes of one cell."""

    async def send(self, name: str) -> set[int]:
        """Send SIG``name`` to all of them, or nothing for ``"0"``.

        Returns the PIDs of those that are alive, the cell's own process as ``leader``. Raises
        what the engine's verbs raise, and :class:`SignalError`.
        """
        ...

    @property
    def leader(self) -> int:
        """The PID of the cell's own process, as :meth:`send` counts."""
        ...


class ContainerSignaller:
    """Signals from inside the container, through its shell, as the cell's user."""

    def __init__(
        self, backend: Backend, container_id: str, shell: Shell, leader: int, *, user: str = ""
    ) -> None:
        self._backend = backend
        self._container_id = container_id
        self._shell = shell
        self._leader = leader
        self._user = user

    @property
    def leader(self) -> int:
        """The PID of the cell's own process inside the container."""
        return self._leader

    async def send(self, name: str) -> set[int]:
        """Send a signal; return who is alive."""
        command = signal_command(self._shell, name, self._leader)
        config = ExecConfig(command, user=self._user)
        try:
            async with asyncio.timeout(SIGNAL_TIMEOUT):
                output = await self._run(config)
        except TimeoutError as error:
            raise SignalError(
                f"The engine did not deliver SIG{name} within {SIGNAL_TIMEOUT:g} s."
            ) from error
        return {int(word) for word in output.split() if word.isdigit()}

    async def _run(self, config: ExecConfig) -> bytes:
        exec_id = await self._backend.container_exec_create(self._container_id, config)
        connection = await self._backend.container_exec_attach(exec_id)
        output = b""
        try:
            while not output.endswith(_END) and (frames := await connection.read()):
                output += b"".join(f.data for f in frames if f.stream is Stream.STDOUT)
        finally:
            connection.close()
        if not output.endswith(_END):
            report = output.decode("utf-8", "replace").strip()
            raise SignalError(f"No signal could be sent from inside the container: {report}")
        return output


class HostSignaller:
    """Signals from this machine, for a container that runs on it."""

    def __init__(self, pid: int, container_id: str) -> None:
        self._pid = pid
        self._container_id = container_id

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
        """Send a signal; return who is alive."""
        alive = self._alive()
        if name == NO_SIGNAL:
            return alive
        number = signal.Signals[f"SIG{name}"]
        for pid in alive:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue  # It went by itself.
            except PermissionError as error:
                raise SignalError(f"This user may not signal the process {pid}.") from error
        return self._alive()

    def _alive(self) -> set[int]:
        """Return the PIDs of the leader's group and session that are not zombies."""
        found: set[int] = set()
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                line = path.read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue  # It ended while we looked.
            state, _, group, session = line.rpartition(") ")[2].split()[:4]
            pid = int(path.parent.name)
            is_of_cell = state not in {"Z", "X"} and str(self._pid) in {group, session}
            # When all are gone the number may be another's: the cgroup tells.
            if is_of_cell and self.reaches(pid, self._container_id):
                found.add(pid)
        return found


def find_signaller(
    backend: Backend, container_id: str, shell: Shell, *, inner_pid: int | None, pid: int | None
) -> Signaller:
    """Return the way to signal a cell. Raises :class:`SignalError` where there is none.

    ``inner_pid`` is the cell's PID inside the container, ``pid`` the one on the engine's host.
    """
    if shell is not Shell.NONE and inner_pid is not None:
        return ContainerSignaller(backend, container_id, shell, inner_pid)
    if pid is not None and HostSignaller.reaches(pid, container_id):
        return HostSignaller(pid, container_id)
    raise SignalError(
        "The command cannot be signalled: the image has no shell to do it from inside, and the"
        " engine is on another machine or the process another user's. It may go on running.",
    )
