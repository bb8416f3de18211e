"""Blocking calls in threads that do not keep a process from ending."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from dexec_kernel.engine.threads import DaemonThreads


@pytest.fixture
def threads():
    made = DaemonThreads(2, name="x")
    yield made
    made.shutdown()


async def test_what_a_call_returns_and_raises(threads):
    loop = asyncio.get_running_loop()
    name = await loop.run_in_executor(threads, lambda: threading.current_thread().name)
    assert name == "x"
    with pytest.raises(ZeroDivisionError):
        await loop.run_in_executor(threads, lambda: 1 // 0)


def test_so_many_at_a_time(threads):
    release, begun = threading.Event(), threading.Semaphore(0)

    def call() -> None:
        begun.release()
        release.wait()

    calls = [threads.submit(call) for _ in range(3)]
    begun.acquire()
    begun.acquire()
    assert not begun.acquire(blocking=False)
    release.set()
    for future in calls:
        future.result()
    assert begun.acquire(blocking=False)


def test_what_has_not_begun_is_cancelled_at_the_end(threads):
    release, begun = threading.Event(), threading.Semaphore(0)

    def call() -> str:
        begun.release()
        release.wait()
        return "done"

    calls = [threads.submit(call) for _ in range(3)]
    begun.acquire()
    begun.acquire()
    threads.shutdown(cancel_futures=True)
    release.set()
    assert sorted(f.cancelled() for f in calls) == [False, False, True]
    assert {future.result() for future in calls if not future.cancelled()} == {"done"}
    with pytest.raises(RuntimeError):
        threads.submit(call)


def test_a_process_ends_while_a_call_hangs():
    code = (
        "import threading\n"
        "from dexec_kernel.engine.threads import DaemonThreads\n"
        "begun = threading.Event()\n"
        "DaemonThreads(1, name='x').submit(lambda: (begun.set(), threading.Event().wait()))\n"
        "begun.wait()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=240)
