"""A kernel ends in time, whatever its engine does, and says nothing about it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from jupyter_client.connect import write_connection_file
from jupyter_client.manager import KernelManager

from tests.kernel.conftest import environment
from tests.waiting import GUARD

#: In seconds: how long an engine may take to answer a call (``engine.calls.READ_TIMEOUT``).
ENGINE_TIMEOUT = 60.0


class Process:
    """A kernel's process whose stderr is read, with a client."""

    def __init__(self, folder: Path, host: str, **settings: str) -> None:
        file, _ = write_connection_file(str(folder / "connection.json"))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dexec_kernel", "-f", file],
            env=environment(host, **settings),
            stderr=subprocess.PIPE,
        )
        manager = KernelManager()
        manager.load_connection_file(file)
        self.client = manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=GUARD)

    def end(self) -> str:
        """Return what it printed until it had ended."""
        _, errors = self.process.communicate(timeout=2 * ENGINE_TIMEOUT)
        self.client.stop_channels()
        return errors.decode()


@pytest.fixture
def start_process(tmp_path, host):
    started = []

    def start(engine: str = "", **settings: str) -> Process:
        started.append(Process(tmp_path, engine or host, **settings))
        return started[-1]

    yield start
    for process in started:
        process.client.stop_channels()
        process.process.kill()
        process.process.communicate()


def is_clean(errors: str) -> bool:
    return not any(word in errors for word in ("Traceback", "Error", "Assertion", "zmq"))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP, "request"])
def test_a_kernel_ends_without_a_word(start_process, busybox, how):
    process = start_process(DEXEC_CONTAINER=busybox)
    process.client.execute("true")
    if how == "request":
        process.client.shutdown()
    else:
        process.process.send_signal(how)
    assert is_clean(process.end())
    assert process.process.returncode == 0


@pytest.mark.parametrize("container", ["web", ""])
def test_sigterm_ends_a_kernel_whose_engine_hangs(start_process, silent_engine, container):
    """It does not wait for what the engine does not answer."""
    host, asked = silent_engine
    process = start_process(host, DEXEC_CONTAINER=container)
    process.client.execute("echo never")
    assert asked.wait(GUARD)
    begin = time.monotonic()
    process.process.send_signal(signal.SIGTERM)
    errors = process.end()
    assert time.monotonic() - begin < ENGINE_TIMEOUT / 2
    assert is_clean(errors)
