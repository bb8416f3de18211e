"""The way to signal a cell: from inside the container, or from this machine."""

from __future__ import annotations

from dexec_kernel.backend.protocol import Backend
from dexec_kernel.cells.signals import Signaller
from dexec_kernel.cells.signals.container import ContainerSignaller
from dexec_kernel.cells.signals.host import HostSignaller
from dexec_kernel.errors import SignalError
from dexec_kernel.shell.commands import Shell


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
    if shell is not Shell.NONE and inner_pid is not None:
        return ContainerSignaller(backend, container_id, shell, inner_pid, user=user)
    if pid is not None and HostSignaller.reaches(pid, container_id):
        return HostSignaller(pid, container_id)
    raise SignalError(
        "The command cannot be signalled: the image has no shell to do it from inside, and the"
        " engine is on another machine or the process another user's. It may go on running.",
    )
