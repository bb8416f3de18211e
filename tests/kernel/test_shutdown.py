"""A kernel ends in time, whatever its engine does, and says nothing about it."""

from __future__ import annotations

import signal
import subprocess
import time
from typing import IO

import pytest
from jupyter_client.manager import KernelManager

from tests.kernel.conftest import environment
from tests.waiting import GUARD

#: In seconds: how long an engine may take to answer a call (``engine.calls.READ_TIMEOUT``).
ENGINE_TIMEOUT = 60.0


class Process:
    """A kernel's process whose stderr is read, with a client."""

    def __init__(self, errors: IO[bytes], host: str, **settings: str) -> None:
        self._errors = errors
        self.manager = KernelManager(kernel_name="dexec")
        self.manager.start_kernel(env=environment(host, **settings), stderr=errors)
        self.process: subprocess.Popen[bytes] = self.manager.provisioner.process
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=GUARD)

    def end(self) -> str:
        """Return what it printed until it had ended."""
        self.process.wait(timeout=2 * ENGINE_TIMEOUT)
        self._errors.seek(0)
        return self._errors.read().decode()

    def close(self) -> None:
        self.client.stop_channels()
        self.process.kill()
        self.process.wait()
        self.manager.cleanup_resources()


@pytest.fixture
def start_process(host, tmp_path):
    started = []
    with (tmp_path / "errors").open("w+b") as errors:

        def start(engine: str = "", **settings: str) -> Process:
            started.append(Process(errors, engine or host, **settings))
            return started[-1]

        yield start
        for process in started:
            process.close()


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
    errors = process.end()
    assert is_clean(errors), errors
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
