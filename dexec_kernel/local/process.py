"""A process of this machine behind an exec's streams: started, read, written, waited for."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import signal
import subprocess
import termios
from collections.abc import Callable
from dataclasses import dataclass, field

from dexec_kernel.backend.models import ConsoleSize, ExecConfig, Stream

#: In bytes, of one read: an engine's largest frame.
READ_SIZE = 32 * 1024


class Pipe:
    """Our end of a pipe or a pseudo-terminal. Every method belongs to the event loop."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._is_closed = False
        self._may_write = asyncio.Event()
        self.ended = False

    def read(self) -> bytes:
        """Return what there is to read, nothing where there is nothing; sets ``ended``."""
        if self.ended:
            return b""
        try:
            data = os.read(self._fd, READ_SIZE)
        except BlockingIOError:
            return b""
        except OSError:  # EIO: nobody has the other end of the terminal any more.
            data = b""
        self.ended = not data
        return data

    async def write(self, data: bytes) -> None:
        """Write all; what nobody can read any more is dropped, as an engine does."""
        view = memoryview(data)
        while view and not self._is_closed:
            try:
                view = view[os.write(self._fd, view) :]
            except BlockingIOError:
                await self._writable()
            except OSError:
                return

    def watch(self, wake: Callable[[], None]) -> None:
        """Call ``wake`` when there is something to read, or the end."""
        asyncio.get_running_loop().add_reader(self._fd, wake)

    def unwatch(self) -> None:
        """Call it no more."""
        asyncio.get_running_loop().remove_reader(self._fd)

    def close(self) -> None:
        """Close our end. May be called twice."""
        if not self._is_closed:
            self._is_closed = self.ended = True
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._fd)
            loop.remove_writer(self._fd)
            os.close(self._fd)
            self._may_write.set()

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        self._may_write.clear()
        loop.add_writer(self._fd, self._may_write.set)
        try:
            await self._may_write.wait()
        finally:
            if not self._is_closed:
                loop.remove_writer(self._fd)


@dataclass
class Process:
    """A process that was started, leader of a session and a process group of its own.

    ``outputs`` are our ends of its stdout and stderr, of a terminal one for both; ``stdin`` is None
    where it has none. ``exited`` is set once it has, and ``exit_code`` is known then.
    """

    pid: int
    outputs: dict[Stream, Pipe]
    stdin: Pipe | None
    terminal: int | None
    exited: asyncio.Event = field(default_factory=asyncio.Event)
    exit_code: int | None = None

    def resize(self, size: ConsoleSize) -> None:
        """Set the size of its terminal. Raises OSError without one."""
        if self.terminal is None:
            raise OSError("there is no terminal")
        termios.tcsetwinsize(self.terminal, (size.rows, size.columns))

    def close(self) -> None:
        """Close our ends of its streams. It lives on."""
        self.terminal = None
        for pipe in (*self.outputs.values(), self.stdin):
            if pipe is not None:
                pipe.close()


def start(config: ExecConfig, environ: dict[str, str], folder: str) -> Process:
    """Start a process, and have the running event loop wait for its end.

    Raises OSError for what cannot be started, KeyError for an unknown user.
    """
    user, _, group = config.user.partition(":")
    terminal, other = _terminal(config)
    try:
        child = subprocess.Popen(  # noqa: S603 -- to execute is what it is for
            list(config.cmd),
            stdin=_end(config.attach_stdin, other),
            stdout=_end(config.attach_stdout, other),
            stderr=_end(config.attach_stderr, other),
            cwd=folder,
            env=environ,
            user=_id(user),
            group=_id(group),
            start_new_session=True,
            preexec_fn=_begin_with_terminal if config.tty else _begin,  # noqa: PLW1509 -- see there
        )
    except BaseException:
        if terminal is not None:
            os.close(terminal)
        raise
    finally:
        if other is not None:
            os.close(other)
    process = Process(child.pid, *_our_ends(child, terminal, config), terminal)
    _wait_for(child, process)
    return process


def _terminal(config: ExecConfig) -> tuple[int | None, int | None]:
    if not config.tty:
        return None, None
    ours, theirs = pty.openpty()
    if (size := config.console_size) is not None:
        termios.tcsetwinsize(ours, (size.rows, size.columns))
    return ours, theirs


def _end(is_attached: bool, terminal: int | None) -> int:  # noqa: FBT001 -- a stream's
    if terminal is not None:
        return terminal
    return subprocess.PIPE if is_attached else subprocess.DEVNULL


def _our_ends(
    child: subprocess.Popen[bytes], terminal: int | None, config: ExecConfig
) -> tuple[dict[Stream, Pipe], Pipe | None]:
    if terminal is not None:
        pipe = Pipe(terminal)
        return {Stream.STDOUT: pipe}, pipe if config.attach_stdin else None
    files = {Stream.STDOUT: child.stdout, Stream.STDERR: child.stderr}
    outputs = {stream: _taken(file) for stream, file in files.items() if file is not None}
    return outputs, None if child.stdin is None else _taken(child.stdin)


def _taken(file: object) -> Pipe:
    """Take a pipe over from subprocess, whose files would close it."""
    fd = os.dup(file.fileno())  # type: ignore[attr-defined] # a file
    file.close()  # type: ignore[attr-defined] # a file
    return Pipe(fd)


def _wait_for(child: subprocess.Popen[bytes], process: Process) -> None:
    loop = asyncio.get_running_loop()
    pidfd = os.pidfd_open(child.pid)

    def reap() -> None:
        loop.remove_reader(pidfd)
        os.close(pidfd)
        code = child.wait()
        process.exit_code = code if code >= 0 else 128 - code
        process.exited.set()

    loop.add_reader(pidfd, reap)


def _id(name: str) -> str | int | None:
    if not name:
        return None
    return int(name) if name.isdecimal() else name


def _begin() -> None:
    """Ignore no signal, as in a container: what started us may ignore SIGINT. Runs in the child."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def _begin_with_terminal() -> None:
    """Take the terminal, so that its Ctrl-C is a signal. Runs in the child."""
    _begin()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
