"""What a cell needs of an engine. ``engine.client.EngineClient`` has it; another engine may too.

Keep it small: another engine implements these and nothing else. There is no verb for signals,
since no engine has one: they go through a second exec (``cells.signals``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from dexec_kernel.backend.models import (
    ConsoleSize,
    ContainerInspect,
    ContainerSummary,
    ExecConfig,
    ExecInspect,
    Frame,
)
from dexec_kernel.errors import CommandNotStarted


class Exec(Protocol):
    """An exec that was started, attached to its streams. It has one reader and one writer.

    Every method raises :class:`EngineUnavailable` when the connection is lost and
    :class:`ExecNotFound` when the engine does not know the exec any more.
    """

    @property
    def id(self) -> str:
        """The engine's name for it."""
        ...

    @property
    def pid(self) -> int | None:
        """Its process's id on the engine's host, None while that is not known.

        :meth:`inspect` and :meth:`wait` make it known where the engine tells it.
        """
        ...

    @property
    def upgraded(self) -> bool:
        """False where something between us and the engine drops what is written to stdin."""
        ...

    async def read(self) -> list[Frame]:
        """Return the next frames, or pieces of frames, at least one; an empty list at the end.

        Raises :class:`StreamCutOff`, :class:`ProtocolError` and :class:`StreamFault`. A reader
        whose exec is closed meanwhile gets the empty list.
        """
        ...

    async def write(self, data: bytes) -> None:
        """Send to the process's stdin; waits while the process does not read it."""
        ...

    async def close_write(self) -> None:
        """Give the process end of file on its stdin; its output goes on.

        With a Tty that is Ctrl-D, which ends one read.
        """
        ...

    async def resize(self, size: ConsoleSize) -> None:
        """Set the size of a running exec's Tty. Raises :class:`EngineApiError` without one."""
        ...

    async def inspect(self) -> ExecInspect:
        """Look at the exec: whether it runs, its PID, its exit code."""
        ...

    async def wait(self) -> ExecInspect:
        """Return how the exec ended, once its stream has.

        Raises :class:`ExecLost` where that cannot be known.
        """
        ...

    def why_not_started(self, inspect: ExecInspect, printed: bytes) -> CommandNotStarted | None:
        """Return why the command was not started, None where it was.

        ``inspect`` is what :meth:`wait` returned, ``printed`` what came on all streams: some
        engines report there what went wrong, as if the command had printed it.
        """
        ...

    def close(self) -> None:
        """Close the connection. The process is not ended by it. May be called twice."""
        ...


class Backend(Protocol):
    """Look at a container, and execute commands in it: see ``engine.client.EngineClient``."""

    async def container_inspect(self, container: str) -> ContainerInspect:
        """Look at a container. Raises :class:`ContainerNotFound`."""
        ...

    async def exec(
        self,
        container: str,
        config: ExecConfig,
        *,
        created: Callable[[str], None] = lambda _: None,
    ) -> Exec:
        """Execute a command in a running container, attached to its streams.

        ``created`` is called with the exec's id before it is started: from then on it may run,
        even where this call fails or is cancelled. The caller closes the exec.

        Raises :class:`ConfigurationError` for what no engine can execute,
        :class:`ApiVersionError`, :class:`ContainerNotFound`, :class:`ContainerNotRunning`,
        :class:`ContainerPaused`, :class:`ExecNotFound` where the container stopped meanwhile, and
        :class:`CommandNotStarted` where the engine says at once that it cannot be.
        """
        ...

    async def container_oom_since(self, container: str, since: float) -> bool:
        """Return whether the container ran out of memory after ``since``, in epoch seconds."""
        ...


class Containers(Protocol):
    """The containers that there are to choose from."""

    async def container_list(
        self,
        *,
        all: bool = False,  # noqa: A002 -- the engine's word
        filters: Mapping[str, Sequence[str]] | None = None,
    ) -> list[ContainerSummary]:
        """List the running containers, or ``all``; ``filters`` are the engine's."""
        ...

    async def container_inspect(self, container: str) -> ContainerInspect:
        """Look at a container, by name or id. Raises :class:`ContainerNotFound`."""
        ...


class Engine(Backend, Containers, Protocol):
    """What a kernel needs: containers, and execs in one of them."""
