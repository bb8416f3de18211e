"""The way to signal a cell: from inside the container, or from this machine."""

from __future__ import annotations

import logging

from dexec_kernel.backend.protocol import Backend
from dexec_kernel.cells.signals import Signaller
from dexec_kernel.cells.signals.container import (
    LONG_SIGNAL_TIMEOUT,
    SIGNAL_TIMEOUT,
    ContainerSignaller,
)
from dexec_kernel.cells.signals.host import HostSignaller
from dexec_kernel.errors import ContainerPaused, EngineError, SignalError
from dexec_kernel.shell.commands import Shell

_log = logging.getLogger(__name__)


class FirstThatWorks:
    """Signals one way, and another way from the first failure on.

    No exec starts in a container whose processes are at their limit (a fork bomb), nor on an engine
    that hangs or is gone. This machine's own way needs none of them.
    """

    def __init__(self, first: Signaller, other: Signaller) -> None:
        self._way = first
        self._other: Signaller | None = other

    @property
    def leader(self) -> int:
        """The PID of the cell's own process, as the way in use counts."""
        return self._way.leader

    async def send(self, name: str) -> set[int]:
        """Send a signal; return the PIDs that were alive. Raises what the last way raises."""
        try:
            return await self._way.send(name)
        except (SignalError, EngineError) as error:
            # The processes of a paused container heed nothing, if anything SIGKILL.
            is_vain = isinstance(error, ContainerPaused) and name != "KILL"
            if self._other is None or is_vain:
                raise
            _log.info("SIG%s goes another way: %s", name, error.message)
            self._way, self._other = self._other, None
        return await self._way.send(name)


def host_signaller(pid: int | None, container_id: str) -> HostSignaller | None:
    """Return the way from this machine to a process of a container, None where there is none."""
    if pid is None or not HostSignaller.reaches(pid, container_id):
        return None
    return HostSignaller(pid, container_id)


def find_signaller(
    backend: Backend,
    container_id: str,
    shell: Shell,
    *,
    inner_pid: int | None,
    pid: int | None,
    user: str = "",
) -> Signaller:
    """Return the way to signal a cell. Raises :class:`SignalError` if there is no way.

    ``inner_pid`` is the cell's PID inside the container, ``pid`` its PID on the engine's host;
    ``user`` is the cell's.
    """
    host = None if backend.is_remote else host_signaller(pid, container_id)
    if shell is not Shell.NONE and inner_pid is not None:
        timeout = LONG_SIGNAL_TIMEOUT if host is None else SIGNAL_TIMEOUT
        inside = ContainerSignaller(
            backend, container_id, shell, inner_pid, user=user, timeout=timeout
        )
        return inside if host is None else FirstThatWorks(inside, host)
    if host is not None:
        return host
    raise SignalError(
        "The command cannot be signalled: the image has no shell to do it from inside, and the"
        " engine is on another machine or the process another user's. It may go on running.",
    )
