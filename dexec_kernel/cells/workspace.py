"""The memory between cells: the containers' shells and the session's state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from dexec_kernel.backend.models import ContainerInspect, ExecDefaults
from dexec_kernel.backend.protocol import Backend
from dexec_kernel.cells.signals.guardian import Guardians
from dexec_kernel.cells.standby.pool import Standbys
from dexec_kernel.shell.commands import SHELLS, Shell
from dexec_kernel.shell.handover import DamagedHandover, HandoverTooLarge
from dexec_kernel.shell.state import ShellState, put_together


class Session:
    """The states of the containers that cells have run in."""

    def __init__(self) -> None:
        self._states: dict[str, ShellState] = {}
        #: The last hand-over and its state: most cells do not change it.
        self._handed_over: dict[str, tuple[Mapping[str, bytes], ShellState]] = {}

    def state(self, container_id: str) -> ShellState | None:
        """Return the state that the next cell in a container begins with; None for the first."""
        return self._states.get(container_id)

    def take_over(
        self, container_id: str, handover: Mapping[str, bytes], *, env_names: Iterable[str]
    ) -> str:
        """Take over what a cell's shell said at its end; return what the user should know, or "".

        ``handover`` holds what it said by kind (``KINDS``), ``env_names`` are the variables that
        the container gives to every process. A hand-over that is missing or damaged changes
        nothing.
        """
        if not handover:
            return ""  # The shell was replaced or killed, or ended by a trap of its own.
        before = self._states.get(container_id)
        if before is not None and self._handed_over.get(container_id) == (handover, before):
            return ""
        try:
            state = put_together(handover, env_names)
        except DamagedHandover:
            return "the shell's state arrived damaged, and the one before is kept"
        except HandoverTooLarge as error:
            return f"the shell's state is too large ({error}), and the one before is kept"
        self._states[container_id] = state
        self._handed_over[container_id] = (handover, state)
        return ""

    def set_variable(self, container_id: str, name: str, value: str) -> None:
        """Export a variable to the cells that follow."""
        state = self._states.get(container_id) or ShellState(b"", "", "")
        self._states[container_id] = state.with_variable(name, value)

    def reset(self, container_id: str) -> None:
        """Forget the state: the next cell begins as the container has it."""
        self._states.pop(container_id, None)


class Memory:
    """Facts that are found out once instead of with every cell."""

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
        self._defaults: dict[str, ExecDefaults] = {}
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
        """Take note of the shell, user and folder that the container's labels want."""
        self._defaults[container.id] = container.exec_defaults
        if name := container.wanted_shell:
            wanted = Shell.NONE if name == "none" else Shell(name)
            self._wanted[container.id] = self.shells[container.id] = wanted

    def defaults(self, container_id: str) -> ExecDefaults:
        """Return what an exec in a container gets where it names no user or folder."""
        return self._defaults.get(container_id, ExecDefaults())

    def candidates(self, container_id: str) -> list[Shell]:
        """Return the shells to try in a container: the wanted or known one, else all."""
        known = self._wanted.get(container_id) or self.shells.get(container_id)
        return list(SHELLS) if known is None else [known]
