"""The kernel's services for magics. Of Jupyter it uses only the names of messages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from dexec_kernel.backend.models import ContainerInspect, ContainerSummary
from dexec_kernel.backend.protocol import WholeEngine
from dexec_kernel.cells.input.stdin import Ask
from dexec_kernel.cells.outcome import Snapshot
from dexec_kernel.cells.past import PastCells
from dexec_kernel.cells.workspace import Workspace, Workspaces
from dexec_kernel.display.cell import Publish
from dexec_kernel.display.table import text_data
from dexec_kernel.lab.checks.desk import CheckDesk
from dexec_kernel.lab.room import Room
from dexec_kernel.policy.rules import Policy


class MagicSettings(Protocol):
    """The kernel's settings that magics read and set."""

    container: str
    timeout: float


class MagicTarget(Protocol):
    """The engine, and the containers on it."""

    async def client(self) -> WholeEngine:
        """Return the engine's client."""
        ...

    async def container(self, name: str = "") -> ContainerInspect:
        """Look at a container, the current one without a name."""
        ...

    async def running(self, name: str = "") -> ContainerInspect:
        """Look at a container that runs."""
        ...


@dataclass
class MagicContext:
    """One cell's magics share it. ``interrupted`` is set when the user interrupts the cell.

    A handler is cancelled on an interrupt, so that it needs the event only to end in its own way.
    ``last`` is the last cell that ran, ``past`` has more of the last cells, ``workspaces`` are the
    containers as the kernel knows them. ``show_status`` shows the kernel's live bar, and the mime
    bundle that it is given to those who see no widgets; it is None where nobody could use the bar.
    """

    settings: MagicSettings
    target: MagicTarget
    publish: Publish
    last: Snapshot | None = None
    past: PastCells = field(default_factory=PastCells)
    workspaces: Workspaces = field(default_factory=Workspaces)
    interrupted: asyncio.Event = field(default_factory=asyncio.Event)
    #: Asks the user for a line; None where nobody can be asked.
    ask: Ask | None = None
    show_status: Callable[[Mapping[str, str]], Awaitable[None]] | None = None
    #: Shows the lab with buttons; None where nobody could use them.
    show_lab: Callable[[Room], Awaitable[None]] | None = None
    #: What an administrator allows. Most of it is the engine's to refuse.
    policy: Policy = field(default_factory=Policy)
    #: Returns the checks and hints of the kernel's lab; None where it is not that of a lab.
    desk: Callable[[], Awaitable[CheckDesk]] | None = None
    #: The kernel's lab; None where it is not that of a lab.
    room: Room | None = None
    #: Returns the pods that the launcher shows; None for none.
    pods: Callable[[], Awaitable[Sequence[ContainerSummary]]] | None = None
    #: How many of the cell's magics have run to their end.
    completed: int = 0

    async def client(self) -> WholeEngine:
        """Return the engine's client. Raises :class:`EngineUnavailable`."""
        return await self.target.client()

    async def container(self, name: str = "") -> ContainerInspect:
        """Look at a container, the current one without a name, whether it runs or not.

        Raises :class:`ContainerNotFound`, :class:`NotChosenError`.
        """
        return await self.target.container(name)

    async def workspace(self, container: ContainerInspect) -> Workspace:
        """Return a container as the kernel knows it. Raises :class:`EngineUnavailable`."""
        return self.workspaces.of(await self.client(), container)

    async def set_container(self, name: str) -> ContainerInspect:
        """Run cells in ``name`` from here on. Raises :class:`ContainerNotFound`."""
        chosen = await self.container(name)
        self.settings.container = name
        return chosen

    def write(self, text: str, stream: str = "stdout") -> None:
        """Print; ``stream`` is ``stdout`` or ``stderr``."""
        self.publish("stream", {"name": stream, "text": text})

    def show(self, data: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> None:
        """Display a mime bundle, the HTML of which is made by :mod:`dexec_kernel.display.html`."""
        content = {"data": dict(data), "metadata": dict(metadata or {}), "transient": {}}
        self.publish("display_data", content)

    def show_text(self, text: str) -> None:
        """Display plain text, such as help, in a fixed font."""
        self.show(text_data(text))
