from __future__ import annotations

import os
from pathlib import Path

import pytest

from dexec_kernel.cells.signals.container import ContainerSignaller
from dexec_kernel.cells.signals.host import HostSignaller
from dexec_kernel.cells.signals.ways import find_signaller
from dexec_kernel.errors import SignalError
from dexec_kernel.shell.commands import Shell
from tests.unit.support.fake_backend import FakeBackend


def own_cgroup() -> str:
    return Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()[0]


def test_way_to_the_processes():
    backend, container = FakeBackend(), own_cgroup()
    inside = find_signaller(backend, container, Shell.SH, inner_pid=17, pid=None)
    assert isinstance(inside, ContainerSignaller)
    assert inside.leader == 17
    outside = find_signaller(backend, container, Shell.NONE, inner_pid=None, pid=os.getpid())
    assert isinstance(outside, HostSignaller)
    for pid in (None, 2**22 + 1):
        with pytest.raises(SignalError, match="cannot be signalled"):
            find_signaller(backend, "f" * 64, Shell.NONE, inner_pid=None, pid=pid)
