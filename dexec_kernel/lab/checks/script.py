"""The shell text that runs a check. No I/O.

A checker's main process is a shell that evaluates lines from its stdin. The check's own text is in
no argument, no variable of the environment and no open file: a link of the student's that leads to
one of them would be read in place of the answer. The text is read from a file that is gone before
the first command of the check runs.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dexec_kernel.lab.checks.facts import Facts

#: The main process of a checker. It ends when its stdin does: then its owner is gone.
DRIVER = 'while IFS= read -r line; do eval "$line"; done'

#: The system's folders come first: the student's files may be in any other.
_SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_LOCAL_PATH = "/usr/local/sbin:/usr/local/bin"
#: Variables that change the programs which a shell runs.
UNCLEAN = (
    *("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "BASH_ENV", "ENV"),
    *("PYTHONPATH", "PYTHONSTARTUP", "PERL5LIB", "PERL5OPT", "RUBYOPT", "NODE_OPTIONS"),
)
#: The folder of files that the engine mounts in ``/etc``.
MOUNTED = "mounted"
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "yash"})
#: Evaluates the text on its stdin, the whole of it, which the text does not see any more.
EVALUATE = 'script=$(cat && echo .) || exit 125; exec </dev/null; eval "${script%.}"'
#: The same, after a line with its argument and its PID.
TELL_AND_EVALUATE = f"printf '%s %s\\n' \"$1\" $$; set --; {EVALUATE}"


@dataclass(frozen=True, slots=True)
class CheckScript:
    """A script of a lab's teacher, with the program that runs it."""

    text: str

    @property
    def data(self) -> bytes:
        """The bytes of its file."""
        return self.text.encode("utf-8", "surrogateescape")

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
        words = shlex.join([*self.shell, "-c", EVALUATE, "check"])
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
        # The engine's own mounts keep their place, and take the student's text.
        f"for file in {folder}/{MOUNTED}/*; do\n"
        '[ ! -f "$file" ] || cat "$file" >"/etc/${file##*/}"\ndone\n'
        f"cd /\nrm -rf {folder}/run {folder}/{MOUNTED}\n{script.command(f'{folder}/check')}\n"
    )


def removal_line(paths: Sequence[str], mark: str) -> str:
    """Return the line that removes the pristine files in place of which the student's come.

    Paths are single lines. The mark is printed in any case: it tells that the shell is there.
    """
    removal = f"rm -rf -- {shlex.join(paths)} >/dev/null 2>&1; " if paths else ""
    return f"{removal}printf '%s\\n' {mark}\n"


def check_line(folder: str, mark: str) -> str:
    """Return the line that runs a check as the last of a container.

    At the end both streams have a line with the mark and the exit code: the exit code that an
    engine tells of a container that it removes is not always true. The shell waits for the check
    and for the end of its own stdin, whichever is first. As PID 1 it cannot be killed from within,
    and takes all that is left with it when it ends.
    """
    return (
        "trap 'exit 143' TERM; exec 3<&0 </dev/null;"
        " { cat <&3; kill -TERM $$; } >/dev/null 2>&1 &"
        f" {{ exec 3<&-; . {folder}/run; }} & wait $!; code=$?;"
        f" printf '\\n%s %s\\n' {mark} $code; printf '\\n%s %s\\n' {mark} $code >&2; exit $code\n"
    )


def inside_text(script: CheckScript, folder: str, facts: Facts) -> str:
    """Return the text that runs a check beside a student who is not root.

    The files of the facts are in ``folder`` meanwhile.
    """
    lines = [
        f"umask 077; trap 'rm -rf {folder}' EXIT",
        f"PATH={_SYSTEM_PATH}:{_LOCAL_PATH}; export PATH; unset {' '.join(UNCLEAN)}",
    ]
    files = list(facts.files())
    folders = {posixpath.dirname(f"{folder}/{path}"): None for path, _ in files}
    lines.append(f"mkdir -p {folder}/home {shlex.join(folders)} || exit 125")
    lines += [
        f"printf %s {shlex.quote(data.decode('utf-8', 'surrogateescape'))} >{folder}/{path}"
        for path, data in files
    ]
    lines += [
        exports({"HOME": f"{folder}/home", **facts.environment(folder)}).rstrip(),
        "umask 022; cd /",
    ]
    if script.shell:
        words = shlex.join([*script.shell, "-c", EVALUATE, "check"])
        lines.append(f"printf %s {shlex.quote(script.text)} | {words}")
    else:
        # The folder may be one that nothing is executed from.
        program = script.text.partition("\n")[0][2:].strip()
        lines.append(f"printf %s {shlex.quote(script.text)} >{folder}/check")
        lines.append(f"{program} {folder}/check")
    return "\n".join([*lines, "exit $?", ""])
