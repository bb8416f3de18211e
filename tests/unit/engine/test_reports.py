"""The engines' words for a command that could not be started."""

from __future__ import annotations

import pytest

from dexec_kernel.engine.reports import explain, is_engine_report, is_refused_start
from dexec_kernel.errors import EngineApiError

IN_PATH = "executable file not found in $PATH"
NO_FILE = "no such file or directory"
NO_FOLDER = f'chdir to cwd ("/nope") set in config.json failed: {NO_FILE}'
COMMAND_MISSING = "OCI runtime attempted to invoke a command that was not found"

RUNC = "OCI runtime exec failed: exec failed: unable to start container process: "
PODMAN = "Error: runc: exec failed: unable to start container process: "

TEXTS = {
    "docker, missing": (
        f'{RUNC}exec: "nope": {IN_PATH}: unknown\r\n',
        "no command 'nope'",
    ),
    "docker, missing path": (
        f'{RUNC}exec: "/x/y": stat /x/y: {NO_FILE}: unknown\r\n',
        "no command 'nope'",
    ),
    "docker, no interpreter": (
        f"{RUNC}exec /x/y: {NO_FILE}: unknown\r\n",
        "no command 'nope'",
    ),
    "docker, called cwd": (
        f'{RUNC}exec: "cwd": {IN_PATH}: unknown\r\n',
        "no command 'nope'",
    ),
    "docker, called after an error": (
        f'{RUNC}exec: "unable to find user": {IN_PATH}: unknown\r\n',
        "no command 'nope'",
    ),
    "docker, not executable": (
        f'{RUNC}exec: "/etc/passwd": permission denied: unknown\r\n',
        "may not be executed",
    ),
    "docker, folder": (
        f"{RUNC}{NO_FOLDER}: unknown\r\n",
        "working directory",
    ),
    "docker, folder denied": (
        f'{RUNC}chdir to cwd ("/root") set in config.json failed: permission denied: unknown\r\n',
        "working directory",
    ),
    "docker, relative folder": (
        f"{RUNC}Cwd must be an absolute path: unknown\r\n",
        "working directory",
    ),
    "docker, user": (
        "unable to find user nope: no matching entries in passwd file\r\n",
        "no such user",
    ),
    "docker, group": (
        "unable to find group nope: no matching entries in group file\r\n",
        "no such user",
    ),
    "docker, format": (
        f"{RUNC}exec /x: exec format error: unknown\r\n",
        "not a program for this machine",
    ),
    "docker, long": (f"{RUNC}exec /bin/sh: argument list too long: unknown\r\n", "too long"),
    "docker, something else": (
        f"{RUNC}unable to apply caps: operation not permitted: unknown\r\n",
        "the engine could not start it",
    ),
    "podman, missing": (
        f'{PODMAN}exec: "nope": {IN_PATH}: {COMMAND_MISSING}\n',
        "no command 'nope'",
    ),
    "podman, folder": (
        f"{PODMAN}{NO_FOLDER}: OCI runtime error\n",
        "working directory",
    ),
    "podman, not executable": (
        f'{PODMAN}exec: "/etc/passwd": permission denied: OCI permission denied\n',
        "may not be executed",
    ),
    "crun, missing": (
        f"Error: crun: executable file `nope` not found in $PATH: {COMMAND_MISSING}\n",
        "no command 'nope'",
    ),
    "crun, folder": (
        "Error: crun: chdir to `/nope`: No such file or directory: OCI runtime error\n",
        "working directory",
    ),
    "crun, not executable": (
        "Error: crun: open executable: Permission denied: OCI permission denied\n",
        "may not be executed",
    ),
}


@pytest.mark.parametrize(("text", "reason"), TEXTS.values(), ids=TEXTS)
def test_engines_text_in_plain_words(text, reason):
    error = explain(["nope", "x"], 127, text)
    assert error.message.startswith("The command was not started: ")
    assert reason in error.message
    assert error.engine_text == text.strip()
    assert error.exit_code == 127
    assert error.missing_command is (reason == "no command 'nope'")
    assert (error.short_reason == "command not found") is error.missing_command
    assert error.advice or reason == "the engine could not start it"
    assert is_engine_report(text)


def test_what_a_command_prints_is_no_report_of_the_engine():
    for text in ("", "env: can't execute 'x': No such file\n", "an Error: of mine\n", "x"):
        assert not is_engine_report(text)


@pytest.mark.parametrize(
    ("status", "text", "refused"),
    [
        (500, "unable to find user nope", True),
        (500, "no space left on device", False),
        (409, "unable to find user nope", False),
        (400, RUNC + IN_PATH, True),
        (500, f"runc: exec failed: {COMMAND_MISSING}", True),
        (500, f"crun: executable file `x` not found in $PATH: {COMMAND_MISSING}", True),
        (403, RUNC + IN_PATH, False),
        (400, "invalid JSON", False),
    ],
)
def test_an_error_answer_to_exec_start_may_be_a_report(status, text, refused):
    assert is_refused_start(EngineApiError(text, status=status)) is refused
