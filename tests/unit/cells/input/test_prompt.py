"""The prompt of a program, and whether it asks for a secret."""

from __future__ import annotations

import pytest

from dexec_kernel.cells.input.prompt import Prompt, asks_for_secret


def prompt_of(*parts: bytes) -> str:
    prompt = Prompt()
    for part in parts:
        prompt.feed(part)
    return prompt.text


@pytest.mark.parametrize(
    ("printed", "prompt"),
    [
        ([], ""),
        ([b"Name: "], "Name: "),
        ([b"one\ntwo\nNa", b"me: "], "Name: "),
        ([b"one\n"], ""),
        ([b"10 %\r20 %\rGo on? "], "Go on? "),
        ([b"a\r\n", b"b> "], "b> "),
        (["Größe: ".encode()[:3], "Größe: ".encode()[3:]], "Größe: "),
        ([b"\x1b[1;32mme@host\x1b[0m:~$ "], "me@host:~$ "),
        ([b"\x1b]0;title\x07$ "], "$ "),
        ([b"a\x07b\x00"], "ab"),
        ([b"\xff: "], "�: "),
    ],
)
def test_the_prompt_is_the_incomplete_line(printed, prompt):
    assert prompt_of(*printed) == prompt


def test_only_the_end_of_a_long_line_is_kept():
    assert prompt_of(b"x" * 100_000, b"end: ") == "x" * 995 + "end: "


def test_what_was_answered_is_forgotten():
    prompt = Prompt()
    prompt.feed(b"Name: ")
    prompt.clear()
    assert not prompt.text


@pytest.mark.parametrize(
    "prompt",
    [
        "Password: ",
        "password:",
        "[sudo] password for ada: ",
        "ada@host's password: ",
        "Password for user postgres: ",
        "Enter passphrase for key '/root/.ssh/id_rsa': ",
        "Enter PEM pass phrase:",
        "Vault password: ",
        "Enter PIN: ",
        "New password: ",
        "Passwort: ",
        "API key: ",
        "Token? ",
        "Password> ",
    ],
)
def test_secrets(prompt):
    assert asks_for_secret(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "Name: ",
        "Continue? [Y/n] ",
        "Spinning: ",
        "Opinion: ",
        "Pinned version: ",
        "Monkey: ",
        "Passenger: ",
        "The password was changed. Name: ",
        "Compass: ",
        "$ ",
    ],
)
def test_no_secrets(prompt):
    assert not asks_for_secret(prompt)
