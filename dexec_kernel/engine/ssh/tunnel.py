"""One ssh process, which forwards a private unix socket of ours to the engine's socket.

All connections of a client go through it as OpenSSH's channels, which pass a half close on. The
process leads a session of its own: a Ctrl-C that is meant for the kernel does not reach it, and it
has no terminal to ask questions on. It ends with this process, however that ends: a shell in its
process group reads a pipe of ours, whose end it sees even after SIGKILL.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
import signal
import tempfile
import threading
from contextlib import suppress
from typing import Self

from dexec_kernel.engine.ssh.destination import SshDestination
from dexec_kernel.engine.ssh.words import SshWords
from dexec_kernel.errors import EngineUnavailable

#: In seconds: for the whole of a connection, and for ssh's own look at network and keys, after
#: which it says in its own words what is missing.
TIMEOUT, _CONNECT_TIMEOUT = 14.0, 10
#: In seconds: about so long before the next attempt, where the server has turned us away.
_PAUSES = (0.3, 0.6, 1.2, 2.4)
#: In seconds: between two looks for the socket, which ssh makes when it has connected.
_INTERVAL = 0.02
#: In seconds: ssh has this long to end before it is killed.
_GRACE = 3.0
#: In bytes: of one read of stderr.
_PIECE = 4096
#: In bytes: the operating system's limit for a socket's path, the smallest of those that we know.
_LONGEST_PATH = 103
_SOCKET = "engine.sock"
#: What ssh does not give a meaning in the path of a socket.
_PLAIN = re.compile(r"[A-Za-z0-9/._-]+")

#: The shell becomes ssh; its child reads our pipe to the end and then ends the process group. A
#: forwarding through a master of the user's (ControlPath) outlives ssh, and is cancelled. An ssh
#: that the user's configuration sends to the background would be nobody's; old ones have no such
#: option.
#: $1: the private folder; $2: ssh; then its arguments. The stdin of ssh comes as stdout: it is a
#: pipe of its own, since some versions of ssh make theirs non-blocking.
_SCRIPT = """\
folder=$1 ssh=$2
shift 2
exec 3<&0 4<&1 </dev/null >/dev/null
case $("$ssh" -V 2>&1) in
    OpenSSH_[0-7].* | OpenSSH_8.[0-6]*) ;;
    OpenSSH_*) set -- -o ForkAfterAuthentication=no "$@" ;;
