"""The process that a lab's containers belong to, as a label, and whether it is still there.

A PID alone may be another process's by now, and another machine's or container's in the first
place: the label has the boot, the PID namespace and the time of the start besides. Source: proc(5).
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

#: The labels with the process, and with the one that has made the container and may have been
#: followed by another; and the label of containers that no sweep removes.
PARENT_LABEL, MAKER_LABEL, KEEP_LABEL = "dexec.lab.parent", "dexec.lab.maker", "dexec.lab.keep"

_PROC = Path("/proc")
#: In the fields after the name: the time of the start, in ticks since the boot.
_START = 19
_INIT = 1
#: A label may have any length; Python refuses to read thousands of digits.
_pid = re.compile("[0-9]{1,10}")
#: Ends the name of a container that was given back: the place, PID and start of its holder.
_MARK = re.compile(r"\.(?P<place>[0-9a-f]{6})-(?P<pid>[0-9]{1,10})-(?P<started>[0-9]+)$")


@dataclass(frozen=True, slots=True)
class Parent:
    """A process. ``machine`` and ``boot`` say where its PID means anything, "" where unknown."""

    machine: str
    boot: str
    namespace: str
    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Self:
        """Return a process of this machine."""
        return cls(_machine(), _boot(), _namespace(), pid, _started(pid))

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Read a label; None for one that is none."""
        words = text.split("/")
        if len(words) != 5 or not _pid.fullmatch(words[3]):  # noqa: PLR2004 -- as it is written
            return None
        machine, boot, namespace, pid, started = words
        return cls(machine, boot, namespace, int(pid), started)

    def __str__(self) -> str:
        return "/".join((self.machine, self.boot, self.namespace, str(self.pid), self.started))

    @property
    def is_gone(self) -> bool:
        """True where the process has ended for certain. False says nothing."""
        if not self.started or self.machine != _machine():
            return False
        if self.boot != _boot():
            return True
        return self.namespace == _namespace() and _started(self.pid) != self.started

    @property
    def place(self) -> str:
        """A short name for where its PID means anything."""
        words = f"{self.machine}/{self.boot}/{self.namespace}"
        return hashlib.sha256(words.encode()).hexdigest()[:6]


def parent_of_kernel(environ: Mapping[str, str]) -> Parent:
    """Return the process that this one, a kernel, was started by: it may start the next one.

    Jupyter names it in the environment. Where it has ended already, or nothing tells it from the
    init process that takes orphans in, it is this process itself.
    """
    named = environ.get("JPY_PARENT_PID", "")
    pid = int(named) if named.isdecimal() else os.getppid()
    found = Parent.of(pid)
    is_one = bool(found.started) and (bool(named) or pid != _INIT)
    return found if is_one else Parent.of(os.getpid())


def labels_of_maker() -> dict[str, str]:
    """Return the labels of a container that this process makes, and that is its own."""
    me = str(Parent.of(os.getpid()))
    return {PARENT_LABEL: me, MAKER_LABEL: me}


def is_of_gone(labels: Mapping[str, str], label: str = PARENT_LABEL) -> bool:
    """Return whether the process that a label names has ended for certain."""
    parent = Parent.read(labels.get(label, ""))
    return parent is not None and parent.is_gone


def held_name(name: str) -> str:
    """Return the name of a container that this process holds, and that another one has made.

    A container's labels never change. Where nothing tells one process from another, the name is
    the plain one.
    """
    me = Parent.of(os.getpid())
    plain = name[: match.start()] if (match := _MARK.search(name)) else name
    return f"{plain}.{me.place}-{me.pid}-{me.started}" if me.started else plain


def is_let_go(name: str, labels: Mapping[str, str]) -> bool:
    """Return whether the process that holds a container has ended for certain.

    It is the one that its name tells, or else the one that has made it.
    """
    match = _MARK.search(name)
    if match is None:
        return is_of_gone(labels, MAKER_LABEL)
    is_here = match["place"] == Parent.of(os.getpid()).place
    return is_here and _started(int(match["pid"])) != match["started"]


def _machine() -> str:
    """Return a name for this machine and user. Each container has a host name of its own."""
    number = _read(Path("/etc/machine-id"))
    words = f"{number} {socket.gethostname()} {os.getuid()}"
    return hashlib.sha256(words.encode()).hexdigest()[:12]


def _boot() -> str:
    return _read(_PROC / "sys/kernel/random/boot_id")


def _namespace() -> str:
    with suppress(OSError):
        return (_PROC / "self/ns/pid").readlink().name.strip("pid:[]")
    return ""


def _started(pid: int) -> str:
    """Return when a process has started, "" for one that is not there."""
    stat = _read(_PROC / str(pid) / "stat").rpartition(")")[2].split()
    is_there = len(stat) > _START and stat[0] not in {"Z", "X"}
    return stat[_START] if is_there else ""


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace").strip()
    return ""
