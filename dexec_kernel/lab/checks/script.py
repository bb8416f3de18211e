"""The shell text that runs a check. No I/O.

A checker's main process is a shell that evaluates lines from its stdin. The check's own text is in
no argument, no variable of the environment and no open file: a link of the student's that leads to
one of them would be read in place of the answer. The text is read from a file that is gone before
the first command of the check runs.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

#: The main process of a checker. It ends when its stdin does: then its owner is gone.
DRIVER = 'while IFS= read -r line; do eval "$line"; done'

#: The system's folders come first: the student's files may be in any other.
_SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "yash"})
_EVALUATE = 'script=$(cat && echo .) || exit 125; exec </dev/null; eval "${script%.}"'


@dataclass(frozen=True, slots=True)
class CheckScript:
    """A script of a lab's teacher, with the program that runs it."""

    text: str

    @property
    def shell(self) -> tuple[str, ...]:
        """The shell with its options; empty for a program of another language."""
        first = self.text.partition("\n")[0]
        if not first.startswith("#!"):
            return ("/bin/sh",)
        words = first[2:].split()
        if words and posixpath.basename(words[0]) == "env":
            words = [word for word in words[1:] if word != "-S"]
        if not words or posixpath.basename(words[0]) not in _SHELLS:
            return ()
        return tuple(words)

    def command(self, file: str) -> str:
        """Return what runs the script, which is in ``file``."""
        if not self.shell:
            return f"exec {shlex.quote(file)} </dev/null"
        words = shlex.join([*self.shell, "-c", _EVALUATE, "check"])
        path = shlex.quote(file)
        read = f"script=$(cat {path} && echo .) || exit 125; rm -f {path}"
        return f'{read}; printf %s "${{script%.}}" | {words}'


def exports(variables: Mapping[str, str]) -> str:
    """Return lines that set environment variables."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def run_file(script: CheckScript, folder: str, variables: Mapping[str, str]) -> str:
    """Return the text of the file that runs the check, whose files are in ``folder``."""
    return (
        f"umask 022\nPATH={_SYSTEM_PATH}:$PATH\nexport PATH\n"
        f"{exports({'HOME': f'{folder}/home', **variables})}"
        f"cd /\nrm -f {folder}/run\n{script.command(f'{folder}/check')}\n"
    )


def removal_line(paths: Iterable[str], mark: str) -> str:
    """Return the line that removes the pristine files in place of which the student's come."""
    return f"rm -rf -- {shlex.join(paths)} >/dev/null 2>&1; printf '%s\\n' {mark}\n"


def check_line(folder: str) -> str:
    """Return the line that runs a check as the last of a container.

    The shell waits for the check and for the end of its own stdin, whichever is first. As PID 1 it
    cannot be killed from within, and takes all that is left with it when it ends.
    """
    return (
        "trap 'exit 143' TERM; exec 3<&0 </dev/null;"
        " { cat <&3; kill -TERM $$; } >/dev/null 2>&1 &"
        f" {{ exec 3<&-; . {folder}/run; }} & wait $!; exit $?\n"
    )
