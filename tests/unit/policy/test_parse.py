"""The text of a policy: every setting, and every mistake at once. Nothing is guessed."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from dexec_kernel.errors import PolicyUnusable
from dexec_kernel.policy.parse import parse_policy
from dexec_kernel.policy.rules import KEYS, Files, Policy

WHOLE = b"""
engines = ["unix:///var/run/docker.sock"]
[containers]
include = ["lab-*"]
exclude = ["lab-0"]
labels = ["org.example.lab=1"]
switching = false
restart = false
[exec]
users = ["student"]
privileged = false
detach = false
[files]
local = false
container = "read"
[limits]
timeout = 60
output = 1000
log = 0
"""


def test_every_setting():
    policy = parse_policy(WHOLE, "p")
    assert policy == Policy(
        file="p",
        engines=("unix:///var/run/docker.sock",),
        include=("lab-*",),
        exclude=("lab-0",),
        labels=("org.example.lab=1",),
        switching=False,
        restart=False,
        users=("student",),
        privileged=False,
        detach=False,
        local_files=False,
        container_files=Files.READ,
        timeout=60,
        output=1000,
        log=0,
    )
    assert len(policy.described()) == len(KEYS)
    assert "exec.users = student" in policy.described()
    assert "files.container = read" in policy.described()
    assert "containers.switching = false" in policy.described()


def test_what_is_missing_limits_nothing():
    policy = parse_policy(b"", "p")
    assert policy == Policy(file="p")
    assert policy.described() == []


def test_an_empty_list_allows_nothing():
    policy = parse_policy(b"engines = []\n[containers]\ninclude = []\n[exec]\nusers = []", "p")
    assert (policy.engines, policy.include, policy.users) == ((), (), ())


def test_every_problem_is_named_with_the_file():
    content = b'[containrs]\n[exec]\nuser = ["a"]\nusers = "a"\n[files]\ncontainer = "wirte"\n'
    with pytest.raises(PolicyUnusable) as caught:
        parse_policy(content, "/etc/p.toml")
    message = caught.value.message
    assert "/etc/p.toml" in message
    assert "did you mean containers?" in message
    assert "did you mean exec.users?" in message
    assert "exec.users is 'a', and should be a list" in message
    assert "did you mean 'write'" in message


@pytest.mark.parametrize(
    "content",
    [
        *(b"x", b"\xff", b"timeout = 1", b"containers = 1", b"[limits]\ntimeout = 0"),
        *(b"[limits]\ntimeout = 1" + b"0" * 400, b"[limits]\nlog = 1" + b"0" * 5000),
        *(b"[limits]\ntimeout = nan", b"[limits]\noutput = 0", b"[limits]\nlog = -1"),
        *(b"[exec]\nusers = [1]", b"[containers]\nswitching = 0", b"engines = ['']"),
    ],
)
def test_what_makes_no_sense_is_unusable(content):
    with pytest.raises(PolicyUnusable):
        parse_policy(content, "p")


def test_the_example_of_the_guide_is_one():
    page = Path(__file__).parents[3] / "docs/guide/policy.md"
    _, _, rest = page.read_text(encoding="utf-8").partition("```toml\n")
    example = rest.partition("```")[0]
    policy = parse_policy(example.encode(), "p")
    assert {key for key in KEYS.values() if key.partition(".")[0] in tomllib.loads(example)} == {
        *KEYS.values()
    }
    assert policy.privileged is False
