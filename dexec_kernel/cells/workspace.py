"""What cells leave for later cells to know: the containers' shells and the session's state."""

from __future__ import annotations

from collections.abc import Callable

from dexec_kernel.backend.models import ContainerInspect
from dexec_kernel.backend.protocol import Backend
from dexec_kernel.cells.session import Session
from dexec_kernel.cells.signals.guardian import Guardians
from dexec_kernel.cells.standby.pool import Standbys
from dexec_kernel.shell.commands import SHELLS, Shell


class Memory:
    """What is found out once, and not with every cell."""

    def __init__(
        self,
        *,
        keeps_background: Callable[[], bool] = lambda: False,
        standbys: Standbys | None = None,
    ) -> None:
        self.guardians = Guardians(keeps_background)
        self.standbys = standbys or Standbys(lambda: 0, lambda: False, lambda: 0.0)
        self.shells: dict[str, Shell] = {}
        self._wanted: dict[str, Shell] = {}
        self.session = Session()
        #: False where a proxy before the engine drops the upgrade that stdin needs.
        self.stdin_passes = True

    def prepare(self, backend: Backend, container: ContainerInspect) -> None:
        """Start in a container what the next cell will run in; see :meth:`Standbys.prepare`."""
        self.heed(container)
        shells, state = self.candidates(container.id), self.session.state(container.id)
        if self.stdin_passes:
            self.standbys.prepare(backend, container, shells, state)

    def heed(self, container: ContainerInspect) -> None:
        """Take note of the shell that the container's labels want for its cells."""
        if name := container.wanted_shell:
            wanted = Shell.NONE if name == "none" else Shell(name)
            self._wanted[container.id] = self.shells[container.id] = wanted

    def candidates(self, container_id: str) -> list[Shell]:
        """Return the shells to try in a container, the one that is wanted or known alone."""
        known = self._wanted.get(container_id) or self.shells.get(container_id)
        return list(SHELLS) if known is None else [known]
