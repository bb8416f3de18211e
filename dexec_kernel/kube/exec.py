"""An exec in a pod, attached to its streams: see :class:`backend.protocol.Exec`.

Nothing lists or inspects execs in Kubernetes: what is known of one has come on its stream.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from dexec_kernel.backend.models import ConsoleSize, ExecInspect, ExecState, Frame, Stream
from dexec_kernel.engine.http.stream import ByteStream
from dexec_kernel.engine.reports import explain
from dexec_kernel.errors import (
    CommandNotStarted,
    ContainerNotRunning,
    DexecError,
    EngineApiError,
    EngineUnavailable,
    ExecLost,
    StreamCutOff,
    StreamFault,
)
from dexec_kernel.kube import oom
from dexec_kernel.kube.boot import NO_COMMAND, NO_FOLDER, STARTED, Boot
from dexec_kernel.kube.wire import (
    Closed,
    Exited,
    Incoming,
    Ping,
    Refused,
    Version,
    end_of_stdin_frame,
    keep_alive_frame,
    resize_frame,
    says_stopped,
    stdin_frames,
)
from dexec_kernel.shell.marks import MarkScanner, Message

#: In seconds: between two signs of life. Load balancers cut a silent line after 20 s and more.
KEEP_ALIVE_INTERVAL = 15.0
#: In seconds: a command without a shell before it that has not been refused by then is running.
_STARTED_AFTER = 1.0
_END_OF_TRANSMISSION = b"\x04"
_CONFLICT, _NOT_EXECUTABLE, _COMMAND_NOT_FOUND = 409, 126, 127
#: In bytes: what a shell may print before the first word of its program.
_MAX_AHEAD = 64 * 1024


def new_id() -> str:
    """Return an id for an exec: Kubernetes has none."""
    return f"kube-{secrets.token_hex(16)}"


@dataclass(slots=True)
class Facts:
    """What is known of an exec. It outlives the connection."""

    id: str
    container: str
    state: ExecState = ExecState.NOT_STARTED
    exit_code: int | None = None
    #: Whether a restart of the node's kubelet looks the same as this end.
    is_doubtful: bool = False
    inner_pid: int | None = None

    def inspect(self) -> ExecInspect:
        """Return it as the engine's inspect would."""
        return ExecInspect(
            *(self.id, self.container, self.state, None, self.exit_code),
            is_doubtful=self.is_doubtful,
        )


@dataclass(slots=True)
class _Greeting:
    """Takes the words of a program out of the stream, until the first has come.

    ``pid`` and ``oom_kills`` are those that the program tells.
    """

    mark: str
    stream: Stream
    scanner: MarkScanner = field(init=False)
    word: str = ""
    pid: int | None = None
    oom_kills: int | None = None
    size: int = 0

    def __post_init__(self) -> None:
        self.scanner = MarkScanner(self.mark)

    def feed(self, frame: Frame) -> bytes:
        """Return the command's own bytes."""
        own = b""
        self.size += len(frame.data)
        for item in self.scanner.feed(frame.data):
            if isinstance(item, Message):
                word, pid, kills = (*item.data.decode("ascii", "replace").split(" "), "", "", "")[
                    :3
                ]
                self.word = self.word or word
                self.pid, self.oom_kills = oom.count_of(pid), oom.count_of(kills.strip())
            else:
                own += item
        if self.word or self.size > _MAX_AHEAD:
            own += self.scanner.finish()
        return own

    @property
    def is_over(self) -> bool:
        """Whether the stream is the command's from here on."""
        return bool(self.word) or self.size > _MAX_AHEAD


