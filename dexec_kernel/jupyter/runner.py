"""Runs cells with their displays, one at a time, and owns what they leave to be ended."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from jupyter_core.paths import jupyter_runtime_dir

from dexec_kernel.backend.models import ConsoleSize, ContainerInspect
from dexec_kernel.backend.protocol import Backend
from dexec_kernel.cells.durations import Durations
from dexec_kernel.cells.input.stdin import Stdin
from dexec_kernel.cells.limits import CellLimits
from dexec_kernel.cells.outcome import Backgrounded, Exited, Failed, Outcome, Snapshot
from dexec_kernel.cells.output.limits import OutputLimits
from dexec_kernel.cells.output.log_folder import LogFolder
from dexec_kernel.cells.output.text import Piece
from dexec_kernel.cells.past import PastCell, PastCells
from dexec_kernel.cells.run import CellRun
from dexec_kernel.cells.source.cell import Cell
from dexec_kernel.cells.source.options import CellOptions
from dexec_kernel.cells.workspace import Workspaces
from dexec_kernel.display.cell import CellDisplay
from dexec_kernel.display.mode import Mode
from dexec_kernel.errors import ContainerNotFound
from dexec_kernel.jupyter.background import BackgroundCells
from dexec_kernel.jupyter.bars import Bars
from dexec_kernel.jupyter.input import Input
from dexec_kernel.jupyter.messages import Messages
from dexec_kernel.jupyter.notify import Notifier
from dexec_kernel.jupyter.questions import CellQuestions
from dexec_kernel.jupyter.settings import Settings
from dexec_kernel.jupyter.widgets import shows_widgets, takes_lines
from dexec_kernel.policy.rules import Policy
from dexec_kernel.served_logs import PARENT, url_of

#: A question is withdrawn by no message, and JupyterLab runs no other cell while its box is open,
#: unless it has interrupted the kernel itself.
_BOX_NOTE = "press Enter in the input box, or no other cell runs"
#: In seconds: what jupyter_server drops, it drops until a cell's idle has reached it.
_REPEAT_AFTER = 0.5


class CellRunner:
    """Runs the cells of a kernel. Everything happens on the main event loop.

    ``last`` is the snapshot of the last finished cell, None before the first; ``past`` has more of
    the last cells. Each of the
    ``listeners`` is called when a cell begins, when its snapshot changes, and when it ends.
    ``policy`` bounds the limits of cells.
    """

    def __init__(
        self,
        settings: Settings,
        workspaces: Workspaces,
        questions: Input,
        bars: Bars,
        log: logging.Logger,
        *,
        policy: Callable[[], Policy] = Policy,
    ) -> None:
        self._settings = settings
        self._policy = policy
        self._workspaces = workspaces
        self._input = questions
        self._bars = bars
        self._log = log
        self.listeners: list[Callable[[], None]] = []
        self._durations = Durations()
        self._cell: CellRun | None = None
        self._background = BackgroundCells(log)
        self._cell_done = asyncio.Event()
        self._cell_done.set()
        self._logs: LogFolder | None = None
        self._repeat: asyncio.TimerHandle | None = None
        self._notifier = Notifier(log)
        self.last: Snapshot | None = None
        self.past = PastCells()

    async def run(
        self,
        backend: Backend,
        container: ContainerInspect,
        cell: Cell,
        messages: Messages,
        *,
        interactive: bool,
        past: PastCell | None,
    ) -> Outcome:
        """Run a cell in a container that runs; ``interactive`` where a person looks at it.

        ``past`` is told of its output and its end.
        """
        run, display = self._prepare(
            backend, container, cell, messages, interactive=interactive, past=past
        )

        def note_end() -> None:
            if past is not None:
                past.snapshot = run.snapshot()

        self._cell = run
        self._cell_done.clear()
        display.start()
        self._changed()
        try:
            outcome = await run.run()
            if outcome == Exited(0, ""):
                seconds = run.snapshot().duration
                self._durations.remember(container.name, cell.options, cell.body, seconds)
            if isinstance(outcome, Failed) and isinstance(outcome.error, ContainerNotFound):
                self._workspaces.drop(container.id)
            if isinstance(outcome, Backgrounded):
                self._background.follow(run, display, ended=note_end)
            else:
                display.finish()
        finally:
            if run not in self._background:
                display.stop()
            if run.came_near_server_limits:
                loop = asyncio.get_running_loop()
                self._repeat = loop.call_later(_REPEAT_AFTER, display.repeat)
            self.last = run.snapshot()
            note_end()
            if not messages.silent:
                settings = self._settings
                command = self._policy().notify_command(settings.notify_command)
                self._notifier.cell_ended(self.last, seconds=settings.notify, command=command)
            self._cell = None
            self._cell_done.set()
            self._changed()
        return outcome

    @property
    def current(self) -> Snapshot | None:
        """The snapshot of the running cell, or None."""
        return None if self._cell is None else self._cell.snapshot()

    def _changed(self) -> None:
        for listener in self.listeners:
            listener()

    def interrupt(self, *, by_front_end: bool = True) -> None:
        """Interrupt the cell that runs, if one does.

        ``by_front_end`` if the front end has asked for it, which then closes its input boxes.
        """
        if by_front_end:
            self._input.boxes_are_gone()
        if self._cell is not None:
            self._cell.interrupt()

    async def end(self) -> None:
        """End what the cells have started, as far as the settings say so.

        It takes as long as the processes do, and is cancelled at once.
        """
        background = asyncio.create_task(self._background.end(keep=self._settings.keep_background))
        try:
            if self._cell is not None:
                self._cell.interrupt(urgent=True)
                await self._cell_done.wait()
            await background
        finally:
            background.cancel()

    async def aclose(self) -> None:
        """Remove the logs, and show nothing more."""
        await self._notifier.aclose()
        if self._repeat is not None:
            self._repeat.cancel()
        if self._logs is not None:
            await asyncio.to_thread(self._logs.close)

    def _prepare(
        self,
        backend: Backend,
        container: ContainerInspect,
        cell: Cell,
        messages: Messages,
        *,
        interactive: bool,
        past: PastCell | None,
    ) -> tuple[CellRun, CellDisplay]:
        listener = _Listener(self._changed, past)

        def snapshot() -> Snapshot:
            known = run.snapshot()
            url = url_of(known.log, os.environ)
            known = replace(known, expected=expected, log_url=url)
            if questions is not None and questions.is_box_left:
                return replace(known, note="; ".join(filter(None, (_BOX_NOTE, known.note))))
            return known

        workspace = self._workspaces.of(backend, container)
        options = self._with_defaults(cell.options)
        settings = self._settings
        expected = self._durations.expected(container.name, cell.options, cell.body)
        mode = Mode(settings.status_bar)
        if mode is Mode.LIVE and not interactive:
            mode = Mode.STATIC
        display = listener.display = CellDisplay(
            Mode.OFF if messages.silent else mode,
            publish=messages.publish,
            snapshot=snapshot,
            is_ending=lambda: run.is_ending,
            on_interrupt=lambda: self._background.stop_or_interrupt(run),
            on_kill=lambda: self._background.kill(run),
            later=self._bars,
        )
        stdin = questions = None
        if interactive and not messages.silent:
            box = self._input.asker()
            questions = CellQuestions(
                box,
                display.is_seen,
                shows_widgets=shows_widgets(box.session),
                has_field=takes_lines(box.parent),
                changed=listener.changed,
            )
            stdin = Stdin(
                questions.ask,
                cell.body,
                partial(workspace.find_reader, user=options.user, privileged=options.privileged),
                options=options,
                changed=listener.changed,
            )
            box.changed = display.refresh
        limits = CellLimits(
            self._output_limits(),
            settings.interrupt_grace,
            ConsoleSize(rows=settings.rows, columns=settings.columns),
        )
        run = CellRun(workspace, replace(cell, options=options), limits, listener, stdin)
        listener.stdin, listener.questions = stdin, questions
        return run, display

    def _output_limits(self) -> OutputLimits:
        settings = self._settings
        if self._logs is None:
            self._logs = LogFolder(log_parent(), keep=settings.keep_logs)
        policy = self._policy()
        return OutputLimits(
            policy.output_limit(settings.output_limit),
            policy.log_limit(settings.log_limit),
            self._logs,
        )

    def _with_defaults(self, options: CellOptions) -> CellOptions:
        """Return a cell's options with the settings where the cell does not say."""
        if options.detach:
            return replace(options, timeout=None)  # Nobody waits for the command.
        timeout = self._policy().cell_timeout(options.timeout, self._settings.timeout)
        return replace(options, timeout=timeout)


class _Listener:
    """Tells the display of a cell, and all who follow the kernel, of a cell's news."""

    def __init__(self, changed: Callable[[], None], past: PastCell | None) -> None:
        self._changed = changed
        self._past = past
        self.display: CellDisplay | None = None
        self.stdin: Stdin | None = None
        self.questions: CellQuestions | None = None

    def printed(self, pieces: list[Piece]) -> None:
        if self._past is not None:
            self._past.output.add(pieces)
        if self.display is not None:
            self.display.print(pieces)

    def changed(self) -> None:
        if self.display is not None:
            in_box = self.questions is not None and self.questions.in_box
            self.display.update(self.stdin, in_box=in_box)
        self._changed()


def log_parent() -> Path:
    """Return where kernels keep their logs: beside their connection files, which are as private."""
    return Path(jupyter_runtime_dir()) / PARENT
