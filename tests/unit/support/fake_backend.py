"""An engine's verbs for a cell, scripted: for faults that no engine produces on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from dexec_kernel.backend.models import (
    ConsoleSize,
    ContainerInspect,
    ExecConfig,
    ExecInspect,
    ExecState,
    Frame,
    Stream,
)
from dexec_kernel.cells.limits import CellLimits
from dexec_kernel.cells.outcome import Outcome
from dexec_kernel.cells.output.text import Piece
from dexec_kernel.cells.run import CellRun
from dexec_kernel.cells.source.cell import Cell as SourceCell
from dexec_kernel.cells.source.options import CellOptions
from dexec_kernel.cells.workspace import Workspaces
from dexec_kernel.engine import reports
from dexec_kernel.errors import CommandNotStarted
from dexec_kernel.shell.commands import Shell


class Until(Enum):
    """The event that a stream waits for: something is sent, or it ends."""

    SENT = 1


#: The next thing on a stream: a frame, bytes that depend on the driver's mark, an error, a pause.
Step = Frame | Exception | float | Until | Callable[[str], Frame]
FOREVER = float("inf")
CONTAINER = ContainerInspect("c" * 64, "web", "image:1", True, False, False, "", "", {})  # noqa: FBT003


def out(text: str) -> Frame:
    return Frame(Stream.STDOUT, text.encode())


def err(text: str) -> Frame:
    return Frame(Stream.STDERR, text.encode())


def waits(mark: str) -> Frame:
    """Return the driver's first words."""
    return err(f"{mark}start 17 /work{mark}")


def greeting(mark: str) -> Frame:
    """Return the driver's first words, and those for the arrival of its cell."""
    return err(f"{mark}start 17 /work{mark}{mark}cell /work{mark}")


def exited(code: int | None, *, pid: int | None = 99) -> ExecInspect:
    return ExecInspect("e", CONTAINER.id, ExecState.EXITED, pid, code)


RUNNING = ExecInspect("e", CONTAINER.id, ExecState.RUNNING, 99, None)
NOT_FOUND_127 = exited(127, pid=None)


@dataclass
class Script:
    """One exec. ``end`` is the result of waiting for it, ``look`` that of each inspect before.

    ``runs_on`` is the result of inspect up to the end of the stream and after it.
    """

    steps: Sequence[Step] = (greeting,)
    end: ExecInspect | Exception = field(default_factory=lambda: exited(0))
    look: ExecInspect | Exception = RUNNING
    create: Exception | None = None
    attach: Exception | None = None
    upgraded: bool = True
    tells_pid: bool = True
    half_closes: bool = True
    runs_on: ExecInspect | None = None
    write: Exception | None = None
    close_write: Exception | None = None


def missing(name: str) -> Script:
    """An exec whose command the image does not have."""
    text = f'OCI runtime exec failed: exec: "{name}": executable file not found in $PATH\r\n'
    return Script([out(text)], NOT_FOUND_127, NOT_FOUND_127)


def known(shell: Shell) -> Workspaces:
    """Workspaces in which the container's shell is known."""
    workspaces = Workspaces()
    workspaces.of(FakeBackend(), CONTAINER).shell = shell
    return workspaces


class FakeAttached:
    """A connection that follows a script; a pause in it ends when it is closed."""

    def __init__(
        self,
        script: Script,
        config: ExecConfig = ExecConfig(()),  # noqa: B008 -- frozen
        id: str = "exec",  # noqa: A002
    ) -> None:
        self.id = id
        self.pid: int | None = None
        self._script = script
        self._was_sent = asyncio.Event()
        self._was_closed = asyncio.Event()
        self.upgraded = script.upgraded
        self.tells_pid = script.tells_pid
        self.half_closes = script.half_closes
        self._steps = list(script.steps)
        self._greeting = config.env.get("DEXEC_GREETING", "")
        self._has_greeted = False
        self._command = config.cmd
        self.sent = b""
        self.ended = False
        self.closed = False
        self._is_over = False

    @property
    def _events(self) -> tuple[asyncio.Event, asyncio.Event]:
        return self._was_sent, self._was_closed

    async def read(self) -> list[Frame]:
        await asyncio.sleep(0)
        while self._steps and not self.closed:
            match self._steps.pop(0):
                case Frame() as frame:
                    return [frame]
                case float() as seconds:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(None if seconds == FOREVER else seconds):
                            await self._was_closed.wait()
                case Until.SENT:
                    waits = [asyncio.ensure_future(e.wait()) for e in self._events]
                    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                    for wait in waits:
                        wait.cancel()
                case Exception() as error:
                    raise error
                case make:
                    return [make(self._mark())]
        self._is_over = True
        return []

    def _mark(self) -> str:
        """Return the mark of the next words: the greeting's at first, then the sent one."""
        had_greeted, self._has_greeted = self._has_greeted, True
        sent, is_line, _ = self.sent.partition(b"\n")
        return sent.decode() if had_greeted and is_line else self._greeting

    async def write(self, data: bytes) -> None:
        self._was_sent.set()
        if self._script.write is not None:
            raise self._script.write
        self.sent += data

    async def close_write(self) -> None:
        if self._script.close_write is not None:
            raise self._script.close_write
        self.ended = True

    async def inspect(self) -> ExecInspect:
        script = self._script
        is_over = self._is_over and script.runs_on is None
        return self._known(_given(script.end if is_over else script.runs_on or script.look))

    async def wait(self) -> ExecInspect:
        return self._known(_given(self._script.end))

    async def resize(self, size: ConsoleSize) -> None:
        raise NotImplementedError

    def _known(self, inspect: ExecInspect) -> ExecInspect:
        self.pid = inspect.pid
        return inspect

    def why_not_started(self, inspect: ExecInspect, printed: bytes) -> CommandNotStarted | None:
        """Answer as Docker's client does, whose words :func:`missing` has."""
        report = printed.decode("utf-8", "replace")
        if not inspect.start_failed or not reports.is_engine_report(report):
            return None
        return reports.explain(self._command, inspect.exit_code, report)

    def close(self) -> None:
        self.closed = True
        self._was_closed.set()


