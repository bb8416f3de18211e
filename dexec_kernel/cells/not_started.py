"""Why a command could not be started: the engine's text in plain words.

The engine reports it inside the stream, after the exec is said to be started, with a PID of 0 and
the exit code 126 or 127. The texts are those of runc, crun and Podman.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from dexec_kernel.engine.errors import CommandNotStarted

_missing = re.compile(
    r"executable file .*not found|not found in \$PATH|no such file or directory|stat .*: no such",
    re.IGNORECASE,
)
_bad_directory = re.compile(r"chdir to cwd|\bcwd\b|working directory", re.IGNORECASE)
_bad_user = re.compile(r"unable to find (user|group)|no matching entries in passwd", re.IGNORECASE)
_denied = re.compile(r"permission denied", re.IGNORECASE)
_not_a_program = re.compile(r"exec format error", re.IGNORECASE)
_too_long = re.compile(r"argument list too long", re.IGNORECASE)


def explain(command: Sequence[str], exit_code: int | None, engine_text: str) -> CommandNotStarted:
    """Return the error for a command that the engine could not start."""
    text = engine_text.strip()
    missing = False
    if _bad_user.search(text):
        reason = "the container has no such user"
        advice = "Users are those of the container's /etc/passwd; a number works always."
    elif _bad_directory.search(text):
        reason = "the working directory does not exist in the container, or cannot be entered"
        advice = "Name one that exists."
    elif _missing.search(text):
        reason = f"the container has no command {command[0]!r}"
        advice = "Without a shell in the image, a command is looked up in the image's PATH alone."
        missing = True
    elif _denied.search(text):
        reason = f"{command[0]!r} may not be executed by this user"
        advice = "Look at its mode (`ls -l`); a folder cannot be executed either."
    elif _not_a_program.search(text):
        reason = f"{command[0]!r} is not a program for this machine"
        advice = "It was made for another architecture, or lacks its #! line."
    elif _too_long.search(text):
        reason = "its arguments and environment are too long"
        advice = "Hand the text over in a file, or on stdin."
    else:
        reason = "the engine could not start it"
        advice = ""
    return CommandNotStarted(
        f"The command was not started: {reason}.",
        exit_code=exit_code,
        engine_text=text,
        missing_command=missing,
        advice=advice,
    )
