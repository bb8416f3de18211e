"""What cells leave for later cells to know: the containers' shells and the session's state."""

from __future__ import annotations

from collections.abc import Callable

from dexec_kernel.cells.guardian import Guardians
from dexec_kernel.cells.session import Session
from dexec_kernel.cells.shell import Shell


class Memory:
    """What is found out once, and not with every cell."""

    def __init__(self, *, keeps_background: Callable[[], bool] = lambda: False) -> None:
        self.guardians = Guardians(keeps_background)
        self.shells: dict[str, Shell] = {}
        self.session = Session()
        #: False where a proxy before the engine drops the upgrade that stdin needs.
        self.stdin_passes = True

    def candidates(self, container_id: str) -> list[Shell]:
        """Return the shells to try in a container, the one that is known alone."""
        known = self.shells.get(container_id)
        return list(Shell) if known is None else [known]
