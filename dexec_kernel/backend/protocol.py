"""The contract between the kernel and an engine: ``engine.client.EngineClient`` implements it.

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
    ContainerTop,
    ExecConfig,
    ExecInspect,
    Frame,
    PathStat,
    Ping,
)
from dexec_kernel.errors import CommandNotStarted


class FrameReader(Protocol):
    """A source of frames: at least one at a time, an empty list at the end."""

    async def read(self) -> list[Frame]:
        """Return the next frames."""
        ...


class FrameStream(FrameReader, Protocol):
    """A stream of the engine. Its reader closes it."""

    def close(self) -> None:
        """Close the connection, for a waiting reader too. May be called twice."""
        ...


class FrameChannel(FrameStream, Protocol):
    """A stream of the engine that also takes input."""

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
        """Its process's id on the engine's host, None while unknown.

        :meth:`inspect` and :meth:`wait` make it known where the engine tells it.
        """
        ...

    @property
    def upgraded(self) -> bool:
        """False if a proxy in front of the engine drops the bytes for stdin."""
        ...

    @property
    def tells_pid(self) -> bool:
        """Whether the engine tells :attr:`pid`, and prints in the stream why a start has failed.

        Where it does neither, a command runs as soon as :meth:`inspect` says so.
        """
        ...

    @property
    def half_closes(self) -> bool:
        """Whether :meth:`close_write` works. Else it raises :class:`EngineApiError`."""
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
        """Return the reason if the command was not started, else None.

        ``inspect`` is the result of :meth:`wait`, ``printed`` the output of all streams: some
        engines report the fault there, as if the command had printed it.
        """
        ...

    def close(self) -> None:
        """Close the connection. The process is not ended by it. May be called twice."""
        ...


class Backend(Protocol):
    """Look at a container, and execute commands in it: see ``engine.client.EngineClient``."""

    @property
    def is_remote(self) -> bool:
        """True where PIDs are another machine's for certain; False says nothing."""
        ...

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
        even if this call fails or is cancelled. The caller closes the exec.

        Raises :class:`ConfigurationError` for a config that no engine can execute,
        :class:`ApiVersionError`, :class:`ContainerNotFound`, :class:`ContainerNotRunning`,
        :class:`ContainerPaused`, :class:`ExecNotFound` if the container stopped meanwhile, and
        :class:`CommandNotStarted` if the engine refuses to start the command.
        """
        ...

    async def exec_detached(
        self,
        container: str,
        config: ExecConfig,
        *,
        created: Callable[[str], None] = lambda _: None,
    ) -> ExecInspect:
        """Start a command in a running container, attached to nothing; return its inspect.

        It has no stdin and no Tty, its output is discarded, and it outlives this program. The
        inspect is that of the moment after the start: ``pid`` is None where the engine does not
        tell it, ``exit_code`` is known only of a command that has ended by then.

        ``created`` and the errors are those of :meth:`exec`. Unlike there,
        :class:`CommandNotStarted` is raised for every command that cannot be started.
        """
        ...

    async def container_exec_inspect(self, exec_id: str) -> ExecInspect:
        """Look at an exec, by its id. Raises :class:`ExecNotFound`."""
        ...

    async def container_oom_since(self, container: str, since: float) -> bool:
        """Return whether the container ran out of memory after ``since``, in our epoch seconds."""
        ...


class Containers(Protocol):
    """The containers of an engine."""

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
    """Containers, and execs in one of them."""


class Logs(Protocol):
    """The output of a container's main process."""

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

        ``tty`` must be the container's own. ``tail`` is a number of lines, None for all; ``since``
        is in seconds since the epoch. Raises :class:`ContainerNotFound`, and
        :class:`EngineApiError` for a log that the engine cannot read.
        """
        ...


class MainStreams(Protocol):
    """The streams of a container's main process."""

    async def attaching_ends_stdin(self, container: ContainerInspect) -> bool:
        """Tell whether the end of a connection without stdin would end the process's stdin."""
        ...

    async def container_attach_ws(self, container: str, *, stdin: bool = False) -> FrameChannel:
        """Join the main process and read its output from now on. The caller closes it.

        With ``stdin`` it also gets what is written. Raises :class:`ContainerNotFound`,
        :class:`ContainerPaused`, and :class:`EngineApiError` for an engine without it.
        """
        ...


class Archive(Protocol):
    """A tar archive from the engine: an iterator over its bytes; ``stat`` describes its path."""

    @property
    def stat(self) -> PathStat:
        """The stat of the path."""
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
    """The files of containers, running or not, as streamed tar archives.

    Paths are POSIX paths from the container's root. Besides the errors named at each verb, all
    raise :class:`ContainerNotFound`, :class:`PathForbidden`, :class:`EngineApiError` for other
    refusals, and :class:`EngineUnavailable`.
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


class WholeEngine(Engine, Files, Logs, MainStreams, Protocol):
    """All verbs that the kernel uses, and the life of the client behind them."""

    @property
    def url(self) -> str:
        """Where the engine is."""
        ...

    async def aclose(self) -> None:
        """Close the client. May be called twice."""
        ...

    async def answers(self) -> bool:
        """Return whether the engine answers."""
        ...

    async def ping(self) -> Ping:
        """Ask who is there."""
        ...

    async def api_version(self) -> str:
        """Return the API version that is spoken."""
        ...

    async def container_top(self, container: str) -> ContainerTop:
        """List a container's processes."""
        ...

    async def container_process_names(self, container: str) -> dict[str, str]:
        """Return the names of a container's processes by their PIDs on the engine's host."""
        ...

    async def container_restart(self, container: str, *, stop_timeout: int | None = None) -> None:
        """Stop a container and start it again. ``stop_timeout`` is in seconds."""
        ...