esac
(
    trap '' HUP INT TERM
    read -r _ <&3
    kill -TERM 0
    rm -rf -- "$folder"
    (sleep 3; kill -KILL 0) &
    "$ssh" -O cancel "$@"
    kill -KILL 0
) 4<&- >/dev/null 2>&1 &
exec "$ssh" "$@" <&4 3<&- 4<&-
"""

_OPTIONS = (
    # Neither a terminal, an agent nor a display for the other machine.
    *("-T", "-a", "-x"),
    # Nobody would see a question.
    *("-o", "BatchMode=yes"),
    # A master of the user's is used. Ours would end others' sessions together with the kernel.
    *("-o", "ControlMaster=no"),
    # The user's configuration may want no forwarding; it may forward ports that another ssh has.
    *("-o", "ClearAllForwardings=no"),
    *("-o", "ExitOnForwardFailure=no"),
    *("-o", "StreamLocalBindUnlink=yes"),
    *("-o", f"ConnectTimeout={_CONNECT_TIMEOUT}"),
    # A network that is gone is noticed within a minute.
    *("-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3"),
    # Errors of channels are of this level.
    *("-o", "LogLevel=INFO"),
)


#: OpenSSH's server sends small packets without delay only after it has run a command: without one
#: an answer waits for the acknowledgement of the piece before it, up to 40 ms. This one ends with
#: its stdin.
_COMMAND = "cat"
#: The exit code of ssh for its own failures. Any other is the command's.
_FAILED = 255


class SshTunnel:
    """A running ssh. Make it with :meth:`open`, and close it with :meth:`aclose`."""

    def __init__(
        self,
        folder: str,
        process: asyncio.subprocess.Process,
        lifelines: tuple[int, ...],
        stderr: int,
    ) -> None:
        self.path = f"{folder}/{_SOCKET}"
        self._process = process
        self._lifelines = lifelines
        self._stderr = _Stderr(stderr)
        self._reaper = asyncio.create_task(self._reap())

    @classmethod
    async def open(cls, destination: SshDestination, *, runs_command: bool = True) -> Self:
        """Connect, within ``TIMEOUT`` seconds. Raises :class:`EngineUnavailable`.

        A server that turns connections away, as when a class begins, is tried a few times.
        Without ``runs_command`` no command is run on the other machine, which makes calls slower.
        So it is where the account may run none.
        """
        for pause in (*_PAUSES, None):
            tunnel = await cls._attempt(destination, runs_command=runs_command)
            if tunnel.is_up:
                return tunnel
            await tunnel.aclose()
            if runs_command and tunnel.command_failed:
                return await cls.open(destination, runs_command=False)
            if pause is None or not tunnel.words().turned_away:
                break
            # At random, because those who were turned away together come again together.
            await asyncio.sleep(random.uniform(0.5, 1.5) * pause)  # noqa: S311 -- no secret
        raise _unavailable(destination, tunnel.words(), "it ended at once")

    @classmethod
    async def _attempt(cls, destination: SshDestination, *, runs_command: bool) -> Self:
        """Start ssh, and wait until it has connected or ended."""
        tunnel = await cls._start(destination, runs_command=runs_command)
        try:
            async with asyncio.timeout(TIMEOUT):
                while tunnel.is_up and not tunnel.listens():  # noqa: ASYNC110 -- ssh tells nobody
                    await asyncio.sleep(_INTERVAL)
        except TimeoutError as error:
            words = tunnel.words()
            await tunnel.aclose()
            reason = f"no connection within {TIMEOUT:g} s"
            raise _unavailable(destination, words, reason) from error
        except BaseException:
            await tunnel.aclose()
            raise
        return tunnel

    @classmethod
    async def _start(cls, destination: SshDestination, *, runs_command: bool) -> Self:
        program = shutil.which("ssh")
        if program is None:
            raise EngineUnavailable(
                f"The engine at {destination.url} cannot be reached: there is no ssh command here.",
                advice="Install OpenSSH's client (in Debian: openssh-client).",
            )
        opened: list[int] = []
        folder = ""
        try:
            folder = _private_folder()
            forward = f"{folder}/{_SOCKET}:{destination.socket}"
            ends = [os.pipe() for _ in range(3)]
            opened = [descriptor for pair in ends for descriptor in pair]
            (watched, lifeline), (stdin, other), (stderr, theirs) = ends
            options = _OPTIONS if runs_command else (*_OPTIONS, "-N")
            command = [_COMMAND] if runs_command else []
            process = await asyncio.create_subprocess_exec(
                *("/bin/sh", "-c", _SCRIPT, "dexec-ssh", folder, program),
                *(*options, "-L", forward, *destination.arguments, *command),
                stdin=watched,
                stdout=stdin,
                stderr=theirs,
                start_new_session=True,
                # Not even a window may ask, as of the ssh that a ProxyJump starts.
                env={**os.environ, "SSH_ASKPASS_REQUIRE": "never"},
            )
        except BaseException as error:
            for descriptor in opened:
                os.close(descriptor)
            if folder:
                shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, OSError):
                raise EngineUnavailable(f"ssh cannot be started: {error}.") from error
            raise
        for descriptor in (watched, stdin, theirs):
            os.close(descriptor)
        return cls(folder, process, (lifeline, other), stderr)

    @property
    def is_up(self) -> bool:
        """Whether ssh runs, and is not being ended."""
        return bool(self._lifelines) and not self._has_exited()

    @property
    def command_failed(self) -> bool:
        """Whether ssh, which has ended, did so because no command may be run for us."""
        code = self._process.returncode
        if code is None or code < 0:
            return False
        words = self.words().last
        return code != _FAILED or "open failed" in words or "remote command" in words

    def listens(self) -> bool:
        """Whether ssh has connected, and made the socket."""
        return os.path.exists(self.path)  # noqa: PTH110 -- a look, fifty times a second

    def words(self) -> SshWords:
        """Return what ssh has printed so far. From any thread."""
        return self._stderr.words()

    async def aclose(self) -> None:
        """End ssh, and remove the socket. May be called twice."""
        self._let_go()
        done, _ = await asyncio.wait({self._reaper}, timeout=_GRACE)
        if not done:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await asyncio.wait({self._reaper})

    def _has_exited(self) -> bool:
        if self._process.returncode is not None:
            return True
        if not hasattr(os, "waitid"):  # macOS, before Python 3.13.
            return False
        # The event loop learns it a moment later.
        look = os.WEXITED | os.WNOHANG | os.WNOWAIT
        try:
            return os.waitid(os.P_PID, self._process.pid, look) is not None
        except ChildProcessError:
            return True

    def _let_go(self) -> None:
        """Close the pipe that the shell reads: it ends ssh, and removes the folder."""
        lifelines, self._lifelines = self._lifelines, ()
        for descriptor in lifelines:
            os.close(descriptor)

    async def _reap(self) -> None:
        await self._process.wait()
        self._let_go()
        self._stderr.close()


class _Stderr:
    """Our end of the pipe that ssh prints into; read by the event loop, or by who asks."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._is_open = True
        self._words = SshWords()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(descriptor, self._readable)

    def words(self) -> SshWords:
        self._read()
        return self._words

    def close(self) -> None:
        """Read the rest, and close it. Belongs to the event loop."""
        self._read()
        with self._lock:
            if self._is_open:
                self._is_open = False
                self._loop.remove_reader(self._descriptor)
                os.close(self._descriptor)

    def _readable(self) -> None:
        if self._read():
            self._loop.remove_reader(self._descriptor)

    def _read(self) -> bool:
        """Take what there is; return whether it was the end."""
        with self._lock:
            while self._is_open:
                try:
                    data = os.read(self._descriptor, _PIECE)
                except BlockingIOError:
                    return False
                if not data:
                    return True
                self._words.receive(data)
        return False


def _unavailable(destination: SshDestination, words: SshWords, otherwise: str) -> EngineUnavailable:
    reason = f"ssh: {(words.reason or otherwise).removeprefix('ssh: ')}"
    return EngineUnavailable(
        f"The engine at {destination.url} cannot be reached. {reason.rstrip('.')}.",
        advice=words.advice(destination),
    )


def _private_folder() -> str:
    """Make a folder, mode 0700, in which a socket's path is short and plain. Raises OSError."""
    for parent in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp"):  # noqa: S108 -- mkdtemp makes a folder of our own in it
        longest = len(f"{parent}/dexec-ssh-12345678/{_SOCKET}".encode())
        if (
            parent.startswith("/")
            and _PLAIN.fullmatch(parent)
            and longest <= _LONGEST_PATH
            and os.access(parent, os.W_OK)
        ):
            return tempfile.mkdtemp(prefix="dexec-ssh-", dir=parent)
    raise FileNotFoundError("no folder for its socket (TMPDIR)")
