"""Kernels as a front end starts them: the installed kernelspec, ZeroMQ, messages."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from devtools import containers

RECORD = "application/vnd.dexec.exec+json"
TIMEOUT = 30.0
#: The name of a process that waits for a cell.
STANDBY = "dexec-standby"


@dataclass
class Result:
    """What came back for one cell: its iopub messages, each with the time it took, its reply."""

    reply: dict[str, Any]
    messages: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    @property
    def types(self) -> list[str]:
        return [message["msg_type"] for message in self.messages]

    def of(self, *types: str) -> list[dict[str, Any]]:
        return [message["content"] for message in self.messages if message["msg_type"] in types]

    def text(self, stream: str = "stdout") -> str:
        return "".join(part["text"] for part in self.of("stream") if part["name"] == stream)

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """The outputs as a notebook stores them: displays in place, brought up to date."""
        found: list[dict[str, Any]] = []
        for message in self.messages:
            content, kind = message["content"], message["msg_type"]
            if kind == "update_display_data":
                display_id = content["transient"]["display_id"]
                shown = next(o for o in found if o.get("display_id") == display_id)
                shown["data"] = content["data"]
            elif kind == "display_data":
                display_id = content["transient"].get("display_id")
                found.append({"kind": kind, "display_id": display_id, "data": content["data"]})
            elif kind in {"stream", "error"}:
                found.append({"kind": kind, **content})
        return found

    @property
    def record(self) -> dict[str, Any]:
        """The record as it was at the end."""
        [record] = [o["data"][RECORD] for o in self.outputs if RECORD in o.get("data", {})]
        return record


class Kernel:
    """A running kernel and its client."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client

    def send(self, code: str, **options: Any) -> str:
        return self.client.execute(code, **options)

    def run(
        self,
        code: str,
        *,
        at: Callable[[dict[str, Any]], None] = lambda _message: None,
        timeout: float = TIMEOUT,
        **options: Any,
    ) -> Result:
        """Run a cell to its end; ``at`` is called with each of its messages as it comes."""
        return self.collect(self.send(code, **options), at=at, timeout=timeout)

    def collect(
        self,
        request: str,
        *,
        at: Callable[[dict[str, Any]], None] = lambda _message: None,
        timeout: float = TIMEOUT,
    ) -> Result:
        result = Result({})
        begin = time.monotonic()
        while True:
            message = self.client.get_iopub_msg(timeout=timeout)
            if not _belongs(message, request):
                continue
            if message["msg_type"] == "status":
                if message["content"]["execution_state"] == "idle":
                    break
                continue
            result.messages.append(message)
            result.times.append(time.monotonic() - begin)
            at(message)
        result.reply = self.reply(request, timeout=timeout)
        return result

    def reply(self, request: str, *, timeout: float = TIMEOUT) -> dict[str, Any]:
        while True:
            message = self.client.get_shell_msg(timeout=timeout)
            if message["parent_header"].get("msg_id") == request:
                return message["content"]

    def late_messages(self, seconds: float = 0.3) -> list[dict[str, Any]]:
        """What still comes after a cell was idle, but for other requests' status."""
        found = []
        try:
            while True:
                message = self.client.get_iopub_msg(timeout=seconds)
                if message["msg_type"] != "status":
                    found.append(message)
        except queue.Empty:
            return found

    def interrupt(self) -> None:
        self.manager.interrupt_kernel()


def _belongs(message: dict[str, Any], request: str) -> bool:
    """Whether a message is of a cell. Manager and client count their requests with equal ids."""
    parent = message["parent_header"]
    return parent.get("msg_id") == request and parent["msg_type"] == "execute_request"


def environment(host: str, **settings: str) -> dict[str, str]:
    """A kernel's environment, with no settings but these."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DEXEC_", "DOCKER_"))
    }
    # The history of whoever runs the tests is left alone.
    return {**kept, "DOCKER_HOST": host, "DEXEC_HISTORY_FILE": ":memory:", **settings}


@pytest.fixture
def start_kernel(host: str) -> Iterator[Callable[..., Kernel]]:
    """Start a kernel; settings are environment variables: ``DEXEC_CONTAINER="web"``."""
    started: list[Kernel] = []

    def start(**options: Any) -> Kernel:
        try:
            return start_once(**options)
        except RuntimeError:
            # jupyter_client chooses free ports that another kernel may take before this one does.
            return start_once(**options)

    def start_once(
        *,
        arguments: tuple[str, ...] = (),
        engine: str = "",
        cwd: str | None = None,
        **settings: str,
    ) -> Kernel:
        manager = KernelManager(kernel_name="dexec")
        manager.start_kernel(
            env=environment(engine or host, **settings),
            extra_arguments=list(arguments),
            cwd=cwd,
        )
        client = manager.client()
        client.start_channels()
        kernel = Kernel(manager, client)
        started.append(kernel)
        client.wait_for_ready(timeout=TIMEOUT)
        return kernel

    yield start
    for kernel in started:
        kernel.client.stop_channels()
        if kernel.manager.has_kernel:
            kernel.manager.shutdown_kernel(now=True)
        kernel.manager.cleanup_resources()


@pytest.fixture
def kernel(start_kernel: Callable[..., Kernel], busybox: str) -> Kernel:
    """A kernel in the shared busybox container."""
    return start_kernel(DEXEC_CONTAINER=busybox)


@pytest.fixture
def bash(start_kernel: Callable[..., Kernel], debian: str) -> Kernel:
    """A kernel in the shared container that has bash and Python."""
    return start_kernel(DEXEC_CONTAINER=debian)


@pytest.fixture
def commands(host: str) -> Callable[[str], list[str]]:
    """List the command lines of a container's processes, but for its PID 1 and the standbys."""

    def look(container: str) -> list[str]:
        listing = containers.top(host, container, "-e -o pid -o comm=NAME -o args")
        return [
            row["COMMAND"]
            for row in listing
            if "2147483647" not in row["COMMAND"] and row["NAME"] != STANDBY
        ]

    return look


@pytest.fixture
def gone(commands: Callable[[str], list[str]]) -> Callable[[str], list[str]]:
    """Wait up to two seconds until only PID 1 is left; return what is left all the same."""

    def wait(container: str) -> list[str]:
        deadline = time.monotonic() + 2
        while (left := commands(container)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return left

    return wait
