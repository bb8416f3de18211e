"""What a kernel needs of an engine: ``engine.client.EngineClient`` has all of it.

Each protocol is what one part of the kernel needs. Cells need :class:`Backend`; another engine may
have that alone. There is no verb for signals, since no engine has one: they go through a second
exec (``cells.signals``). A process that was executed leads a session and a process group of its
own, which is what a signal is sent to.

``tests/contract/suite.py`` is this contract as tests, which every backend passes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from dexec_kernel.backend.models import (
    ConsoleSize,
    ContainerInspect,
    ContainerSummary,
    ExecConfig,
    ExecInspect,
    Frame,
    PathStat,
)
from dexec_kernel.errors import CommandNotStarted


class FrameReader(Protocol):
    """What is read: frames, at least one at a time, an empty list at the end."""

    async def read(self) -> list[Frame]:
        """Return the next frames."""
        ...


class FrameStream(FrameReader, Protocol):
    """A stream of the engine's, which its reader closes."""

    def close(self) -> None:
        """Close the connection, for a waiting reader too. May be called twice."""
        ...


class FrameChannel(FrameStream, Protocol):
    """A stream of the engine's that is written to as well."""

    async def write(self, data: bytes) -> None:
        """Send to the process's stdin."""
        ...


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


class Logs(Protocol):
    """What a container's main process has printed."""

    async def container_logs(
        self,
        container: str,
        *,
        tty: bool = False,
        follow: bool = False,
        tail: int | None = None,
        since: int = 0,
    ) -> FrameStream:
        """Read a container's log. The caller closes it.

        ``tty`` is what the container was created with. ``tail`` is a number of lines, None for
        all; ``since`` is in seconds since the epoch. Raises :class:`ContainerNotFound`, and
        :class:`EngineApiError` for a log that the engine cannot read.
        """
        ...


class MainStreams(Protocol):
    """The streams of a container's main process."""

    async def attaching_ends_stdin(self, container: ContainerInspect) -> bool:
        """Tell whether the process loses its stdin to a connection that has no use for that."""
        ...

    async def container_attach_ws(self, container: str, *, stdin: bool = False) -> FrameChannel:
        """Join the main process: what it prints from now on comes back. The caller closes it.

        With ``stdin`` it also gets what is written. Raises :class:`ContainerNotFound`,
        :class:`ContainerPaused`, and :class:`EngineApiError` for an engine without it.
        """
        ...


class Archive(Protocol):
    """A tar archive that the engine sends: what ``stat`` describes, as the bytes of an iterator."""

    @property
    def stat(self) -> PathStat:
        """What the engine says of the path."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the bytes. Raises :class:`StreamCutOff`, :class:`EngineUnavailable`."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class Files(Protocol):
    """The files of containers, which need not run. They travel as tar archives, streamed.

    Paths are POSIX paths from the container's root. Besides what is named at each verb, all raise
    :class:`ContainerNotFound`, :class:`PathForbidden`, :class:`EngineApiError` for what else the
    engine refuses, and :class:`EngineUnavailable`.
    """

    async def container_stat_path(self, container: str, path: str) -> PathStat:
        """Look at a path; a symbolic link is not followed. Raises :class:`PathNotFound`."""
        ...

    async def copy_from_container(self, container: str, path: str) -> Archive:
        """Begin to read a file or a folder as a tar archive. Raises :class:`PathNotFound`."""
        ...

    async def copy_to_container(
        self,
        container: str,
        path: str,
        content: AsyncIterator[bytes],
        *,
        allow_overwrite_dir_with_file: bool = False,
        copy_uid_gid: bool = False,
    ) -> None:
        """Extract a tar archive into an existing folder.

        With ``copy_uid_gid`` everything belongs to the user that the container is configured
        with. Raises :class:`PathNotFound` and :class:`FileSystemReadOnly`.
        """
        ...
