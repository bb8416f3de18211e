"""The containers as a kernel knows them: how their cells run, and the state that cells leave."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dexec_kernel.backend.models import ContainerInspect, ExecDefaults
from dexec_kernel.backend.protocol import Backend
from dexec_kernel.cells.driver import HandedOver
from dexec_kernel.cells.lost import LostExecs
from dexec_kernel.cells.signals.guardian import Guardians
from dexec_kernel.cells.signals.leftovers import Leftovers
from dexec_kernel.cells.standby.pool import Standbys
from dexec_kernel.shell.ask import ask
from dexec_kernel.shell.commands import SHELLS, Shell
from dexec_kernel.shell.session import Session
from dexec_kernel.shell.state import ShellState, has_folder

#: How many containers' sessions are kept at most: those that were used last.
_MOST = 100


class Workspace:
    """One container: ``backend`` reaches it, ``container`` is its latest inspect.

    ``shell`` runs its cells, None until one has; ``session`` has the state that they leave,
    ``lost`` the execs whose end nobody saw. Made by
    :meth:`Workspaces.of`. ``standbys`` and ``guardians`` are the kernel's, who owns their execs,
    and so are ``leftovers``.
    """

    def __init__(
        self,
        backend: Backend,
        container: ContainerInspect,
        *,
        standbys: Standbys,
        guardians: Guardians,
        leftovers: Leftovers,
    ) -> None:
        self.backend = backend
        self.container = container
        self.standbys = standbys
        self.guardians = guardians
        self.leftovers = leftovers
        self.shell: Shell | None = None
        self.session = Session()
        self.lost = LostExecs()
        #: False where a proxy before the engine drops the upgrade that stdin needs.
        self.stdin_passes = True
        self.renew(backend, container)

    def renew(self, backend: Backend, container: ContainerInspect) -> None:
        """Take note of a later inspect of the container, and of the client that made it."""
        self.backend, self.container = backend, container
        self.session.begin(container.shell_env)
        if name := container.wanted_shell:
            self.shell = Shell.NONE if name == "none" else Shell(name)

    @property
    def shells(self) -> list[Shell]:
        """The shells to try, the preferred first; the known one alone."""
        return list(SHELLS) if self.shell is None else [self.shell]

    @property
    def defaults(self) -> ExecDefaults:
        """The user and the folder of an exec that names none."""
        return self.container.exec_defaults

    def prepare(self) -> None:
        """Start the exec of the next cell; see :meth:`Standbys.prepare`."""
        if self.stdin_passes:
            self.standbys.prepare(self.backend, self.container, self.shells, self.state)

    @property
    def state(self) -> ShellState | None:
        """What the next cell begins with, None for what the container has."""
        return self.session.state

    def take_over(self, handed_over: HandedOver | None) -> str:
        """Take over a cell's state; return a note for the user. See :meth:`Session.take_over`."""
        if handed_over is None:
            return "the session is as before"
        return self.session.take_over(handed_over.handover, env_names=self.container.env_names)

    def drop(self, functions: Sequence[str]) -> str:
        """Forget functions that could not be restored; return a note for the user, "" for none."""
        return self.session.drop(functions)

    async def ask(
        self,
        script: str,
        arguments: Sequence[str] = (),
        *,
        user: str = "",
        privileged: bool = False,
    ) -> str | None:
        """Run a script in the container and return its answer; see :func:`shell.ask.ask`."""
        config = self.defaults
        shell, answer = await ask(
            *(self.backend, self.container.id, self.shells, script, arguments),
            user=user or config.user,
            working_dir=config.working_dir,
            in_root=has_folder(self.state),
            privileged=privileged,
        )
        self.shell = shell or self.shell
        return answer

    async def find_reader(
        self, leader: int, *, user: str = "", privileged: bool = False
    ) -> str | None:
        """Return what waiting.sh says of the cell with this PID, None for no answer.

        Its guardian answers where it has one, which starts no exec. A guardian is not privileged.
        """
        if not privileged:
            answer = await self.guardians.look(self.container.id, leader)
            if answer is not None:
                return answer
        return await self.ask("waiting.sh", [str(leader)], user=user, privileged=privileged)


class Workspaces:
    """One workspace for each container that a kernel has used.

    ``keeps_background`` tells whether background processes stay when the kernel ends.
    """

    def __init__(
        self,
        *,
        keeps_background: Callable[[], bool] = lambda: False,
        standbys: Standbys | None = None,
        leftovers: Leftovers | None = None,
    ) -> None:
        self.leftovers = leftovers or Leftovers()
        self.guardians = Guardians(keeps_background, self.leftovers)
        self.standbys = standbys or Standbys(lambda: 0, lambda: False, lambda: 0.0)
        self._by_id: dict[str, Workspace] = {}

    def of(self, backend: Backend, container: ContainerInspect) -> Workspace:
        """Return the workspace of a container that ``backend`` has just inspected."""
        self.leftovers.hint()
        workspace = self._by_id.pop(container.id, None)
        if workspace is None:
            workspace = Workspace(
                *(backend, container),
                standbys=self.standbys,
                guardians=self.guardians,
                leftovers=self.leftovers,
            )
        else:
            workspace.renew(backend, container)
        self._by_id[container.id] = workspace  # The latest is the last.
        while len(self._by_id) > _MOST:
            del self._by_id[next(iter(self._by_id))]
        return workspace

    def state(self, container_id: str) -> ShellState | None:
        """Return the state of a container's session; None where no cell has left one."""
        workspace = self._by_id.get(container_id)
        return None if workspace is None else workspace.state

    def drop(self, container_id: str) -> None:
        """Forget a container that is gone."""
        self._by_id.pop(container_id, None)
