"""The process that containers belong to: alive, gone, or of another machine."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

from dexec_kernel.lab.parent import PARENT_LABEL, Parent, is_of_gone, parent_of_kernel


def test_a_process_is_gone_when_it_has_ended_and_its_number_says_nothing():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    parent = Parent.of(process.pid)
    assert not parent.is_gone
    assert Parent.read(str(parent)) == parent
    process.communicate(b"\n")
    assert parent.is_gone
    assert is_of_gone({PARENT_LABEL: str(parent)})
    # A kernel whose server has just ended is its own owner.
    assert parent_of_kernel({"JPY_PARENT_PID": str(process.pid)}) == Parent.of(os.getpid())
    me = Parent.of(os.getpid())
    assert not me.is_gone
    assert replace(me, started="1").is_gone
    assert replace(me, boot="another").is_gone


def test_nothing_is_said_of_another_machine_or_a_namespace_or_of_what_cannot_be_read():
    me = replace(Parent.of(os.getpid()), started="1")
    assert not replace(me, machine="another").is_gone
    assert not replace(me, namespace="another").is_gone
    assert not replace(me, started="").is_gone
    for text in ("", "a/b", "a/b/c/x/1", "a/b/c/1", f"a/b/c/{'9' * 5_000}/1"):
        assert Parent.read(text) is None


def test_a_kernel_belongs_to_the_process_that_has_started_it(monkeypatch):
    mine = Parent.of(os.getpid())
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    above = Parent.of(process.pid)
    monkeypatch.setattr(os, "getppid", lambda: process.pid)
    for environ in ({}, {"JPY_PARENT_PID": "none"}, {"JPY_PARENT_PID": str(process.pid)}):
        assert parent_of_kernel(environ) == above
    process.communicate(b"\n")
    assert parent_of_kernel({}) == mine
    # An orphan's parent is the init process; a server may be that, in a container.
    monkeypatch.setattr(os, "getppid", lambda: 1)
    assert parent_of_kernel({}) == mine
    assert parent_of_kernel({"JPY_PARENT_PID": "1"}) == Parent.of(1)
    assert not is_of_gone({})
