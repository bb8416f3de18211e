"""The values that are sent to an engine and returned by it, as frozen dataclasses.

Source: Docker Engine API 1.24 to 1.51, "Exec" and "Containers". Times are the engine's strings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum

from dexec_kernel.errors import ConfigurationError

#: The kernel (MAX_ARG_STRLEN) takes no argument or environment entry above this, in bytes; the
#: engine's create accepts any and the command then fails with a misleading message.
MAX_ARGUMENT_SIZE = 131_071
#: The folder that every container has.
ROOT = "/"

#: By these labels a container says how cells run in it, where a cell does not.
USER_LABEL, WORKDIR_LABEL, SHELL_LABEL = "dexec.user", "dexec.workdir", "dexec.shell"
#: A container of a lab, with the lab's name. Only the lab's own kernel uses it.
LAB_LABEL = "dexec.lab"

# Go's os.FileMode, which has its own bits above the nine of Unix.
_DIRECTORY, _SYMLINK = 1 << 31, 1 << 27
_OTHER = (1 << 26) | (1 << 25) | (1 << 24) | (1 << 21) | (1 << 19)


class Stream(IntEnum):
    """Which stream a frame belongs to; the number is the one on the wire."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2
    SYSTEM_ERROR = 3


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes of one stream.

    A frame that arrives in pieces is handed on in pieces, each as its own ``Frame``: the first
    bytes are not held back for the last, and no frame is too large to be held in memory.
    """

    stream: Stream
    data: bytes


@dataclass(frozen=True, slots=True)
class ConsoleSize:
    """A terminal's size in characters."""

    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class ExecDefaults:
    """The user and folder of an exec that names none; empty for the container's own."""

    user: str = ""
    working_dir: str = ""


@dataclass(frozen=True, slots=True)
class ExecConfig:
    """A command and its options: the body of exec create (Go's ``container.ExecOptions``).

    ``cmd`` is the command and its arguments, each at most 131,071 bytes. ``user`` is
    ``name|uid[:group|gid]`` and empty for the container's own. ``console_size`` is for a Tty and
    is left out on engines below API 1.42, as the Go client does. ``in_root`` is for a command that
    goes to its folder by itself: it begins in ``/`` where the engine can have it so (API 1.35),
    because the container's own folder may be gone. Environment values never show in the ``repr``.
    """

    cmd: Sequence[str]
    attach_stdin: bool = False
    attach_stdout: bool = True
    attach_stderr: bool = True
    tty: bool = False
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    working_dir: str = ""
    in_root: bool = False
    user: str = ""
    privileged: bool = False
    detach_keys: str = ""
    console_size: ConsoleSize | None = None

    def with_defaults(self, defaults: ExecDefaults) -> ExecConfig:
        """Return the config with the user and folder of ``defaults`` where it names none."""
        return replace(
            self,
            user=self.user or defaults.user,
            working_dir=self.working_dir or defaults.working_dir,
        )

    def detached(self) -> ExecConfig:
        """Return the config of the same command without streams and without a Tty."""
        return replace(
            self,
            attach_stdin=False,
            attach_stdout=False,
            attach_stderr=False,
            tty=False,
            console_size=None,
        )

    def check(self) -> None:
        """Raise :class:`ConfigurationError` for a config that no engine can execute."""
        if isinstance(self.cmd, str) or not self.cmd or not self.cmd[0]:
            raise ConfigurationError(
                "An exec needs a command: a list of words, the first not empty."
            )
        entries = [*self.cmd, *(f"{name}={value}" for name, value in self.env.items())]
        for entry in entries:
            # The entry may be a secret: say how large it is, not what it is.
            try:
                size = len(entry.encode())
            except UnicodeEncodeError as error:
                raise ConfigurationError(
                    f"An argument or environment entry is not Unicode text: {error.reason}."
                ) from None  # The cause would show it.
            if size > MAX_ARGUMENT_SIZE:
                raise ConfigurationError(
                    f"An argument or environment entry has {size:,} bytes; a process takes at most"
                    f" {MAX_ARGUMENT_SIZE:,} in one.",
                    advice="Hand the text over on stdin instead.",
                )
            if "\0" in entry:
                raise ConfigurationError("An argument or environment entry has a NUL byte in it.")
        for name in self.env:
            if not name or "=" in name:
                raise ConfigurationError(f"{name!r} cannot be the name of an environment variable.")


class ExecState(Enum):
    """Where an exec is in its life."""

    NOT_STARTED = "not started"
    RUNNING = "running"
    EXITED = "exited"


