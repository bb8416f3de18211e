"""How a cell is going, and how it ended."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from dexec_kernel.errors import (
    CommandNotStarted,
    ContainerNotRunning,
    ContainerPaused,
    DexecError,
    FolderGone,
)

if TYPE_CHECKING:
    from dexec_kernel.backend.models import ContainerInspect
    from dexec_kernel.cells.execution import Execution
    from dexec_kernel.cells.source.options import CellOptions

_SIGNAL_BASE = 128
_NOT_EXECUTABLE, _NOT_FOUND = 126, 127


class State(Enum):
    """The states of a cell's record; the values are public."""

    RUNNING = "running"
    EXITED = "exited"
    INTERRUPTED = "interrupted"
    TIMED_OUT = "timed out"
    BACKGROUND = "background"
    STOPPED = "stopped"
    DETACHED = "detached"
    NOT_STARTED = "not started"
    LOST = "lost"


#: A tuple: an enum's members are compared at once, and hashed by a method.
_GOING = (State.RUNNING, State.BACKGROUND, State.DETACHED)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of a cell's exec at one moment.

    ``pid`` is the PID on the engine's host, ``exit_code`` is inspect's: both None while unknown.
    ``inner_pid`` is the PID in the container, if the process has reported it. ``started`` is in
    seconds since the epoch, ``duration`` in seconds, ``output_bytes`` counts stdout and stderr.
    ``note`` is a further message for the user. ``log`` is the path of the whole output on the
    kernel's side, if the notebook has only a part of it; ``log_url`` is where it can be fetched.
    ``expected`` is the same cell's last duration in seconds, None if unknown.
    """

    state: State
    container: str
    container_id: str
    image: str
    exec_id: str | None
    pid: int | None
    exit_code: int | None
    exit_reason: str
    started: float
    duration: float
    user: str | None
    cwd: str | None
    output_bytes: int
    note: str
    log: str | None = None
    log_url: str | None = None
    inner_pid: int | None = None
    expected: float | None = None

    @property
    def ended(self) -> float | None:
        """When it ended, in seconds since the epoch; None while it goes on, as far as is known."""
        return None if self.state in _GOING else self.started + self.duration


@dataclass(frozen=True, slots=True)
class Exited:
    """The command ran to its end. ``reason`` explains the exit code where something is known."""

    exit_code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The cell was interrupted. ``signal`` is the last that was sent, "" where none could be.

    ``is_unanswered`` tells whether the engine did not answer when it was to send one.
    """

    signal: str
    note: str
    is_unanswered: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """The exit code is unknown: ``error`` says why."""

    error: DexecError


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The cell had its time, ``seconds``, and was ended like an interrupted one."""

    seconds: float
    signal: str
    note: str
    is_unanswered: bool = False


@dataclass(frozen=True, slots=True)
class Backgrounded:
    """The cell's own commands have ended with ``exit_code``, and background processes go on.

    The exit code is the shell's own report; inspect has it when the last process has ended.
    """

    exit_code: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """The user, or the kernel's end, has ended the background processes of a cell.

    ``exit_code`` is that of the cell's own commands, as the shell has reported it. The engine's
    tells of the signal that ended the last process.
    """

    exit_code: int


@dataclass(frozen=True, slots=True)
class Detached:
    """The command was started, and nobody waits for its end.

    ``exit_code`` is that of a command which the engine says has ended already, None otherwise.
    """

    exit_code: int | None = None


Outcome = Exited | Backgrounded | Stopped | Detached | Interrupted | TimedOut | Failed


def exit_reason(exit_code: int, *, cause: str = "") -> str:
    """Explain an exit code in a few words ("SIGKILL, out of memory"); "" without an explanation.

    ``cause`` is a further reason, such as "out of memory".
    """
    meaning = ""
    if exit_code == _NOT_EXECUTABLE:
        meaning = "not executable"
    elif exit_code == _NOT_FOUND:
        meaning = "command not found"
    elif exit_code > _SIGNAL_BASE:
        try:
            meaning = signal.Signals(exit_code - _SIGNAL_BASE).name
        except ValueError:
            meaning = ""
    return ", ".join(part for part in (meaning, cause) if part)


def describe_exit(exit_code: int, reason: str) -> str:
    """Return the words for an exit: ``exit code 137 (SIGKILL, out of memory)``."""
    return f"exit code {exit_code} ({reason})" if reason else f"exit code {exit_code}"


def state_of(outcome: Outcome | None, *, is_begun: bool) -> State:
    """Return the state that an outcome means; ``is_begun`` where the exec was created."""
    match outcome:
        case None:
            return State.RUNNING
        case Exited():
            return State.EXITED
        case Interrupted():
            return State.INTERRUPTED
        case TimedOut():
            return State.TIMED_OUT
        case Backgrounded():
            return State.BACKGROUND
        case Stopped():
            return State.STOPPED
        case Detached():
            return State.DETACHED
        case Failed(
            error=CommandNotStarted() | ContainerNotRunning() | ContainerPaused() | FolderGone()
        ):
            return State.NOT_STARTED
        case Failed():
            return State.LOST if is_begun else State.NOT_STARTED


def snapshot_of(
    execution: Execution,
    outcome: Outcome | None,
    *,
    container: ContainerInspect,
    options: CellOptions,
    started: float,
    duration: float,
    notes: Sequence[str] = (),
) -> Snapshot:
    """Return what is known of a cell, from its exec and its ``outcome``, None while it runs.

    ``started`` is in seconds since the epoch, ``duration`` in seconds; ``notes`` come first.
    """
    said = list(notes)
    if isinstance(outcome, Interrupted | TimedOut) and outcome.note:
        said.append(outcome.note)
    if execution.output.note:
        said.append(execution.output.note)
    if isinstance(outcome, Backgrounded) and execution.heard.background is not None:
        count = execution.heard.background.count
        said.append(f"{count} process{'es' * (count != 1)} live{'s' * (count == 1)} on")
    if isinstance(outcome, Detached):
        said.append("its output is discarded")
        if outcome.exit_code is not None:
            said.append(f"it has ended already, exit code {outcome.exit_code}")
    exit_code = outcome.exit_code if isinstance(outcome, Stopped) else execution.exit_code
    reason = outcome.reason if isinstance(outcome, Exited) else ""
    if isinstance(outcome, Failed) and isinstance(outcome.error, CommandNotStarted):
        reason = outcome.error.short_reason
    if exit_code is not None and not reason:
        reason = exit_reason(exit_code)
    return Snapshot(
        state=state_of(outcome, is_begun=execution.exec_id is not None),
        container=container.name,
        container_id=container.id,
        image=container.image,
        exec_id=execution.exec_id,
        pid=execution.pid,
        exit_code=exit_code,
        exit_reason=reason,
        started=started,
        duration=duration,
        user=options.user or container.user or "root",
        cwd=execution.heard.folder or options.workdir or container.working_dir or "/",
        output_bytes=execution.output.total_bytes,
        note="; ".join(said),
        log=execution.output.log,
        inner_pid=execution.inner_pid,
    )
