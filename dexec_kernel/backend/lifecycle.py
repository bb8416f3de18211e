"""Containers that are made: their configuration, and the verbs for their life.

Source: Docker Engine API 1.24 to 1.51, "Create a container", "Attach to a container".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from dexec_kernel.backend.images import Images
from dexec_kernel.backend.protocol import FrameChannel, WholeEngine


@dataclass(frozen=True, slots=True)
class HealthConfig:
    """How the engine finds out whether a container is healthy. Times are in seconds.

    ``test`` begins with CMD or CMD-SHELL. None stands for the engine's default.
    """

    test: tuple[str, ...]
    interval: float | None = None
    timeout: float | None = None
    start_period: float | None = None
    retries: int | None = None


@dataclass(frozen=True, slots=True)
class CreateConfig:
    """The body of container create. Sizes are in bytes; None and "" stand for the engine's default.

    ``entrypoint`` of None is the image's own, as ``cmd`` of () is. With ``open_stdin`` the main
    process has a stdin, which ``stdin_once`` closes when the client that is attached to it leaves.
    ``memory`` bounds memory and swap together. ``aliases`` are names on the network of
    ``network_mode``. Environment values never show in the ``repr``.
    """

    image: str
    cmd: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    working_dir: str = ""
    hostname: str = ""
    open_stdin: bool = False
    stdin_once: bool = False
    memory: int | None = None
    cpus: float | None = None
    pids: int | None = None
    network_mode: str = "none"
    aliases: tuple[str, ...] = ()
    read_only: bool = False
    #: Mount options by folder.
    tmpfs: Mapping[str, str] = field(default_factory=dict)
    #: ``SOURCE:/path[:ro]``; a source is an absolute path or a volume's name.
    binds: tuple[str, ...] = ()
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    no_new_privileges: bool = False
    #: The process namespace: ``container:ID`` is that of another container.
    pid_mode: str = ""
    health: HealthConfig | None = None
    #: In seconds: how long the main process has to end when the container is stopped.
    stop_timeout: int | None = None
    #: Whether the output of the main process goes to those alone who are attached to it.
    discards_log: bool = False
    #: Whether the engine removes the container when it has stopped.
    auto_remove: bool = False


@dataclass(frozen=True, slots=True)
class NetworkSummary:
    """One line of the list of networks."""

    id: str
    name: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a container uses at the moment: bytes of memory, processes. None for unknown."""

    memory: int | None = None
    processes: int | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """The engine's word for a container's health, "" without a health check.

    The others are starting, healthy and unhealthy. ``output`` is that of the last check.
    """

    status: str = ""
    output: str = field(default="", repr=False)


class Leash(Protocol):
    """The stdin of a container's main process, held open. Who ends, closes it by that."""

    def close(self) -> None:
        """Let go: the process gets end of file. May be called twice."""
        ...


class Lifecycle(Protocol):
    """Make, start, stop and remove containers.

    Besides the errors named at each verb, all raise :class:`EngineApiError` for other refusals and
    :class:`EngineUnavailable`.
    """

    async def container_create(self, config: CreateConfig, *, name: str = "") -> str:
        """Create a container; return its id. Raises :class:`ImageNotFound`.

        A call that is cancelled may have created it.
        """
        ...

    async def container_start(self, container: str) -> None:
        """Start a container; nothing for one that runs. Raises :class:`ContainerNotFound`."""
        ...

    async def container_stop(self, container: str, *, stop_timeout: int | None = None) -> None:
        """Stop a container; nothing for one that is stopped. Raises :class:`ContainerNotFound`.

        Its processes have ``stop_timeout`` seconds to end before they are killed.
        """
        ...

    async def container_pause(self, container: str) -> None:
        """Freeze a container's processes. Raises :class:`ContainerNotFound`."""
        ...

    async def container_unpause(self, container: str) -> None:
        """Let them go on. Raises :class:`ContainerNotFound`."""
        ...

    async def container_remove(
        self, container: str, *, force: bool = False, volumes: bool = True
    ) -> None:
        """Remove a container with its anonymous ``volumes``; ``force`` kills one that runs.

        Raises :class:`ContainerNotFound`. One that is being removed is no error.
        """
        ...

    async def container_rename(self, container: str, name: str) -> None:
        """Give a container another name. Raises :class:`ContainerNotFound`."""
        ...

    async def container_hold(self, container: str) -> Leash:
        """Attach to the stdin of a container that was not started, and hold it.

        The caller closes the leash. Raises :class:`ContainerNotFound`.
        """
        ...

    async def container_attach(self, container: str) -> FrameChannel:
        """Attach to all streams of a container without a Tty that was not started.

        The caller closes it. Raises :class:`ContainerNotFound`.
        """
        ...

    async def container_health(self, container: str) -> Health:
        """Return a container's health. Raises :class:`ContainerNotFound`."""
        ...

    async def container_usage(self, container: str) -> Usage:
        """Return what a container uses. Raises :class:`ContainerNotFound`."""
        ...

    async def network_create(self, name: str, *, labels: Mapping[str, str]) -> str:
        """Create a network that bridges containers; return its id."""
        ...

    async def network_remove(self, network: str) -> None:
        """Remove a network. One that is not there is no error."""
        ...

    async def network_list(self, *, label: str) -> list[NetworkSummary]:
        """List the networks with a label (``NAME`` or ``NAME=VALUE``)."""
        ...

    async def volume_list(self, *, prefix: str) -> list[str]:
        """List the names of volumes that begin with ``prefix``."""
        ...

    async def volume_remove(self, volume: str) -> None:
        """Remove a volume. One that is not there is no error."""
        ...


class LabEngine(WholeEngine, Lifecycle, Images, Protocol):
    """An engine that also makes containers."""