class KubeExec:
    """An exec in a pod. ``prove`` looks whether a process is alive, by its PID in the container.

    ``counted`` is told how many processes of the container had been killed for want of memory
    when the command began.
    """

    upgraded = True
    tells_pid = False
    pid: int | None = None

    def __init__(
        self,
        stream: ByteStream,
        version: Version,
        facts: Facts,
        *,
        command: Sequence[str],
        name: str,
        boot: Boot,
        tty: bool,
        prove: Callable[[int | None], Awaitable[bool | None]],
        counted: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._stream = stream
        self._version = version
        self._facts = facts
        self._command = command
        self._name = name
        self._tty = tty
        self._has_shell_before = bool(boot.command) and boot.command[0] != command[0]
        self._prove = prove
        self._counted = counted
        self._incoming = Incoming()
        where = Stream.STDOUT if tty else Stream.STDERR
        self._greeting = _Greeting(boot.mark, where) if boot.mark else None
        self._due: list[Frame] = []
        self._replies: list[bytes] = []
        self._refused: Refused | None = None
        self._sending = asyncio.Lock()
        self._is_ended = self._is_closed = False
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(KEEP_ALIVE_INTERVAL, self._keep_alive)
        self._beat: asyncio.Task[None] | None = None
        self._starts = None if boot.mark else loop.call_later(_STARTED_AFTER, self._has_started)
        self._on_close: list[Callable[[], None]] = []

    @property
    def id(self) -> str:
        """Our name for it."""
        return self._facts.id

    @property
    def half_closes(self) -> bool:
        """Whether stdin can be ended while the output goes on."""
        return self._version.half_closes or self._tty

    @property
    def inner_pid(self) -> int | None:
        """The PID in the container, None while that is not known."""
        return self._facts.inner_pid

    def receive(self, data: bytes) -> None:
        """Take bytes of the stream. Raises :class:`ProtocolError`."""
        for event in self._incoming.receive_data(data):
            match event:
                case Frame():
                    self._take(event)
                case Exited():
                    self._end(event.exit_code)
                case Refused():
                    self._refuse(event)
                case Ping():
                    self._replies.append(event.reply)
                case Closed():
                    self._is_ended = True

    async def read(self) -> list[Frame]:
        """Return the next frames; an empty list at the end.

        Raises :class:`StreamCutOff`, :class:`StreamFault`, :class:`ContainerNotRunning`.
        """
        while not (self._due or self._is_ended or self._is_closed):
            while self._replies:
                await self._send(self._replies.pop(0))
            await self._receive()
        if self._is_closed:
            return []
        if self._due:
            frames, self._due = self._due, []
            return frames
        if self._refused is not None and not self._refused.is_start:
            raise self._fault(self._refused)
        if self._facts.exit_code is None:
            raise _cut_off()
        return []

    async def _receive(self) -> None:
        """Wait for bytes. Raises :class:`StreamCutOff` at the end, unless we have closed it."""
        try:
            data = await self._stream.read()
        except EngineUnavailable as error:
            if not self._is_closed:
                raise _cut_off() from error
            return
        if data:
            self.receive(data)
        elif not self._is_closed:
            raise _cut_off()

    async def started(self) -> None:
        """Wait until the command runs, for a command whose output nobody reads.

        Raises :class:`CommandNotStarted`, and as :meth:`read` does.
        """
        while self._facts.state is ExecState.NOT_STARTED and not self._is_ended:
            await self._receive()
        if self._is_ended:
            await self.read()
        if (error := self.why_not_started(self._facts.inspect(), b"")) is not None:
            raise error

    async def write(self, data: bytes) -> None:
        """Send to the process's stdin; waits while the process does not read it."""
        for part in stdin_frames(data):
            await self._send(part)

    async def close_write(self) -> None:
        """Give the process end of file; with a Tty that is Ctrl-D.

        Raises :class:`EngineApiError` where the protocol cannot: see :attr:`half_closes`.
        """
        if self._tty:
            await self.write(_END_OF_TRANSMISSION)
            return
        end = end_of_stdin_frame(self._version)
        if end is None:
            raise EngineApiError(
                "This cluster cannot end a command's input: it speaks v4 of the exec protocol, and"
                " v5 alone can (Kubernetes 1.31).",
                status=_CONFLICT,
            )
        await self._send(end)

    async def resize(self, size: ConsoleSize) -> None:
        """Set the size of its Tty. Raises :class:`EngineApiError` without one."""
        if not self._tty or self._is_ended:
            reason = "it has ended" if self._is_ended else "it has no terminal"
            raise EngineApiError(f"The terminal's size cannot be set: {reason}.", status=_CONFLICT)
        await self._send(resize_frame(size))

    async def inspect(self) -> ExecInspect:
        """Return what the stream has told."""
        return self._facts.inspect()

    async def wait(self) -> ExecInspect:
        """Return how it ended. Raises :class:`ExecLost` where that is not certain."""
        facts = self._facts
        if facts.state is not ExecState.EXITED:
            raise ExecLost("The stream has ended, and the command may still run.")
        if facts.is_doubtful:
            is_alive = await self._prove(facts.inner_pid)
            if is_alive is not False:
                facts.state, facts.exit_code = ExecState.RUNNING, None
                raise ExecLost(
                    "The cluster said that the command has ended, and it still runs."
                    if is_alive
                    else "The cluster said that the command has ended, and nothing proves it."
                )
            facts.is_doubtful = False
        return facts.inspect()

    def why_not_started(self, inspect: ExecInspect, printed: bytes) -> CommandNotStarted | None:  # noqa: ARG002 -- nothing is printed
        """Return why the command was not started, None where it was."""
        if self._refused is not None and self._refused.is_start:
            error = explain(self._command, inspect.exit_code, self._refused.text)
            if error.missing_command and self._has_shell_before:
                return CommandNotStarted(
                    "The command was not started: the container has no shell to set its folder and"
                    " its variables.",
                    exit_code=inspect.exit_code,
                    engine_text=self._refused.text,
                    missing_command=True,
                    advice="Kubernetes' exec has neither: without -e and -w it may run.",
                )
            return error
        word = self._greeting.word if self._greeting else ""
        if word == NO_FOLDER:
            return explain(self._command, _NOT_EXECUTABLE, "chdir: no such working directory")
        if word == NO_COMMAND:
            return explain(self._command, _COMMAND_NOT_FOUND, "executable file not found in $PATH")
        return None

    def close(self) -> None:
        """Close the connection. The process is not ended by it. May be called twice."""
        if self._is_closed:
            return
        self._is_closed = True
        self._timer.cancel()
        if self._starts is not None:
            self._starts.cancel()
        if self._beat is not None:
            self._beat.cancel()
        self._stream.close()
        for callback in self._on_close:
            callback()

    def on_close(self, callback: Callable[[], None]) -> None:
        """Have something called when it is closed."""
        self._on_close.append(callback)

    def _take(self, frame: Frame) -> None:
        greeting = self._greeting
        if greeting is None:
            self._has_started()
        elif not greeting.is_over and frame.stream is greeting.stream:
            own = greeting.feed(frame)
            if greeting.word == STARTED:
                self._facts.inner_pid = greeting.pid
                if greeting.oom_kills is not None:
                    self._counted(greeting.oom_kills)
                self._has_started()
            frame = Frame(frame.stream, own)
        elif frame.data:
            # The streams are not in order: the command's words may overtake the program's.
            self._has_started()
        if frame.data:
            self._due.append(frame)

    def _has_started(self) -> None:
        if self._facts.state is ExecState.NOT_STARTED:
            self._facts.state = ExecState.RUNNING

    def _end(self, exit_code: int) -> None:
        self._is_ended = True
        self._facts.state, self._facts.exit_code = ExecState.EXITED, exit_code
        # Its own mark is the proof: see :mod:`dexec_kernel.cells.end`.
        self._facts.is_doubtful = exit_code == 0 and self._version is Version.V5

    def _refuse(self, refused: Refused) -> None:
        self._is_ended, self._refused = True, refused
        if refused.is_start:
            self._facts.state = ExecState.EXITED
            error = explain(self._command, None, refused.text)
            code = _COMMAND_NOT_FOUND if error.missing_command else _NOT_EXECUTABLE
            self._facts.exit_code = code

    def _fault(self, refused: Refused) -> DexecError:
        is_new = self._facts.state is ExecState.NOT_STARTED
        if is_new and says_stopped(refused.text):
            return ContainerNotRunning.of(self._name)
        return StreamFault(f"The cluster reports an error: {refused.text}")

    def _keep_alive(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(KEEP_ALIVE_INTERVAL, self._keep_alive)
        if self._beat is None or self._beat.done():
            self._beat = asyncio.create_task(self._send_beat())

    async def _send_beat(self) -> None:
        with suppress(EngineUnavailable):  # The reader learns it, too.
            await self._send(keep_alive_frame())

    async def _send(self, data: bytes) -> None:
        async with self._sending:  # A keep-alive must not end up inside of what is written.
            if not self._is_ended:
                await self._stream.write(data)


def _cut_off() -> StreamCutOff:
    return StreamCutOff("The connection to the pod was lost.")
