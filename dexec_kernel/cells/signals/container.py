"""Signals from inside the container: a second exec, through the image's shell."""

from __future__ import annotations

import re
from contextlib import suppress

from dexec_kernel.backend.collect import collect
from dexec_kernel.backend.models import ExecConfig
from dexec_kernel.backend.protocol import Backend
from dexec_kernel.cells.signals import NO_SIGNAL
from dexec_kernel.errors import PolicyRefused, SignalError
from dexec_kernel.shell.commands import Shell, signal_program

#: In seconds: a signal takes about 50 ms, so that an engine that takes this long is stuck. Where
#: there is no other way to signal, it has longer.
SIGNAL_TIMEOUT, LONG_SIGNAL_TIMEOUT = 5.0, 10.0
#: The last line of signal.sh.
_END = b".\n"
#: A line of signal.sh: a PID, and when it started, which tells it from a later one of that number.
_process = re.compile(rb"^(\d{1,10}):(\d{1,20})$", re.MULTILINE)
_ROOTS = frozenset({"", "0", "root"})


class ContainerSignaller:
    """Signals from inside the container, through its shell, as the cell's user.

    Root signals the processes that this user may not, such as those started with ``sudo``.
    ``timeout`` is in seconds, for each signal.
    """

    def __init__(
        self,
        backend: Backend,
        container_id: str,
        shell: Shell,
        leader: int,
        *,
        user: str = "",
        timeout: float = LONG_SIGNAL_TIMEOUT,
    ) -> None:
        self._backend = backend
        self._container_id = container_id
        self._shell = shell
        self._leader = leader
        self._user = user
        self._timeout = timeout
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
            # A policy may keep root out, and then those processes go on.
            with suppress(PolicyRefused):
                await self._send(name, "0")
        return alive

    async def _send(self, name: str, user: str) -> set[int]:
        program = signal_program(self._shell, name, self._leader, self._known)
        config = ExecConfig(program.command, env=program.env, user=user, in_root=True)
        try:
            output = await collect(
                self._backend,
                self._container_id,
                config,
                is_complete=lambda printed: printed.endswith(_END),
                timeout=self._timeout,
            )
        except TimeoutError as error:
            raise SignalError(
                f"The engine did not deliver SIG{name} within {self._timeout:g} s."
            ) from error
        if not output.endswith(_END):
            report = output.decode("utf-8", "replace").strip()
            raise SignalError(f"No signal could be sent from inside the container: {report}")
        self._known = {int(pid): int(start) for pid, start in _process.findall(output)}
        return set(self._known)
