"""How a cell becomes an exec: through the image's shell, or as one command line without it."""

from __future__ import annotations

import shlex
from enum import Enum
from functools import cache
from importlib import resources

from dexec_kernel.engine.errors import ConfigurationError

#: Evaluates the driver, then the cell that the driver leaves in $1.
_BOOTSTRAP = 'eval "$1";eval "shift;$1"'
#: $0 of a cell: what the shell's own error messages begin with.
_NAME = "cell"
#: In bytes: a cell goes over as several arguments, each under the limit of one.
_PART_SIZE = 100_000
#: In bytes: all arguments and the environment of a process have about 2 MiB together.
_MAX_ARGUMENTS_SIZE = 1_500_000


class Shell(Enum):
    """What runs the cells of a container, the preferred first."""

    BASH = "bash"
    SH = "sh"
    NONE = ""


@cache
def _script(name: str) -> str:
    """Return a script of this package without its comments."""
    lines = resources.files(__package__).joinpath(name).read_text(encoding="utf-8").splitlines()
    head = lines[0]
    return "\n".join([head, *(line for line in lines if not line.lstrip().startswith("#"))])


def driver_command(shell: Shell, mark: str) -> list[str]:
    """Return the command that reads a cell from its stdin and evaluates it."""
    return [shell.value, "-c", _BOOTSTRAP, _NAME, _script("driver.sh"), mark]


def driver_stdin(source: str, mark: str) -> bytes:
    """Return what :func:`driver_command` wants on its stdin. The cell has no NUL in it."""
    return f"{source}\n{mark}\n".encode()


def driver_arguments(source: str) -> list[str]:
    """Return the cell as arguments to follow :func:`driver_command`, where stdin does not work.

    Raises :class:`ConfigurationError` for a cell that does not fit.
    """
    data = source.encode()
    if len(data) > _MAX_ARGUMENTS_SIZE:
        raise ConfigurationError(
            f"The cell has {len(data):,} bytes. What stands between this kernel and the engine"
            f" passes no stdin on, and without it a cell has at most {_MAX_ARGUMENTS_SIZE:,}."
        )
    parts: list[str] = []
    start = 0
    while start < len(data) or not parts:
        end = min(start + _PART_SIZE, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:  # noqa: PLR2004 -- inside a character
            end -= 1
        parts.append(data[start:end].decode())
        start = end
    return parts


def signal_command(shell: Shell, signal: str, leader: int) -> list[str]:
    """Return the command that sends ``signal`` ("INT", or "0" for none) to what a cell started.

    It prints the PIDs of what is alive. ``leader`` is the PID of the cell inside the container.
    """
    return [shell.value, "-c", _script("signal.sh"), "dexec-signal", signal, str(leader)]


def command_line(source: str) -> list[str]:
    """Return a cell's words, for an image without a shell; an empty list for an empty cell.

    The words are split and unquoted as a shell does; there are no variables, pipes or patterns.
    Raises :class:`ConfigurationError` for more than one command.
    """
    commands: list[list[str]] = []
    pending = ""
    for line in source.splitlines():
        pending = f"{pending}\n{line}" if pending else line
        if pending.endswith("\\"):
            pending = pending[:-1] + " "
            continue
        try:
            words = shlex.split(pending, comments=True)
        except ValueError:
            continue  # An open quote: the next line belongs to it.
        pending = ""
        if words:
            commands.append(words)
    if pending.strip():
        raise ConfigurationError(f"A quote is not closed: {pending.splitlines()[0]!r}.")
    if len(commands) > 1:
        raise ConfigurationError(
            f"This container has no shell, so that a cell is one command line; this one has"
            f" {len(commands)}.",
            advice="Put each command into a cell of its own.",
        )
    return commands[0] if commands else []