@dataclass(frozen=True, slots=True)
class ExecInspect:
    """An exec's state (Go's ``container.ExecInspect``).

    ``pid`` is the process's id on the engine's host, or None if the engine reports none.
    ``exit_code`` is None until the exec has exited, and if the engine does not know it.
    ``is_doubtful`` where the engine says the same of an exec that it has lost: :meth:`Exec.wait`
    makes sure, and so does the last word of a driver.
    """

    exec_id: str
    container_id: str
    state: ExecState
    pid: int | None
    exit_code: int | None
    is_doubtful: bool = False

    @property
    def start_failed(self) -> bool:
        """True when the engine tried to start the command and could not: no process ever was."""
        return self.state is ExecState.EXITED and self.pid is None and self.exit_code in {126, 127}


@dataclass(frozen=True, slots=True)
class Ping:
    """The engine's answer to a ping: its newest API version, and its kind."""

    api_version: str
    os_type: str
    server: str
    is_podman: bool


@dataclass(frozen=True, slots=True)
class ContainerSummary:
    """One line of the list of containers. ``state`` is the engine's word: running, or paused."""

    id: str
    name: str
    image: str
    state: str
    status: str
    labels: Mapping[str, str]


#: Environment variables that a shell acts on before it runs anything.
SHELL_VARIABLES = ("BASH_ENV", "SHELLOPTS", "BASHOPTS")
#: The name of one that bash takes for a function, and the function's.
SHELL_FUNCTION = re.compile(r"BASH_FUNC_(.+)%%")


def shell_env(env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a shell acts on before it runs anything."""
    return {
        name: value
        for name, value in env.items()
        if name in SHELL_VARIABLES or SHELL_FUNCTION.fullmatch(name)
    }


@dataclass(frozen=True, slots=True)
class ContainerInspect:
    """A container's state and configuration (Go's ``container.InspectResponse``).

    ``user`` and ``working_dir`` come from its configuration and may be empty. With a ``tty`` it has
    one stream, without frames. With ``open_stdin`` its main process has a stdin; ``stdin_once``
    closes it when the first attached client leaves. ``started_at`` differs for each run of the
    container; ``exec_count`` is the number of running execs. ``why_not_running`` is the engine's
    reason, "" where it gives none. ``note`` says why a name means this container, where that is not
    plain.
    """

    id: str
    name: str
    image: str
    running: bool
    paused: bool
    oom_killed: bool
    user: str
    working_dir: str
    labels: Mapping[str, str]
    env_names: tuple[str, ...] = ()
    #: Those variables of the container that :func:`shell_env` returns, with their values.
    shell_env: Mapping[str, str] = field(default_factory=dict)
    tty: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    started_at: str = ""
    exec_count: int = 0
    why_not_running: str = ""
    note: str = ""

    @property
    def closes_stdin(self) -> bool:
        """Whether its process gets end of file when the first client attached to it leaves."""
        return self.open_stdin and self.stdin_once and not self.tty

    @property
    def exec_defaults(self) -> ExecDefaults:
        """The user and folder that the container's labels name."""
        return ExecDefaults(
            user=self.labels.get(USER_LABEL, "").strip(),
            working_dir=self.labels.get(WORKDIR_LABEL, "").strip(),
        )

    @property
    def wanted_shell(self) -> str:
        """The shell of cells that the container's labels name: bash, sh, none, or a path."""
        return self.labels.get(SHELL_LABEL, "").strip()

    def with_label_defaults(self) -> ContainerInspect:
        """Return the container with the user and folder that execs in it have by its labels."""
        defaults = self.exec_defaults
        return replace(
            self,
            user=defaults.user or self.user,
            working_dir=defaults.working_dir or self.working_dir,
        )


@dataclass(frozen=True, slots=True)
class ContainerTop:
    """A container's processes, as ``ps`` on the engine's host has them: each row under the titles.

    Rows are as long as ``titles``.
    """

    titles: tuple[str, ...]
    processes: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class PathStat:
    """The stat of a path in a container (Go's ``container.PathStat``).

    ``size`` is in bytes, ``mode`` is Go's ``os.FileMode``, ``mtime`` is the engine's string, and
    ``link_target`` is the final target of a symbolic link, as an absolute path in the container.
    """

    name: str
    size: int
    mode: int
    mtime: str
    link_target: str

    @property
    def is_dir(self) -> bool:
        """Whether it is a folder. False for a symbolic link to a folder."""
        return bool(self.mode & _DIRECTORY)

    @property
    def is_symlink(self) -> bool:
        """Whether it is a symbolic link."""
        return bool(self.mode & _SYMLINK)

    @property
    def is_special(self) -> bool:
        """Whether it is a device, a named pipe, a socket or the like."""
        return bool(self.mode & _OTHER)
