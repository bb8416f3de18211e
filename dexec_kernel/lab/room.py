"""A lab as its student sees it: its containers, its time, its tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dexec_kernel.lab.progress import TaskProgress
from dexec_kernel.lab.spec import Container


@dataclass(frozen=True, slots=True)
class ContainerView:
    """A container: how it is described, the engine's name for it, its state and its use.

    ``memory`` is in bytes; None where the engine does not tell.
    """

    spec: Container
    name: str
    state: str
    memory: int | None = None
    processes: int | None = None


@dataclass(frozen=True, slots=True)
class LabView:
    """The lab. ``left`` is the student's time in seconds, None without a limit.

    ``hints`` names the tasks for which there is a hint to show.
    """

    title: str
    containers: tuple[ContainerView, ...]
    tasks: tuple[TaskProgress, ...]
    left: float | None = None
    hints: frozenset[str] = frozenset()


class Room(Protocol):
    """The kernel's lab, for magics."""

    async def look(self) -> LabView:
        """Look at it."""
        ...

    async def reset(self, name: str) -> float:
        """Make a container anew by its name in the lab, or all for ""; return the seconds taken.

        Raises :class:`UsageError` for a name that no container has.
        """
        ...
