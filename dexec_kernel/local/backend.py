"""``Backend`` without an engine: the exec of a container is a process of this machine."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from dexec_kernel.backend.closing import AsyncClosing
from dexec_kernel.backend.models import (
    ROOT,
    ConsoleSize,
    ContainerInspect,
    ContainerSummary,
    ExecConfig,
    ExecInspect,
    ExecState,
    Frame,
)
from dexec_kernel.errors import (
    CommandNotStarted,
    ContainerNotFound,
    ContainerNotRunning,
    ContainerPaused,
    EngineApiError,
    ExecLost,
    ExecNotFound,
)
from dexec_kernel.local.process import Process, start

#: In seconds: how long the stream stays open after its process, where others hold it; Docker's.
_STREAM_GRACE = 2.0
#: In seconds: for the exit code, after the end of the stream.
_EXIT_CODE_TIMEOUT = 10.0
_END_OF_TRANSMISSION = b"\x04"
_NOT_FOUND, _CONFLICT, _SERVER_ERROR = 404, 409, 500
_COMMAND_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


class LocalBackend(AsyncClosing):
    """One "container", this machine: see :class:`backend.protocol.Engine`.

    ``container`` may be replaced, so as to be stopped or paused. Close it with :meth:`aclose`, or
    use it as a context manager: that ends the processes that still run.
    """

    is_remote = False

    def __init__(
        self, *, name: str = "local", environ: Mapping[str, str] | None = None, folder: str = "/"
    ) -> None:
        self.container = ContainerInspect(
            *(secrets.token_hex(32), name, "this machine"),
            running=True,
            paused=False,
            oom_killed=False,
            user="",
            working_dir=folder,
            labels={},
        )
        if environ is None:
            environ = {"PATH": os.environ.get("PATH", os.defpath), "HOME": folder}
        self._environ = dict(environ)
        self.container = replace(self.container, env_names=tuple(self._environ))
        self._execs: list[LocalExec] = []

    async def aclose(self) -> None:
        """End the processes that still run, and close their streams."""
        for attached in self._execs:
            attached.close()
            await attached.kill()
        self._execs.clear()

    async def container_list(
        self,
        *,
        all: bool = False,  # noqa: A002 -- the engine's word
        filters: Mapping[str, Sequence[str]] | None = None,
    ) -> list[ContainerSummary]:
        """Return the one container, where no filter asks for a label."""
        if filters or not (all or self.container.running):
            return []
        state = "paused" if self.container.paused else "running"
        state = state if self.container.running else "exited"
        found = self.container
        return [ContainerSummary(found.id, found.name, found.image, state, state, found.labels)]

    async def container_inspect(self, container: str) -> ContainerInspect:
        """Look at the container, by its name or id."""
        if container not in {self.container.name, self.container.id}:
            raise ContainerNotFound.of(container)
        running = sum(attached.is_running for attached in self._execs)
        return replace(self.container, exec_count=running)

    async def container_exec_inspect(self, exec_id: str) -> ExecInspect:
        """Look at an exec, by its id. Raises :class:`ExecNotFound`."""
        for attached in self._execs:
            if attached.id == exec_id:
                return await attached.inspect()
        raise ExecNotFound(f"There is no exec {exec_id!r}.", status=_NOT_FOUND)

    async def container_oom_since(self, container: str, since: float) -> bool:  # noqa: ARG002 -- nothing runs out here
        """Return False: nothing limits the memory of a process."""
        return False

    async def exec(
        self,
        container: str,
        config: ExecConfig,
        *,
        created: Callable[[str], None] = lambda _: None,
    ) -> LocalExec:
        """Start a process, attached to its streams. ``privileged`` changes nothing."""
        config.check()
        found = await self.container_inspect(container)
        if found.paused:
            raise ContainerPaused.of(container)
        if not found.running:
            raise ContainerNotRunning.of(container)
        exec_id = secrets.token_hex(32)
        created(exec_id)
        folder = ROOT if config.in_root else config.working_dir or found.working_dir
        environ = self._environ | ({"TERM": "xterm"} if config.tty else {}) | dict(config.env)
        try:
            process = start(config, environ, folder)
        except (OSError, KeyError, ValueError) as error:
            raise _not_started(config, folder, error) from error
        attached = LocalExec(exec_id, found.id, process, tty=config.tty)
        self._execs.append(attached)
        return attached

    async def exec_detached(
        self,
        container: str,
        config: ExecConfig,
        *,
        created: Callable[[str], None] = lambda _: None,
    ) -> ExecInspect:
        """Start a process without streams. It ends with the backend, as the container would."""
        return await (await self.exec(container, config.detached(), created=created)).inspect()


class LocalExec:
    """A process with its streams: see :class:`backend.protocol.Exec`."""

    upgraded = tells_pid = half_closes = True

    def __init__(self, exec_id: str, container_id: str, process: Process, *, tty: bool) -> None:
        self.id = exec_id
        self._container_id = container_id
        self._process = process
        self._tty = tty
        self._closed = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """The process's id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process has not exited."""
        return not self._process.exited.is_set()

    async def read(self) -> list[Frame]:
        """Return what has come on each stream; an empty list at the end.

        The end is that of the process, and of all others that hold its streams, for two seconds.
        """
        is_late = False
        while not self._closed.is_set():
            frames = [
                Frame(stream, data)
                for stream, pipe in self._process.outputs.items()
                if (data := pipe.read())
            ]
            if frames:
                await asyncio.sleep(0)  # Others have a turn.
                return frames
            has_ended = all(pipe.ended for pipe in self._process.outputs.values())
            if not self.is_running and (has_ended or is_late):
                break
            is_late = not await self._happens()
        return []

    async def write(self, data: bytes) -> None:
        """Send to its stdin; without one it is dropped."""
        if self._process.stdin is not None:
            await self._process.stdin.write(data)

    async def close_write(self) -> None:
        """Give it end of file; with a Tty that is Ctrl-D."""
        if self._tty:
            await self.write(_END_OF_TRANSMISSION)
        elif self._process.stdin is not None:
            self._process.stdin.close()

    async def resize(self, size: ConsoleSize) -> None:
        """Set the size of its Tty."""
        try:
            if not self.is_running:
                raise OSError("the process has exited")  # noqa: TRY301 -- as the other fault
            self._process.resize(size)
        except OSError as error:
            raise EngineApiError(
                f"The terminal's size cannot be set: {error}.", status=_SERVER_ERROR
            ) from error

    async def inspect(self) -> ExecInspect:
        """Look at the process."""
        state = ExecState.RUNNING if self.is_running else ExecState.EXITED
        code = self._process.exit_code
        return ExecInspect(self.id, self._container_id, state, self._process.pid, code)

    async def wait(self) -> ExecInspect:
        """Return how it ended."""
        try:
            async with asyncio.timeout(_EXIT_CODE_TIMEOUT):
                await self._process.exited.wait()
        except TimeoutError as error:
            raise ExecLost(
                f"The stream has ended, and PID {self._process.pid} still runs."
            ) from error
        return await self.inspect()

    def why_not_started(self, inspect: ExecInspect, printed: bytes) -> CommandNotStarted | None:  # noqa: ARG002 -- exec() has said it
        """Return None: what cannot be started is an error of ``exec``."""
        return None

    def close(self) -> None:
        """Close the streams. The process lives on."""
        self._closed.set()
        self._process.close()

    async def kill(self) -> None:
        """End the process and its group, and wait for that."""
        if self.is_running:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.exited.wait()

    async def _happens(self) -> bool:
        """Wait for output, the exit, or the close; return False when none came in time."""
        woken = asyncio.Event()
        pipes = [pipe for pipe in self._process.outputs.values() if not pipe.ended]
        has_exited = not self.is_running
        waits = [asyncio.ensure_future(woken.wait()), asyncio.ensure_future(self._closed.wait())]
        if not has_exited:
            waits.append(asyncio.ensure_future(self._process.exited.wait()))
        for pipe in pipes:
            pipe.watch(woken.set)
        try:
            timeout = _STREAM_GRACE if has_exited else None
            done, _ = await asyncio.wait(
                waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for pipe in pipes:
                if not pipe.ended:  # It is, where it was closed meanwhile.
                    pipe.unwatch()
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        return bool(done)


def _not_started(config: ExecConfig, folder: str, error: Exception) -> CommandNotStarted:
    """Return the error for what could not be started, with the exit codes of a shell."""
    name, missing, bad_folder = config.cmd[0], False, False
    match error:
        case FileNotFoundError() | NotADirectoryError() if not os.path.isdir(folder):  # noqa: PTH112 -- text all along
            reason = "the working directory does not exist, or cannot be entered"
            bad_folder = True
        case FileNotFoundError():
            reason, missing = f"the container has no command {name!r}", True
        case PermissionError():
            reason = f"{name!r} may not be executed by this user"
        case OSError():
            reason = f"{name!r} is not a program for this machine"
        case _:
            reason = "the container has no such user"
    return CommandNotStarted(
        f"The command was not started: {reason}.",
        exit_code=_COMMAND_NOT_FOUND if missing else _NOT_EXECUTABLE,
        engine_text=str(error),
        missing_command=missing,
        bad_folder=bad_folder,
    )
