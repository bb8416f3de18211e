"""How a command gets its environment and its folder in a pod, where exec has neither.

Kubernetes' exec takes arguments alone, and writes them into its audit log. So a shell is started
that reads a program from its stdin: the variables, the folder, and the command. Neither `ps` nor a
log shows them. What follows the program on stdin is the command's. Any POSIX shell understands it.
No I/O here.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from dexec_kernel.backend.models import ROOT, ExecConfig
from dexec_kernel.errors import ConfigurationError
from dexec_kernel.kube import oom

#: What `ps` shows first of a shell that waits for its program.
NAME = ": dexec-kernel, reads its program from stdin;"
#: Reads lines up to one that is a dot, and gathers them by the hundred: to append each to the whole
#: takes seconds at 200 KB. The argument is a line feed, so that this is one line: errors of a cell
#: count its own lines.
_READ = (
    "__dexec_b=$1;__dexec_p=;__dexec_n=0;set --;"
    "while TMOUT= IFS= read -r __dexec_l||exit 125;do case $__dexec_l in .)break;esac;"
    '__dexec_p="$__dexec_p$__dexec_l$__dexec_b";__dexec_n=$((__dexec_n+1));'
    'case $__dexec_n in *00)set -- "$@" "$__dexec_p";__dexec_p=;esac;done;'
    'IFS=;__dexec_p="$*$__dexec_p";IFS=" \t$__dexec_b";'
    "unset -v __dexec_b __dexec_l __dexec_n;set --;"
    'eval "$__dexec_p";'
)
#: Evaluates what the program has left, without a name or a line of ours.
_GO = 'set -- "$__dexec_c" "$@";unset -v __dexec_c __dexec_p;eval "shift;$1"'
_END = "\n.\n"
#: bash's commands for the options that it has in a variable, and what stands before each of them.
_COMMANDS = {"SHELLOPTS": "set", "BASHOPTS": "shopt -s"}
_SETTERS = {"SHELLOPTS": "-o", "BASHOPTS": ""}
_shells = re.compile(r"(ba|da|a|k|lk|mk|pdk|z|ya|hu|po)?sh")
_identifier = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: The words of a program that ends before its command, and the exit codes that go with them.
STARTED, NO_FOLDER, NO_COMMAND = "start", "folder", "command"
_CANNOT_RUN, _NOT_FOUND = 126, 127


@dataclass(frozen=True, slots=True)
class Boot:
    """A command as a pod's exec starts it. ``program`` is sent first, "" for none.

    ``mark`` surrounds the program's words on stderr, a terminal's only stream.
    """

    command: list[str]
    program: str = ""
    mark: str = ""


def needs_boot(config: ExecConfig) -> bool:
    """Return whether a command needs a shell before it: an image without one has none."""
    return is_script(config.cmd) or bool(config.env or config.working_dir or config.in_root)


def is_script(command: Sequence[str]) -> bool:
    """Return whether a command is a shell with its script as an argument."""
    name = PurePosixPath(command[0]).name
    is_given = len(command) > 2 and command[1] in {"-c", "-pc"}  # noqa: PLR2004 -- SHELL -c SCRIPT
    return is_given and _shells.fullmatch(name) is not None


def boot(config: ExecConfig, mark: str, *, detached: bool = False) -> Boot:
    """Return how a command is started, with its program.

    Raises :class:`ConfigurationError` for variables that no shell can set.
    """
    shell = config.cmd[0] if is_script(config.cmd) else "sh"
    name = config.cmd[3] if is_script(config.cmd) and len(config.cmd) > 3 else shell  # noqa: PLR2004 -- $0
    program = _program(config, mark, detached=detached)
    return Boot([shell, "-c", NAME + _READ + _GO, name, "\n"], program + _END, mark)


def carried(config: ExecConfig, mark: str, carrier: int) -> Boot:
    """Return how a command with a terminal is started: a terminal would echo its program.

    ``carrier`` is the PID of another shell, which has the program open: see :func:`carrier`.
    """
    shell = config.cmd[0] if is_script(config.cmd) else "sh"
    name = config.cmd[3] if is_script(config.cmd) and len(config.cmd) > 3 else shell  # noqa: PLR2004 -- $0
    return Boot([shell, "-c", f"{NAME}. /proc/{carrier}/fd/9;{_GO}", name], "", mark)


def carrier(config: ExecConfig, mark: str, word: str) -> ExecConfig:
    """Return what holds a program open as its descriptor 9, and prints its PID after ``word``.

    It ends with its stdin.
    """
    program = _program(config, mark, detached=False)
    end = f"__{word}__"
    script = f"exec 9<<'{end}'\n{program}\n{end}\nprintf '%s %s\\n' {word} $$\nread -r __dexec_l"
    return ExecConfig(["sh", "-c", script], attach_stdin=True)


def _program(config: ExecConfig, mark: str, *, detached: bool) -> str:
    check_names(config.env)
    folder = ROOT if config.in_root else config.working_dir
    is_ours = is_script(config.cmd)
    lines = []
    if folder:
        quoted = shlex.quote(folder)
        say = _say(mark, NO_FOLDER, _CANNOT_RUN)
        # Nobody has been elsewhere before: `cd -` is to fail.
        lines.append(f"CDPATH= cd -- {quoted} >/dev/null 2>&1 || {say}\nunset -v OLDPWD")
    lines += [_set(name, value) for name, value in config.env.items()]
    if not is_ours:
        say = _say(mark, NO_COMMAND, _NOT_FOUND)
        lines.append(f"command -v {shlex.quote(config.cmd[0])} >/dev/null 2>&1 || {say}")
    if config.tty and (size := config.console_size) is not None:
        # Whoever serves the exec sets a size and passes stdin on in no order, so that the command
        # might see a terminal of no size. Without an stty the frame of the size has to do.
        lines.append(f"stty rows {size.rows} cols {size.columns} <&1 2>/dev/null || :")
    lines.append(
        f"{oom.COUNT}printf '%s{STARTED} %s %s%s' {mark} $$ \"$__dexec_o\" {mark} >&2\n{oom.FORGET}"
    )
    if detached:
        lines.append("exec </dev/null >/dev/null 2>&1")
    elif not config.attach_stdin:
        lines.append("exec </dev/null")
    elif is_ours:
        # containerd ends a process's stdin as soon as nobody has its stdout or its stderr open.
        lines.append("exec 7>&1 8>&2")
    arguments = config.cmd[4:] if is_ours else config.cmd
    text = config.cmd[2] if is_ours else 'exec "$@"'
    lines.append(f"__dexec_c={shlex.quote(text)}")
    lines.append(f"set -- {shlex.join(arguments)}")
    return _without_dots("\n".join(lines))


def check_names(env: Mapping[str, str]) -> None:
    """Raise :class:`ConfigurationError` for names that no shell can set."""
    for name in env:
        if not _identifier.fullmatch(name):
            raise ConfigurationError(
                f"The variable {name!r} cannot be set in a pod: a shell sets it there, and no shell"
                " takes that name."
            )


def _set(name: str, value: str) -> str:
    """Return what sets a variable. bash lets nobody assign those of its options."""
    if name not in _SETTERS:
        return f"export {name}={shlex.quote(value)}"
    wanted = " ".join(f"{_SETTERS[name]} {word}" for word in value.split(":") if word)
    if not wanted:
        # No other option of a shell keeps the program from going on.
        return "set +aefuvx" if name == "SHELLOPTS" else ":"
    return f'[ -z "${{BASH_VERSION-}}" ] || {_COMMANDS[name]} {shlex.join(wanted.split())} || :'


def _say(mark: str, word: str, code: int) -> str:
    return f"{{ printf '%s{word} %s' {mark} {mark} >&2; exit {code}; }}"


def _without_dots(program: str) -> str:
    """Return a program that has no line which is a dot: that ends it."""
    # It is inside of single quotes, as all text of others is: these end them, and begin them again.
    return re.sub(r"^\.$", "'.'", program, flags=re.MULTILINE)
