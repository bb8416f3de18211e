"""How a cell becomes an exec: through the image's shell, or as one command line without it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import ClassVar

from dexec_kernel.errors import ConfigurationError
from dexec_kernel.shell.marks import Marks
from dexec_kernel.shell.names import AFTER
from dexec_kernel.shell.state import ShellState

#: The first words of a shell that waits for a cell or runs it.
CELL_COMMAND = ": dexec-kernel, waits for a cell, runs it"
#: The ``-c`` of a shell that runs another script. `ps` and the engine's events show it; they do not
#: show the environment.
SCRIPT_COMMAND = 'eval "$DEXEC_SCRIPT"'
#: The name of the process of a shell while it waits for a cell: driver.sh gives it.
STANDBY_NAME = "dexec-standby"


def _in_posix_mode(command: str) -> str:
    """Return a command, a special builtin, in bash's POSIX mode: no function takes its place.

    That the mode is on already is the rule where the variable is readonly.
    """
    return f"case ${{SHELLOPTS-}} in *posix*)\\{command};;*)POSIXLY_CORRECT=1 \\{command};;esac;"


#: In quotes: IFS may hold digits.
_EXIT = f'exit "${AFTER}code"'
#: What a shell that runs a cell is told as its ``-c``, on one line: errors count the cell's.
#:
#: 1. what `ps` shows;
#: 2. driver.sh, which leaves the cell in a variable that shells have anyway;
#: 3. the cell. ``>&7 2>&8`` makes the shell undo what an ``exec >file`` of the cell does; the cell
#:    and its children do not have the descriptors 7 and 8 (stdout and stderr) and 9 (what follows
#:    the cell), and what it opens as 3 to 6 is closed after it. Its text is gone from ``$_`` before
#:    it runs: the arithmetic is done last. A trace of this line goes to /dev/null;
#: 4. handover.sh in a subshell, where no trap of the user's is run and special builtins come before
#:    functions; then what it has left in the pipe for the shell itself to do. Where that could be
#:    seen by the user, or has failed, the shell ends by reaching the end of this, with the cell's
#:    exit code. Arithmetic in redirections is no command that a trap or a trace could see: it keeps
#:    that code, and sends a trace that goes to a descriptor of the user's to /dev/null too. stderr
#:    is closed first: a shell that may open nothing more, or no file (`set -r`), would complain.
#:
#: Through the environment it would need one more ``eval``, which traces of the cell would show.
_BOOTSTRAP = (
    f"{CELL_COMMAND};"
    'eval "$DEXEC_DRIVER";'
    '{ eval "${BASH_EXECUTION_STRING-$_}"'
    ' >&7 2>&8 7>&- 8>&- 9<&- 3>&- 4>&- 5>&- 6>&- <&"$((_=0))";} 2>/dev/null;'
    f"{{ ({AFTER}was=$?:$-:${{SHELLOPTS-}}::${{BASHOPTS-}};"
    f"{_in_posix_mode('. /proc/self/fd/9')}"
    f'\\trap>/proc/self/fd/9;{AFTER}leave "$@")'
    ' 2>&- >/dev/null 2>&1 2>&"$((0*(BASH_XTRACEFD=2)+1))"'
    '&&{ . /proc/self/fd/9;} 2>/dev/null 7>&"$((0*(BASH_XTRACEFD=2)+7))"'
    f'||({_in_posix_mode(_EXIT)}/proc/$$/exe -pc "exit ${AFTER}code")'
    " 2>&- >&-&&for _ in;do :;done;}"
)
_CODE = f"0*({AFTER}code=$?)"
#: The redirection that keeps the exit code. In bash it closes a descriptor that is not open, which
#: needs none, however few the cell has left to the shell. Busybox can close none by an expansion.
_KEEPING_CODE = {"bash": f' 3>&"${{$##[!$(({_CODE}))]*}}-"', "": f' 8>&"$(({_CODE}+8))"'}
_BASH = "handover_bash.sh"
#: In bytes: a cell goes over as several arguments, each under the limit of one.
_PART_SIZE = 100_000
#: In bytes: all arguments and the environment of a process have about 2 MiB together.
_MAX_ARGUMENTS_SIZE = 900_000


@dataclass(frozen=True, slots=True)
class Shell:
    """What runs the cells of a container: the name of a shell, its path, or "" for none."""

    value: str

    BASH: ClassVar[Shell]
    SH: ClassVar[Shell]
    NONE: ClassVar[Shell]


Shell.BASH, Shell.SH, Shell.NONE = Shell("bash"), Shell("sh"), Shell("")
#: What is tried where nothing is said, the preferred first.
SHELLS = (Shell.BASH, Shell.SH, Shell.NONE)


@cache
def script_text(name: str) -> str:
    """Return a script of this package without its comments."""
    text = resources.files(__package__).joinpath("scripts", name).read_text(encoding="utf-8")
    head, *lines = text.splitlines()
    text = "\n".join([head, *(line for line in lines if not line.lstrip().startswith("#"))])
    return text.replace("__after_", AFTER)


def _unindented(name: str) -> str:
    """Return a script for the driver's pipe, which takes 4096 bytes at once in every shell."""
    return "\n".join(line.lstrip() for line in script_text(name).splitlines())


