"""The verbs for execs; see :mod:`client`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from dexec_kernel.backend.models import ROOT, ConsoleSize, ExecConfig, ExecInspect, ExecState
from dexec_kernel.engine import answers, codec, reports
from dexec_kernel.engine.calls import path_segment
from dexec_kernel.engine.connection import HijackedConnection
from dexec_kernel.engine.containers import ContainerCalls
from dexec_kernel.engine.http.stream import ByteStream
from dexec_kernel.errors import (
    CommandNotStarted,
    ContainerNotRunning,
    ContainerPaused,
    DexecError,
    EngineApiError,
    EngineError,
    ExecLost,
    ExecNotFound,
)

_ENV_SINCE, _WORKING_DIR_SINCE, _CONSOLE_SIZE_SINCE = "1.25", "1.35", "1.42"

EXIT_CODE_TIMEOUT = 10.0


class ExecCalls(ContainerCalls):
    """Create, start, attach, look at, resize execs, and wait for their end.

    Why an exec was refused, the state of its container tells: hence the base class.
    """

    async def container_exec_create(self, container: str, config: ExecConfig) -> str:
        """Create an exec in a running container; return its id (Go's ``ContainerExecCreate``).

        Raises :class:`ConfigurationError` for a config that no engine can execute, and
        :class:`ApiVersionError` for one that this engine is too old for, both before anything is
        sent; :class:`ContainerNotFound`, :class:`ContainerNotRunning`, :class:`ContainerPaused`.
        """
        config.check()
        path = f"/containers/{path_segment(container, 'container')}/exec"
        if config.env:
            await self._require(_ENV_SINCE, "an exec's environment variables")
        if config.in_root and await self._knows(_WORKING_DIR_SINCE):
            config = replace(config, working_dir=ROOT)
        elif config.working_dir:
            await self._require(_WORKING_DIR_SINCE, "an exec's working directory")
        body = codec.exec_config(config, console_size=await self._knows(_CONSOLE_SIZE_SINCE))
        try:
            answer = await self._quick_call("POST", path, body=body, container=container)
        except EngineApiError as error:
            raise await self._explain(error, container) from error
        return codec.exec_id(answer.json())

    async def container_exec_start(self, exec_id: str, *, tty: bool = False) -> None:
        """Start an exec detached: its output is discarded (Go's ``ContainerExecStart``).

        ``tty`` must be the exec's own. Raises :class:`ExecNotFound`, and
        :class:`EngineApiError` with the engine's report if the command cannot be started.
        """
        path = f"/exec/{path_segment(exec_id, 'exec')}/start"
        body = {"Detach": True, "Tty": tty}
        await self._call("POST", path, body=body, exec_id=exec_id)

    async def container_exec_attach(
        self,
        exec_id: str,
        *,
        tty: bool = False,
        console_size: ConsoleSize | None = None,
        container: str = "",
    ) -> AttachedExec:
        """Start an exec and return its attached connection (Go's ``ContainerExecAttach``).

        ``tty`` must be the exec's own: it decides how the stream is framed. ``container`` is
        named by errors alone. The caller closes the connection. Raises :class:`ExecNotFound`.
        """
        body: dict[str, object] = {"Detach": False, "Tty": tty}
        if tty and console_size is not None and await self._knows(_CONSOLE_SIZE_SINCE):
            body["ConsoleSize"] = [console_size.rows, console_size.columns]
        target = f"/v{await self.api_version()}/exec/{path_segment(exec_id, 'exec')}/start"
        connection = AttachedExec(self, exec_id, await self._open_stream(), tty=tty)
        content = json.dumps(body).encode()
        request = partial(
            connection.start, target, content, host=self._address.http_host, exec_id=exec_id
        )
        await self._begin(connection, request, "exec start", container=container)
        return connection

    async def exec(
        self,
        container: str,
        config: ExecConfig,
        *,
        created: Callable[[str], None] = lambda _: None,
    ) -> AttachedExec:
        """Create an exec and attach to it: see :meth:`Backend.exec`; no call of Go's."""
        exec_id = await self.container_exec_create(container, config)
        created(exec_id)
        with _refusal_named(config):
            attached = await self.container_exec_attach(
                exec_id,
                tty=config.tty,
                console_size=config.console_size,
                container=container,
            )
        attached.command = config.cmd
        return attached

    async def exec_detached(
        self,
        container: str,
        config: ExecConfig,
        *,
        created: Callable[[str], None] = lambda _: None,
    ) -> ExecInspect:
        """Create an exec and start it detached: see :meth:`Backend.exec_detached`; none of Go's."""
        exec_id = await self.container_exec_create(container, config.detached())
        created(exec_id)
        with _refusal_named(config):
            await self.container_exec_start(exec_id)
        try:
            return await self.container_exec_inspect(exec_id)
        except EngineError:
            # It was started all the same, and no more is known of it.
            return ExecInspect(exec_id, container, ExecState.RUNNING, None, None)

    async def container_exec_inspect(self, exec_id: str) -> ExecInspect:
        """Look at an exec (Go's ``ContainerExecInspect``). Raises :class:`ExecNotFound`."""
        path = f"/exec/{path_segment(exec_id, 'exec')}/json"
        return codec.exec_inspect((await self._quick_call("GET", path, exec_id=exec_id)).json())

    async def container_exec_resize(self, exec_id: str, size: ConsoleSize) -> None:
        """Set the size of a running exec's Tty (Go's ``ContainerExecResize``).

        Raises :class:`ExecNotFound`, and :class:`EngineApiError` for an exec that does not run.
        """
        query = f"h={size.rows}&w={size.columns}"
        path = f"/exec/{path_segment(exec_id, 'exec')}/resize?{query}"
        await self._quick_call("POST", path, exec_id=exec_id)

    async def container_exec_wait(
        self,
        exec_id: str,
        *,
        timeout: float = EXIT_CODE_TIMEOUT,  # noqa: ASYNC109 -- the bound is the point
    ) -> ExecInspect:
        """Wait, after the end of its stream, until the exec has exited; no call of Go's.

        Raises :class:`ExecLost` when it has not after ``timeout`` seconds, or when the engine
        does not know it any more.
        """
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + timeout, 0.001
        while True:
            try:
                inspect = await self.container_exec_inspect(exec_id)
            except ExecNotFound as error:
                raise ExecLost(
                    "The engine no longer knows the exec, so that its exit code is unknown.",
                    advice="The container was removed, or the engine was restarted.",
                ) from error
            if inspect.state is ExecState.EXITED:
                return inspect
            if loop.time() > deadline:
                process = "" if inspect.pid is None else f" as PID {inspect.pid} on its host"
                raise ExecLost(
                    f"The exec's stream ended, and {timeout:g} s later the engine still calls it"
                    f" {inspect.state.value}: its exit code is unknown. Output may be missing, and"
                    f" the command may still be running{process}.",
                    advice=f"`docker top {inspect.container_id}` shows what runs there.",
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.25)

    async def _explain(self, error: EngineApiError, container: str) -> EngineError:
        """Return what a refused exec create means: only the container's state tells for sure.

        Except for a paused one: Docker 20.10 may have deadlocked it, and then answers no inspect.
        """
        if isinstance(error, ContainerPaused):
            return error
        if error.status not in {answers.CONFLICT, answers.SERVER_ERROR}:
            return error
        try:
            state = await self.container_inspect(container)
        except DexecError:
            return error
        if state.paused:
            return ContainerPaused.of(container)
        return error if state.running else ContainerNotRunning.of(container)


class AttachedExec(HijackedConnection):
    """An exec that was started, attached over its own connection: see :class:`backend.Exec`."""

    tells_pid = half_closes = True

    def __init__(self, calls: ExecCalls, exec_id: str, stream: ByteStream, *, tty: bool) -> None:
        super().__init__(stream, tty=tty)
        self._calls = calls
        self.id = exec_id
        self.pid: int | None = None
        self.command: Sequence[str] = ()

    async def resize(self, size: ConsoleSize) -> None:
        """Set the size of its Tty. Raises as :meth:`ExecCalls.container_exec_resize` does."""
        await self._calls.container_exec_resize(self.id, size)

    async def inspect(self) -> ExecInspect:
        """Look at it. Raises as :meth:`ExecCalls.container_exec_inspect` does."""
        return self._known(await self._calls.container_exec_inspect(self.id))

    async def wait(self) -> ExecInspect:
        """Return how it ended. Raises as :meth:`ExecCalls.container_exec_wait` does."""
        return self._known(await self._calls.container_exec_wait(self.id))

    def why_not_started(self, inspect: ExecInspect, printed: bytes) -> CommandNotStarted | None:
        """Return the error that the engine's report in the stream means, None for no report."""
        report = printed.decode("utf-8", "replace")
        if not inspect.start_failed or not reports.is_engine_report(report):
            return None
        return reports.explain(self.command, inspect.exit_code, report)

    def _known(self, inspect: ExecInspect) -> ExecInspect:
        self.pid = self.pid or inspect.pid
        return inspect


@contextmanager
def _refusal_named(config: ExecConfig) -> Iterator[None]:
    """Raise :class:`CommandNotStarted` where the engine's answer is a report of a refused start."""
    try:
        yield
    except EngineApiError as error:
        refused = reports.refused_start(config.cmd, error)
        if refused is None:
            raise
        raise refused from error
