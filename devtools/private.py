"""A private service: an engine of our own in a directory of its own, which vanishes with it."""

import os
import subprocess
import tempfile
import time
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from devtools import api, containers, processes
from devtools.cleanup import clear
from devtools.stoppable import Stoppable

_PREFIX = "dexec-engine-"
_SOCKET = "api.sock"
_LONGEST_BASE = 40
"""The engines put sockets deep below their directory, and 107 characters are all they have."""


class EngineStartError(Exception):
    """A private engine did not come up, or ended early; the message has the tail of its log."""


class PrivateService(Stoppable):
    """An engine that this process starts and stops; a context manager.

    The directory is fresh, so that any number of engines can run beside each other, and holds a
    file that names this process as the owner: `reap` ends engines whose owner is gone.
    """

    def __init__(self, extra_args: Sequence[str] = ()) -> None:
        self.extra_args = list(extra_args)
        self._directory: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def directory(self) -> Path:
        """The engine's directory. Raises RuntimeError when it was not started."""
        if self._directory is None:
            raise RuntimeError("this private engine was not started")
        return self._directory

    @property
    def host(self) -> str:
        """The URL for DOCKER_HOST. Raises RuntimeError when it was not started."""
        return f"unix://{self.socket}"

    @property
    def socket(self) -> Path:
        """Where the daemon listens. Raises RuntimeError when it was not started."""
        return self.directory / _SOCKET

    @property
    def pid(self) -> int:
        """The PID of the daemon. Raises RuntimeError when it does not run."""
        if self._process is None:
            raise RuntimeError("this private engine does not run")
        return self._process.pid

    @property
    def log(self) -> str:
        """The daemon's log so far. Raises RuntimeError when it was not started."""
        path = self.directory / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self, timeout: float = 120) -> None:
        """Start the engine and wait until it answers.

        Raises EngineStartError when it ends or does not answer within `timeout` seconds, and
        FileNotFoundError when it is not installed; nothing is left behind then.
        """
        if self._directory is not None:
            raise RuntimeError("this private engine was started already")
        base = Path(tempfile.gettempdir())
        if len(str(base)) > _LONGEST_BASE:
            base = Path("/tmp")  # noqa: S108 -- mkdtemp makes a directory of our own in it
        self._directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
        try:
            _write_owner(self._directory)
            self.start_daemon(timeout)
        except BaseException:
            self.stop()
            raise

    def start_daemon(self, timeout: float = 120) -> None:
        """Start the daemon in the directory that there is, as after `stop_daemon`.

        Raises EngineStartError and FileNotFoundError as `start` does.
        """
        if self._process is not None:
            raise RuntimeError("this private engine runs already")
        # A killed daemon does not remove these. Its PID may belong to another process by now.
        (self.directory / "pid").unlink(missing_ok=True)
        (self.directory / _SOCKET).unlink(missing_ok=True)
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
                # Where conmon leaves a file when a container runs out of memory.
                cwd=self.directory,
                start_new_session=True,  # Ctrl-C is for us, and we stop it in order
            )
        deadline = time.monotonic() + timeout
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                tail = "\n".join(self.log.splitlines()[-15:])
                raise EngineStartError(f"{self._command()[0]} did not come up:\n{tail}")
            time.sleep(0.02)

    def stop_daemon(self, timeout: float = 60) -> None:
        """Send SIGTERM to the daemon and wait; SIGKILL after `timeout` seconds.

        Docker stops its containers then; Podman's go on.
        """
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill_daemon(self) -> None:
        """Send SIGKILL to the daemon, as a crash would end it. Its containers go on."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Remove the containers, end the engine and its directory; do nothing when it is stopped.

        Raises RuntimeError when a process survives SIGKILL, and OSError or CalledProcessError
        when the directory cannot be removed.
        """
        if self._directory is None:
            return
        directory, self._directory = self._directory, None
        try:
            _remove_containers(directory)
        finally:
            self.stop_daemon()
            clear(directory)

    def _answers(self) -> bool:
        return api.ping(self.host)

    @abstractmethod
    def _command(self) -> list[str]:
        """Return the command line of the daemon."""

    def _environment(self) -> dict[str, str]:
        # The developer's own engine settings are not for this one, nor is a terminal's width: the
        # engine's `ps` would cut the command lines there.
        mine = ("DOCKER_", "CONTAINER_", "CONTAINERS_", "COLUMNS")
        return {name: value for name, value in os.environ.items() if not name.startswith(mine)}


def reap() -> list[Path]:
    """End the private engines whose owner is gone (killed -9, say); return their directories.

    Raises what `PrivateService.stop` raises.
    """
    bases = {Path(tempfile.gettempdir()), Path("/tmp")}  # noqa: S108 -- only looked at
    reaped = []
    for directory in sorted(found for base in bases for found in base.glob(f"{_PREFIX}*")):
        if not _is_mine(directory) or _has_owner(directory):
            continue
        _remove_containers(directory)
        clear(directory)
        reaped.append(directory)
    return reaped


def _write_owner(directory: Path) -> None:
    me = processes.find(os.getpid())
    if me is None:
        raise RuntimeError("/proc does not show this process")
    unfinished = directory / "owner.new"
    unfinished.write_text(f"{me.pid} {me.started}\n")
    unfinished.rename(directory / "owner")


def _is_mine(directory: Path) -> bool:
    try:
        return directory.stat().st_uid == os.getuid()
    except FileNotFoundError:
        return False  # another process has just removed it


def _has_owner(directory: Path) -> bool:
    try:
        pid, started = map(int, (directory / "owner").read_text().split())
    except FileNotFoundError:
        return True  # being made or being removed by someone right now
    owner = processes.find(pid)
    return owner is not None and owner.started == started and not owner.zombie


def _remove_containers(directory: Path) -> None:
    host = f"unix://{directory / _SOCKET}"
    if api.ping(host):
        containers.remove_all(host)
