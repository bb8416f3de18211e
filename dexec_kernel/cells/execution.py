"""One exec, from create to inspected: what comes out of it, and what is known of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from dexec_kernel.cells.backend import Attached, Backend
from dexec_kernel.cells.marks import MarkScanner, Message
from dexec_kernel.cells.not_started import explain
from dexec_kernel.cells.text import Coalescer, Piece
from dexec_kernel.engine.errors import EngineError, EngineUnavailable
from dexec_kernel.engine.frames import Frame, Stream
from dexec_kernel.engine.models import ExecConfig, ExecInspect, ExecState

#: In bytes: an engine's report of a failed start is never as long as this.
_MAX_REPORT = 64 * 1024
#: In seconds: most cells end sooner, and then one inspect tells the PID and the exit code.
_PID_DELAY = 0.02

Emit = Callable[[list[Piece]], None]


@dataclass(frozen=True, slots=True)
class Command:
    """What one exec runs: ``stdin`` is sent and ended; ``mark`` is what a driver answers with."""

    config: ExecConfig
    stdin: bytes | None = None
    mark: str = ""


class Execution:
    """Runs one command. What is known of it stands in the attributes, None while unknown.

    ``emit`` gets the output, piece by piece; ``changed`` is called when the PID becomes known.
    Whether the command was started at all is not known at once: the engine reports a failure in
    the stream, as if the command had printed it. Until the driver's first word, or a PID, what
    comes is withheld.
    """

    def __init__(
        self, backend: Backend, container_id: str, *, emit: Emit, changed: Callable[[], None]
    ) -> None:
        self._backend = backend
        self._container_id = container_id
        self._emit = emit
        self._changed = changed
        self._text = Coalescer()
        self._timer: asyncio.TimerHandle | None = None
        self._scanner: MarkScanner | None = None
        self._withheld: list[Frame] = []
        self.exec_id: str | None = None
        self.pid: int | None = None
        self.inner_pid: int | None = None
        self.cwd: str | None = None
        self.exit_code: int | None = None
        self.output_bytes = 0
        self.running = asyncio.Event()

    async def run(self, command: Command) -> ExecInspect:
        """Create, attach, stream, inspect. Returns the inspect of the exited exec.

        Raises :class:`CommandNotStarted`, :class:`StdinNotPassed` before anything has run, and
        what the engine's verbs raise.
        """
        self.exec_id = await self._backend.container_exec_create(self._container_id, command.config)
        connection = await self._backend.container_exec_attach(self.exec_id)
        try:
            if command.stdin is not None and not connection.upgraded:
                raise StdinNotPassed("The engine was reached without an upgraded connection.")
            self._scanner = MarkScanner(command.mark) if command.mark else None
            async with _beside(self._send(connection, command.stdin), self._watch_pid()):
                await self._pump(connection)
            return await self._finish(command)
        finally:
            connection.close()
            if self._timer is not None:
                self._timer.cancel()
            # Whatever ended it, what the command has printed is not lost.
            self._give(self._text.finish())

    async def learn_exit_code(self) -> None:
        """Ask for the exit code of a command whose processes are gone and whose stream goes on.

        Someone else holds the stream open, or the engine holds its end back. Raises as inspect.
        """
        if self.exec_id is not None:
            self.exit_code = (await self._backend.container_exec_inspect(self.exec_id)).exit_code

    async def _send(self, connection: Attached, stdin: bytes | None) -> None:
        if stdin is None:
            return
        try:
            await connection.write(stdin)
            await connection.close_write()
        except EngineUnavailable:
            return  # Nobody reads: the end of the stream tells why.

    async def _watch_pid(self) -> None:
        """Find out the PID; for a command without a driver, that it runs."""
        assert self.exec_id is not None  # noqa: S101 -- run() has set it
        if self._scanner is not None:
            await self.running.wait()
            await asyncio.sleep(_PID_DELAY)
        pause = 0.002
        while True:
            try:
                inspect = await self._backend.container_exec_inspect(self.exec_id)
            except EngineError:
                return  # The end of the stream tells more.
            if inspect.pid is not None:
                self.pid = inspect.pid
                self._set_running()
                self._changed()
                return
            if inspect.state is ExecState.EXITED:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.1)

    async def _pump(self, connection: Attached) -> None:
        while frames := await connection.read():
            for frame in frames:
                self._take(frame)
            self._give_due()

    def _take(self, frame: Frame) -> None:
        if not self.running.is_set():
            self._withheld.append(frame)
            if frame.stream is Stream.STDERR and self._scanner is not None:
                self._look_for_greeting()
            elif self._scanner is None and self._withheld_bytes() > _MAX_REPORT:
                self._set_running()
            return
        if frame.stream is not Stream.STDERR or self._scanner is None:
            self._feed("stdout" if frame.stream is not Stream.STDERR else "stderr", frame.data)
            return
        for item in self._scanner.feed(frame.data):
            if isinstance(item, bytes):
                self._feed("stderr", item)

    def _look_for_greeting(self) -> None:
        """Read the driver's first message, which says that it runs, as whom and where."""
        assert self._scanner is not None  # noqa: S101 -- the caller has looked
        *before, last = self._withheld
        items = self._scanner.feed(last.data)
        message = next((item for item in items if isinstance(item, Message)), None)
        rest = [Frame(Stream.STDERR, item) for item in items if isinstance(item, bytes)]
        self._withheld = [*before, *rest]
        if message is not None:
            pid, _, cwd = message.data.decode("utf-8", "replace").partition(" ")
            self.inner_pid = int(pid) if pid.isdigit() else None
            self.cwd = cwd
            self._set_running()

    def _set_running(self) -> None:
        if not self.running.is_set():
            self.running.set()
            self._release()

    def _release(self) -> None:
        withheld, self._withheld = self._withheld, []
        for frame in withheld:
            self._feed("stderr" if frame.stream is Stream.STDERR else "stdout", frame.data)
        self._give_due()

    def _withheld_bytes(self) -> int:
        return sum(len(frame.data) for frame in self._withheld)

    async def _finish(self, command: Command) -> ExecInspect:
        """Take the end of the stream, and learn how it ended."""
        assert self.exec_id is not None  # noqa: S101 -- run() has set it
        if self._scanner is not None and (rest := self._scanner.finish()):
            self._take_rest(rest)
        inspect = await self._backend.container_exec_wait(self.exec_id)
        self.pid = self.pid or inspect.pid
        self.exit_code = inspect.exit_code
        if not self.running.is_set() and inspect.start_failed:
            report = b"".join(frame.data for frame in self._withheld).decode("utf-8", "replace")
            self._withheld = []
            raise explain(command.config.cmd, inspect.exit_code, report)
        self._release()
        return inspect

    def _take_rest(self, rest: bytes) -> None:
        if self.running.is_set():
            self._feed("stderr", rest)
        else:
            self._withheld.append(Frame(Stream.STDERR, rest))

    def _feed(self, stream: str, data: bytes) -> None:
        self.output_bytes += len(data)
        self._text.feed(stream, data)

    def _give_due(self) -> None:
        """Hand on what is due, and come back for the rest."""
        loop = asyncio.get_running_loop()
        self._give(self._text.take(loop.time()))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (due := self._text.due_at()) is not None:
            self._timer = loop.call_at(due, self._give_due)

    def _give(self, pieces: list[Piece]) -> None:
        if pieces:
            self._emit(pieces)


class StdinNotPassed(EngineError):
    """A proxy before the engine passes no stdin on; the command has not run."""


@asynccontextmanager
async def _beside(*coroutines: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run coroutines beside the body, and cancel them with its end."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
