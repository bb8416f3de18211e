"""How a cell becomes an exec: through the image's shell, or as one command line without it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import ClassVar

from dexec_kernel.errors import ConfigurationError

#: Says in `ps` what it is; evaluates the driver, then the cell that the driver leaves in $1, with
#: its options in $2.
_BOOTSTRAP = ': dexec-kernel, waits for a cell, runs it;eval "$DEXEC_DRIVER";eval "shift 2;$2$1"'
#: $0 of a cell: what the shell's own error messages begin with.
_NAME = "cell"
#: In bytes: a cell goes over as several arguments, each under the limit of one.
_PART_SIZE = 100_000
#: In bytes: all arguments and the environment of a process have about 2 MiB together.
_MAX_ARGUMENTS_SIZE = 900_000
#: The tokens of a command line. A comment begins where a word may begin.
_token = re.compile(
    r"""(?P<blank>[ \t\r]+|\\\n)|(?P<comment>\#[^\n]*)|(?P<end>\n)
    |(?P<word>(?:[^ \t\r\n'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+)""",
    re.DOTALL | re.VERBOSE,
)
#: The quoted parts of a word, and the characters that a backslash escapes in double quotes.
_part = re.compile(r"""'[^']*'|"(?:[^"\\]|\\.)*"|\\.""", re.DOTALL)
_escaped = re.compile(r'\\([$`"\\\n])')


@dataclass(frozen=True, slots=True)
class Shell:
    """The shell for the cells of a container: its name or path, or "" for none."""

    value: str

    BASH: ClassVar[Shell]
    SH: ClassVar[Shell]
    NONE: ClassVar[Shell]


Shell.BASH, Shell.SH, Shell.NONE = Shell("bash"), Shell("sh"), Shell("")
#: The shells to try by default, the preferred first.
SHELLS = (Shell.BASH, Shell.SH, Shell.NONE)


@cache
def script_text(name: str) -> str:
    """Return a script of this package without its comments."""
    text = resources.files(__package__).joinpath("scripts", name).read_text(encoding="utf-8")
    lines = text.splitlines()
    head = lines[0]
    return "\n".join([head, *(line for line in lines if not line.lstrip().startswith("#"))])


def driver_command(shell: Shell) -> list[str]:
    """Return the command that reads a cell from its stdin and evaluates it."""
    return [shell.value, "-c", _BOOTSTRAP, _NAME]


def driver_environment(mark: str, *, hand_over: bool, standby: bool = False) -> dict[str, str]:
    """Return what :func:`driver_command` needs in its environment.

    With ``hand_over`` the cell's shell tells its state when it ends; as a ``standby`` it tells when
    it has its cell.
    """
    trap = script_text("handover.sh").replace("MARK", mark)
    env = {
        "DEXEC_DRIVER": script_text("driver.sh"),
        "DEXEC_MARK": mark,
        "DEXEC_HANDOVER": trap.replace("STATE", "yes" if hand_over else "no"),
    }
    return {**env, "DEXEC_STANDBY": "1"} if standby else env


def driver_stdin(source: str, mark: str, update: bytes = b"") -> bytes:
    """Return the stdin of :func:`driver_command`. The cell must not contain NUL.

    ``update`` is evaluated by a standby before the cell; "" for nothing. The rest of stdin belongs
    to the cell.
    """
    before = update + f"\n{mark}state\n".encode() if update else b""
    return before + f"{source}\n{mark}\n".encode()


def driver_arguments(source: str) -> list[str]:
    """Return the cell as arguments to follow :func:`driver_command`, where stdin does not work.

    Raises :class:`ConfigurationError` for a cell that does not fit.
    """
    data = source.encode()
    if len(data) > _MAX_ARGUMENTS_SIZE:
        raise ConfigurationError(
            f"The cell has {len(data):,} bytes. A proxy in front of the engine passes no stdin on;"
            f" without stdin a cell may have {_MAX_ARGUMENTS_SIZE:,} bytes at most."
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


def signal_command(
    shell: Shell, signal: str, leader: int, known: Mapping[int, int] | None = None
) -> list[str]:
    """Return the command that sends ``signal`` ("INT", "0" for none) to a cell's processes.

    It prints the living ones as PID:START. ``leader`` is the PID of the cell in the container;
    ``known`` are the processes that an earlier call has printed, each with its start time.
    """
    script = f"{script_text('reach.sh')}\n{script_text('signal.sh')}"
    processes = [f"{pid}:{start}" for pid, start in (known or {}).items()]
    return [shell.value, "-c", script, "dexec-signal", signal, str(leader), *processes]


def guardian_command(shell: Shell) -> list[str]:
    """Return the command that ends the cells that it is told of when its stdin ends."""
    script = f"{script_text('reach.sh')}\n{script_text('guardian.sh')}"
    return [shell.value, "-c", script, "dexec-guardian"]


def command_line(source: str) -> list[str]:
    """Return a cell's words, for an image without a shell; an empty list for an empty cell.

    The words are split and unquoted as a shell does; there are no variables, pipes or patterns.
    Raises :class:`ConfigurationError` for more than one command.
    """
    commands: list[list[str]] = [[]]
    position = 0
    while position < len(source):
        match = _token.match(source, position)
        if match is None:
            line = source[position:].partition("\n")[0]
            raise ConfigurationError(f"A quote or a backslash is left open: {line!r}.")
        position = match.end()
        if match.lastgroup == "word":
            commands[-1].append(_part.sub(_unquote, match[0]))
        elif match.lastgroup == "end":
            commands.append([])
    commands = [words for words in commands if words]
    if len(commands) > 1:
        raise ConfigurationError(
            f"This container has no shell, so that a cell is one command line; this one has"
            f" {len(commands)}.",
            advice="Put each command into a cell of its own.",
        )
    return commands[0] if commands else []


def _unquote(part: re.Match[str]) -> str:
    """Return the unquoted text of a quoted part. A backslash removes a newline."""
    text = part[0]
    if text.startswith("'"):
        return text[1:-1]
    if text.startswith('"'):
        return _escaped.sub(lambda match: match[1].strip("\n"), text[1:-1])
    return text[1:].strip("\n")
