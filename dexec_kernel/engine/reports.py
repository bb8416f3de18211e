"""Why a command could not be started: the words of runc, crun and Podman, read.

Of an attached exec the engine reports it inside the stream, after the exec is said to be started,
with a PID of 0 and the exit code 126 or 127; Podman alone looks the user up before it answers. Of a
detached one the report is the answer to exec start, an error: Docker's 400 and Podman's 500.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from dexec_kernel.engine.answers import BAD_REQUEST, SERVER_ERROR
from dexec_kernel.errors import CommandNotStarted, EngineApiError

_not_in_path = re.compile(r"executable file .*not found", re.IGNORECASE)
_no_such_file = re.compile(r"no such file or directory", re.IGNORECASE)
_bad_directory = re.compile(r"\bchdir\b|\bcwd must be|working directory", re.IGNORECASE)
_bad_user = re.compile(r"unable to find (user|group)|no matching entries in passwd", re.IGNORECASE)
_denied = re.compile(r"permission denied", re.IGNORECASE)
_not_a_program = re.compile(r"exec format error", re.IGNORECASE)
_by_runtime = re.compile(r"\bOCI (runtime|permission)\b|\bexec failed\b|\b(runc|crun): ")
_too_long = re.compile(r"argument list too long", re.IGNORECASE)


def is_engine_report(output: str) -> bool:
    """Tell whether ``output``, all of an exec that has no PID, is the engine's and no command's.

    Podman names no PID of an exec that has ended, so that a command's own exit code 126 looks as
    the engine's does. Docker ends its report as for a terminal, Podman begins it like this.
    """
    return output.endswith("\r\n") or output.startswith("Error: ")


def names_unknown_user(engine_text: str) -> bool:
    """Tell whether the engine could not find the user."""
    return _bad_user.search(engine_text) is not None


def is_refused_start(error: EngineApiError) -> bool:
    """Tell whether an error answer to exec start is a report: the command was not started."""
    if error.status not in {BAD_REQUEST, SERVER_ERROR}:
        return False
    return names_unknown_user(error.message) or _by_runtime.search(error.message) is not None


def explain(command: Sequence[str], exit_code: int | None, engine_text: str) -> CommandNotStarted:
    """Return the error for a command that the engine could not start."""
    text = engine_text.strip()
    name = command[0] if command else "?"
    missing = bad_folder = False
    short = ""
    if _not_in_path.search(text):
        # First, because a missing command may have any name.
        reason, advice, missing = _no_command(name)
        short = "command not found"
    elif names_unknown_user(text):
        reason, short = "the container has no such user", "no such user"
        advice = "Users are those of the container's /etc/passwd; a number always works."
    elif _bad_directory.search(text):
        reason = "the working directory does not exist in the container, or cannot be entered"
        advice, bad_folder = "Name one that exists.", True
        short = "no such folder"
    elif _no_such_file.search(text):
        reason, advice, missing = _no_command(name)
        short = "command not found"
    elif _denied.search(text):
        reason = f"{name!r} may not be executed by this user"
        advice = "Look at its mode (`ls -l`); a folder cannot be executed either."
    elif _not_a_program.search(text):
        reason = f"{name!r} is not a program for this machine"
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
        bad_folder=bad_folder,
        short_reason=short,
        advice=advice,
    )


def refused_start(command: Sequence[str], error: EngineApiError) -> CommandNotStarted | None:
    """Return what an error answer to exec start means, None where it is no report."""
    if not is_refused_start(error):
        return None
    return explain(
        command, None, error.message.removeprefix(f"The engine answered {error.status}: ")
    )


def _no_command(name: str) -> tuple[str, str, bool]:
    advice = (
        "Without a shell in the image, a cell is one command, which is looked up in the image's"
        " PATH: there are no cd, no pipes and no variables."
    )
    return f"the container has no command {name!r}", advice, True
