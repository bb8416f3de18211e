from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dexec_kernel.cells.signals.host import HostSignaller
from dexec_kernel.errors import SignalError


def own_cgroup() -> str:
    return Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()[0]


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a process that leads a session, as an exec does."""
    started: list[subprocess.Popen[bytes]] = []

    def run(*command: str) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(command, start_new_session=True))
        return started[-1]

    yield run
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()


async def test_host_signaller_reaches_group_and_session(start):
    process = start("sh", "-c", "sleep 600 & sleep 601")
    signaller = HostSignaller(process.pid, own_cgroup())
    alive: set[int] = set()
    while len(alive) < 3:
        alive = await signaller.send("0")
    assert process.pid in alive
    await signaller.send("KILL")
    process.wait()
    assert await signaller.send("0") == set()


async def test_processes_of_another_container_are_not_touched(start):
    process = start("sleep", "600")
    assert not HostSignaller.reaches(process.pid, "f" * 64)
    assert await HostSignaller(process.pid, "f" * 64).send("KILL") == set()
    assert process.poll() is None


class FakeProc:
    """A folder with the files of /proc that are read, and the container's cgroup in it."""

    def __init__(self, folder: Path, count: int) -> None:
        self.path = folder
        for pid in range(1, count + 1):
            (folder / str(pid)).mkdir()
            fields = " ".join(["S", "1", "7", "7", *["0"] * 15, str(pid)])
            (folder / str(pid) / "stat").write_text(f"{pid} (a) b) {fields}\n", encoding="utf-8")
            (folder / str(pid) / "cgroup").write_text("0::/docker/abc\n", encoding="utf-8")
        (folder / "uptime").write_text("1", encoding="utf-8")


async def test_a_look_at_many_processes_gives_others_a_turn(tmp_path):
    signaller = HostSignaller(7, "abc", proc=FakeProc(tmp_path, 400).path)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count())
    assert len(await signaller.send("0")) == 400
    counting.cancel()
    assert turns >= 400 // 50


async def test_a_time_out_around_a_look_at_many_processes_fires(tmp_path):
    signaller = HostSignaller(7, "abc", proc=FakeProc(tmp_path, 400).path)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await signaller.send("0")


async def test_all_others_are_signalled_before_one_that_may_not_be_is_told_of(
    tmp_path, monkeypatch
):
    signaller = HostSignaller(7, "abc", proc=FakeProc(tmp_path, 4).path)
    signalled: list[int] = []

    def kill(pid: int, _number: int) -> None:
        if pid == 2:
            raise PermissionError
        signalled.append(pid)

    monkeypatch.setattr(os, "kill", kill)
    with pytest.raises(SignalError, match="may not signal the process 2"):
        await signaller.send("INT")
    assert sorted(signalled) == [1, 3, 4]