class FakeBackend:
    """Each exec that is created follows the next script."""

    is_remote = False

    def __init__(self, *scripts: Script) -> None:
        self._scripts = list(scripts)
        self.configs: list[ExecConfig] = []
        self.attached: list[FakeAttached] = []
        self.container: ContainerInspect | Exception = CONTAINER
        self.oom: bool | Exception = False
        #: What is said of an exec by its id.
        self.inspects: dict[str, ExecInspect | Exception] = {}

    async def container_inspect(self, container: str) -> ContainerInspect:
        return _given(self.container)

    async def exec(
        self,
        container: str,
        config: ExecConfig,
        *,
        created: Callable[[str], None] = lambda _: None,
    ) -> FakeAttached:
        config.check()
        self.configs.append(config)
        script = self._scripts.pop(0)
        if script.create is not None:
            raise script.create
        exec_id = f"exec-{len(self.configs)}"
        created(exec_id)
        if script.attach is not None:
            raise script.attach
        attached = FakeAttached(script, config, exec_id)
        self.attached.append(attached)
        return attached

    async def exec_detached(
        self,
        container: str,
        config: ExecConfig,
        *,
        created: Callable[[str], None] = lambda _: None,
    ) -> ExecInspect:
        """Start the exec of the next script; its ``attach`` is the engine's refusal."""
        config.check()
        self.configs.append(config)
        script = self._scripts.pop(0)
        if script.create is not None:
            raise script.create
        created(f"exec-{len(self.configs)}")
        if script.attach is not None:
            raise script.attach
        return script.look if isinstance(script.look, ExecInspect) else _given(script.end)

    async def container_exec_inspect(self, exec_id: str) -> ExecInspect:
        return _given(self.inspects[exec_id])

    async def until_attached(self, count: int) -> None:
        """Wait until as many execs were started."""
        while len(self.attached) < count:  # noqa: ASYNC110 -- the fake has no event
            await asyncio.sleep(0)

    async def container_oom_since(self, container: str, since: float) -> bool:
        return _given(self.oom)


def _given(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    return value


class Listener:
    """Keeps a cell's output, and counts its changes."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.changes = 0

    def printed(self, pieces: list[Piece]) -> None:
        self.pieces += pieces

    def changed(self) -> None:
        self.changes += 1


class Cell:
    """One cell that runs, with its output and its outcome."""

    def __init__(
        self,
        backend: FakeBackend,
        source: str = "true",
        workspaces: Workspaces | None = None,
        options: CellOptions | None = None,
        container: ContainerInspect = CONTAINER,
        *,
        limits: CellLimits = CellLimits(interrupt_grace=0.05),  # noqa: B008 -- frozen
    ) -> None:
        self.workspaces = workspaces or Workspaces()
        self.workspace = self.workspaces.of(backend, container)
        self.listener = Listener()
        self.run = CellRun(
            self.workspace,
            SourceCell(body=source, options=options or CellOptions()),
            limits,
            self.listener,
        )

    @property
    def pieces(self) -> list[Piece]:
        return self.listener.pieces

    @property
    def changes(self) -> int:
        return self.listener.changes

    async def outcome(self) -> Outcome:
        return await asyncio.wait_for(self.run.run(), 5)

    def text(self, stream: str) -> str:
        return "".join(piece.text for piece in self.pieces if piece.stream == stream)

    @property
    def stdout(self) -> str:
        return self.text("stdout")

    @property
    def stderr(self) -> str:
        return self.text("stderr")