@cache
def _handover_text(name: str) -> str:
    """Return what a shell evaluates after its cell; it is the same for every exec."""
    # The pipe of other shells has no room for both, and only bash writes to filters.
    scripts = ("filters.sh", "lingering.sh") if name == _BASH else ("lingering.sh",)
    lingering = "\n".join(map(_unindented, scripts))
    return f"{AFTER}lingering={shlex.quote(lingering)}\n{_unindented(name)}"


def driver_command(shell: Shell) -> list[str]:
    """Return the command that reads a cell from its stdin and evaluates it.

    The shell is ``$0`` of a cell, and what its error messages begin with.
    """
    keeping = _KEEPING_CODE.get(shell.value, _KEEPING_CODE[""])
    return [shell.value, "-c", _BOOTSTRAP + keeping, shell.value]


@dataclass(frozen=True, slots=True)
class DriverOptions:
    """What differs from one driver to the next.

    ``keep``: it hands its state over. ``standby``: it is started before its cell is known.
    ``waits``: a terminal is given its size before the cell begins. ``other_user``: the cell's user
    has a home of its own. ``may_be_elsewhere``: the cell goes to another folder by itself, so that
    it runs although the session's is gone.
    """

    keep: bool = False
    standby: bool = False
    waits: bool = False
    other_user: bool = False
    may_be_elsewhere: bool = False


def driver_environment(
    marks: Marks,
    state: ShellState | None = None,
    options: DriverOptions = DriverOptions(),
    *,
    folder: str = "",
    exports: str = "",
) -> dict[str, str]:
    """Return what :func:`driver_command` needs in its environment.

    The cell begins in ``folder``, "" for that of the exec, with ``state`` and what ``exports`` add.
    """
    found, early, late = (state or ShellState()).environment()
    if exports:
        found[f"DEXEC_STATE_{late}"] = exports
        late += 1
    settings = {
        "standby": "1" if options.standby else "",
        "wait": "1" if options.waits else "",
        "keep": "yes" if options.keep else "no",
        "gone": "1" if options.may_be_elsewhere else "",
        "user": "1" if options.other_user else "",
        "folder": folder,
        "prelude": state.prelude if state else "",
        "early": str(early),
        "late": str(late),
    }
    return {
        **found,
        "DEXEC_DRIVER": script_text("driver.sh"),
        "DEXEC_GREETING": marks.greeting,
        "DEXEC_HANDOVER": _handover_text("handover.sh"),
        "DEXEC_HANDOVER_BASH": _handover_text(_BASH),
        "DEXEC_SETTINGS": "".join(
            f"__dexec_{name}={shlex.quote(value)};" for name, value in settings.items()
        ),
    }


def driver_stdin(source: str, marks: Marks, update: bytes = b"", *, ends: bool = False) -> bytes:
    """Return what :func:`driver_command` wants on its stdin. The cell has no NUL in it.

    ``update`` is what a standby evaluates before the cell, "" for nothing. What follows on stdin is
    the cell's own; with ``ends`` nothing follows, and the cell has end of file.
    """
    mark = marks.secret
    before = update + f"\n{mark}state\n".encode() if update else b""
    end = "ends" if ends else ""
    return f"{mark}\n".encode() + before + f"{source}\n{mark}{end}\n".encode()


def driver_arguments(
    source: str, *, why: str = "What stands between this kernel and the engine passes no stdin on"
) -> list[str]:
    """Return the cell as arguments to follow :func:`driver_command`, where stdin does not work.

    Raises :class:`ConfigurationError` for a cell that does not fit; ``why`` it has no stdin.
    """
    data = source.encode()
    if len(data) > _MAX_ARGUMENTS_SIZE:
        raise ConfigurationError(
            f"The cell has {len(data):,} bytes. {why}, and without it a cell has at most"
            f" {_MAX_ARGUMENTS_SIZE:,}."
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


@dataclass(frozen=True, slots=True)
class Program:
    """A command that runs a script of this package; it needs ``env`` in its environment."""

    command: list[str]
    env: dict[str, str]


def script_program(
    shell: Shell, name: str, scripts: Sequence[str], arguments: Sequence[str] = ()
) -> Program:
    """Return what runs ``scripts``, one after the other, with ``name`` as ``$0``.

    They do not have their own text in their environment. Bash takes neither functions nor options
    nor a file to read from there with ``-p``.
    """
    text = "\n".join(["unset -v DEXEC_SCRIPT", *map(script_text, scripts)])
    flags = "-pc" if PurePosixPath(shell.value).name == "bash" else "-c"
    command = [shell.value, flags, SCRIPT_COMMAND, f"dexec-{name}", *arguments]
    return Program(command, {"DEXEC_SCRIPT": text})


def signal_program(
    shell: Shell, signal: str, leader: int, known: Mapping[int, int] | None = None
) -> Program:
    """Return what sends ``signal`` ("INT", or "0" for none) to the processes that a cell started.

    It prints who is alive, as PID:START. ``leader`` is the PID of the cell inside the container;
    ``known`` are those that an earlier call has printed, each with its start time.
    """
    processes = [f"{pid}:{start}" for pid, start in (known or {}).items()]
    arguments = [signal, str(leader), *processes]
    return script_program(shell, "signal", ["reach.sh", "signal.sh"], arguments)


def guardian_program(shell: Shell) -> Program:
    """Return what ends the cells that it is told of when its stdin ends.

    Until then it looks for their readers when it is asked to.
    """
    return script_program(shell, "guardian", ["reach.sh", "waiting.sh", "guardian.sh"])
