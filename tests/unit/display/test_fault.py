"""Errors as Jupyter's replies have them: the public names, and advice below the message."""

from __future__ import annotations

import re

import pytest

from dexec_kernel import errors
from dexec_kernel.display import fault

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def plain(content: dict[str, object]) -> list[str]:
    return [ANSI.sub("", line) for line in content["traceback"]]


def test_a_failed_command():
    content = fault.command_failed("exit code 137 (SIGKILL, out of memory)").content()
    assert set(content) == {"ename", "evalue", "traceback"}
    assert content["ename"] == "CommandFailed"
    assert content["evalue"] == "exit code 137 (SIGKILL, out of memory)"
    assert plain(content) == ["CommandFailed: exit code 137 (SIGKILL, out of memory)"]


@pytest.mark.parametrize(
    ("signal", "note", "value", "lines"),
    [
        ("SIGINT", "", "interrupted by SIGINT", []),
        ("", "", "interrupted", []),
        ("", "before it was started", "interrupted", ["before it was started"]),
        ("SIGKILL", "a note", "killed (SIGKILL)", ["a note"]),
    ],
)
def test_an_interrupted_cell(signal, note, value, lines):
    content = fault.interrupted(signal, note).content()
    assert (content["ename"], content["evalue"]) == ("KeyboardInterrupt", value)
    assert plain(content) == [f"KeyboardInterrupt: {value}", *lines]


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (errors.ContainerNotFound("gone", status=404), "ContainerNotFound"),
        (errors.ContainerNotRunning("stopped", status=409), "ContainerNotRunning"),
        (errors.ContainerPaused("paused", status=409), "ContainerPaused"),
        (errors.EngineUnavailable("nobody"), "EngineUnavailable"),
        (errors.ExecLost("lost"), "ExecLost"),
        (
            errors.CommandNotStarted("no such command", exit_code=127, engine_text=""),
            "CommandNotStarted",
        ),
    ],
)
def test_public_names(error, name):
    content = fault.of_error(error).content()
    assert (content["ename"], content["evalue"]) == (name, error.message)
    assert plain(content)[0] == f"{name}: {error.message}"
    assert plain(content)[1:] == ([error.advice] if error.advice else [])


def test_advice_stands_below_the_message():
    error = errors.ContainerPaused("It is paused.", status=409, advice="docker unpause web")
    assert plain(fault.of_error(error).content())[1:] == ["docker unpause web"]


def test_the_engines_words_stand_last():
    error = errors.CommandNotStarted(
        "no", exit_code=127, engine_text="OCI runtime exec failed", advice="do this"
    )
    lines = plain(fault.of_error(error).content())
    assert lines[1:] == ["do this", "The engine's words: OCI runtime exec failed"]


def test_candidates_can_be_copied_as_they_stand():
    error = errors.NotChosenError("Which one?", candidates=("web", "db"), advice="Choose.")
    lines = plain(fault.of_error(error).content())
    assert lines[1:] == ["  %container web", "  %container db", "Choose."]


def test_text_from_outside_does_not_act_in_an_error():
    error = errors.EngineUnavailable("a\x1b[31mb\u202ec\nd")
    content = fault.of_error(error).content()
    assert content["evalue"] == "a\\x1b[31mb\\u202ec\nd"
    assert plain(content)[0] == f"EngineUnavailable: {content['evalue']}"
