"""SIGINT as a terminal's user sends it: Ctrl-C."""

from __future__ import annotations

from contextlib import suppress

from dexec_kernel.backend.models import ExecState
from dexec_kernel.backend.protocol import Exec
from dexec_kernel.cells.signals import NO_SIGNAL, Signaller
from dexec_kernel.errors import EngineUnavailable, SignalError

#: Ctrl-C, which a terminal turns into SIGINT.
_INTERRUPT_KEY = b"\x03"


class TerminalSignaller:
    """Types Ctrl-C for SIGINT, as the terminal's user would; other signals go another way.

    ``other`` is that way, or an error that says why there is no way. In that case the engine's
    inspect of the exec tells whether its process is alive.
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
