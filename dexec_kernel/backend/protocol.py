"""What a cell needs of an engine. ``engine.client.EngineClient`` has it; another engine may too.

Keep it small: whoever brings in another engine writes these and nothing else. There is no verb for
signals, since no engine has one: they go through a second exec (``signals``).
"""

from __future__ import annotations

from typing import Protocol

from dexec_kernel.backend.models import (
    ConsoleSize,
    ContainerInspect,
    ExecConfig,
    ExecInspect,
    Frame,
)


class Attached(Protocol):
    """An attached exec: see ``engine.connection.HijackedConnection``."""

    upgraded: bool

    async def read(self) -> list[Frame]:
        """Return the next frames; an empty list at the end."""
        ...

    async def write(self, data: bytes) -> None:
        """Send to the process's stdin."""
        ...

    async def close_write(self) -> None:
        """Give the process end of file."""
        ...

    def close(self) -> None:
        """Close the connection; the process is not ended by it."""
        ...


class Backend(Protocol):
    """Create, attach, inspect, wait, resize: see ``engine.client.EngineClient``."""

    async def container_inspect(self, container: str) -> ContainerInspect:
        """Look at a container."""
        ...

    async def container_exec_create(self, container: str, config: ExecConfig) -> str:
        """Create an exec and return its id."""
        ...

    async def container_exec_attach(
        self, exec_id: str, *, tty: bool = False, console_size: ConsoleSize | None = None
    ) -> Attached:
        """Start an exec and return its attached connection."""
        ...

    async def container_exec_inspect(self, exec_id: str) -> ExecInspect:
        """Look at an exec."""
        ...

    async def container_exec_wait(self, exec_id: str) -> ExecInspect:
        """Wait, within a bound, until an exec whose stream has ended has exited."""
        ...

    async def container_exec_resize(self, exec_id: str, size: ConsoleSize) -> None:
        """Set the size of a running exec's Tty."""
        ...

    async def container_oom_since(self, container: str, since: float) -> bool:
        """Return whether the container ran out of memory after ``since``, in epoch seconds."""
        ...
