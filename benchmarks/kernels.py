"""Kernels as a front end starts them, with a clock: over ZeroMQ, each in a process of its own."""

from __future__ import annotations

import json
import os
import queue
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import zmq
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

DEXEC, IPYTHON, BASH, BASE = "dexec", "python3", "bench-bash", "bench-base"
RECORD = "application/vnd.dexec.exec+json"

_OWN_SPECS = {
    BASH: ["python", "-m", "bash_kernel", "-f", "{connection_file}"],
    # By its path: kernels are started anywhere. -P: no module beside it is imported by mistake.
    BASE: [
        "python",
        "-P",
        str(Path(__file__).with_name("base_kernel.py")),
        "-f",
        "{connection_file}",
    ],
}
_START_TIMEOUT = 60.0
#: In seconds: longer than the start of any kernel. A kernel that has died by then is given up.
_LOOK = 8.0
_CELL_TIMEOUT = 300.0
#: In milliseconds: ZeroMQ tries a port that nothing listens on yet again after 100, which would be
#: the resolution of a kernel's start.
_RECONNECT = 2


class CellTimeout(Exception):
    """A cell has taken longer than it was given."""


def write_specs(folder: Path) -> None:
    """Write the kernelspecs of the peers that need one to ``folder``."""
    for name, argv in _OWN_SPECS.items():
        path = folder / name
        path.mkdir()
        content = {"argv": argv, "display_name": name, "language": "none"}
        (path / "kernel.json").write_text(json.dumps(content))


@dataclass
class Result:
    """The answers to a cell. Durations are in seconds since the request was sent."""

    duration: float = 0.0
    first_output: float | None = None
    #: Characters of text in its streams.
    size: int = 0
    record: dict[str, Any] = field(default_factory=dict)
    status: str = ""
    #: When the kernel sent the first message of each type, or state, by the clock of the machine,
    #: and when the last of them was received.
    sent: dict[str, float] = field(default_factory=dict)
    received: float = 0.0


class Kernel:
    """A kernel that runs, and its client; a context manager.

    ``ready_after`` is how long it took, in seconds, from before its process was started to the
    first answer to a ``kernel_info_request``.
    """

    def __init__(
        self, name: str, env: Mapping[str, str], specs: Path, *, stderr: IO[bytes] | None = None
    ) -> None:
        context = zmq.Context()
        context.setsockopt(zmq.RECONNECT_IVL, _RECONNECT)
        # Nothing is lost on this side: a peer's idle among many small messages, say.
        context.setsockopt(zmq.RCVHWM, 0)
        manager = KernelManager(kernel_name=name, context=context)
        finder = KernelSpecManager()
        finder.kernel_dirs.insert(0, str(specs))
        manager.kernel_spec_manager = finder
        begin = time.perf_counter()
        manager.start_kernel(env=dict(env), extra_arguments=["--log-level=ERROR"], stderr=stderr)
        self._manager, self._context = manager, context
        self._client: BlockingKernelClient = manager.client()
        try:
            self._client.start_channels(stdin=False, hb=False)
            self._wait_for_answer(begin + _START_TIMEOUT)
            self.ready_after = time.perf_counter() - begin
            self._meet()
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The kernel's process."""
        return int(self._manager.provisioner.pid)  # type: ignore[union-attr]

    def send(self, code: str) -> str:
        """Send a cell, and return the request's id."""
        return str(self._client.execute(code))

    def run(self, code: str, *, timeout: float = _CELL_TIMEOUT) -> Result:
        """Run a cell until the kernel is idle. Raises :class:`CellTimeout`."""
        begin = time.perf_counter()
        return self.collect(self.send(code), begin, timeout=timeout)

    def seconds(self, code: str) -> float:
        """Run a cell; return the time from request to idle. Raises RuntimeError when it failed."""
        result = self.run(code)
        if result.status != "ok":
            raise RuntimeError(f"the cell failed: {code}")
        return result.duration

    def collect(self, request: str, begin: float, *, timeout: float = _CELL_TIMEOUT) -> Result:
        """Wait for the end of a cell that was sent at ``begin``. Raises :class:`CellTimeout`."""
        result = Result()
        while True:
            message = self._next(begin + timeout)
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            state = content["execution_state"] if kind == "status" else kind
            result.sent.setdefault(state, message["header"]["date"].timestamp())
            if kind == "stream":
                result.size += len(content["text"])
                if result.first_output is None:
                    result.first_output = time.perf_counter() - begin
            elif RECORD in content.get("data", {}):
                result.record = content["data"][RECORD]
            elif state == "idle":
                result.duration = time.perf_counter() - begin
                result.received = time.time()
                break
        while True:
            reply = self._client.get_shell_msg(timeout=_START_TIMEOUT)
            if reply["parent_header"].get("msg_id") == request:
                result.status = reply["content"]["status"]
                return result

    def memory(self, kind: str = "Rss") -> float:
        """Return the process's resident bytes: ``Rss``, or ``Pss`` with its part of shared memory.

        Source: proc(5), smaps_rollup.
        """
        lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        return next(float(line.split()[1]) * 1024 for line in lines if line.startswith(f"{kind}:"))

    def cpu_seconds(self) -> float:
        """Return the processor time that the process has taken by now, in seconds.

        Source: proc(5), stat: utime and stime, which count all threads, ended ones too.
        """
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """Kill the kernel. Its execs in the container end without help."""
        self._client.stop_channels()
        if self._manager.has_kernel:
            self._manager.shutdown_kernel(now=True)
        self._manager.cleanup_resources()
        self._context.destroy(linger=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _next(self, deadline: float) -> Any:
        try:
            return self._client.get_iopub_msg(timeout=max(0.0, deadline - time.perf_counter()))
        except queue.Empty as error:
            raise CellTimeout from error

    def _wait_for_answer(self, deadline: float) -> None:
        while True:
            try:
                self._client.kernel_info(reply=True, timeout=_LOOK)
            except TimeoutError:
                if not self._manager.is_alive():
                    raise RuntimeError("the kernel has died; its own words are above") from None
                if time.perf_counter() > deadline:
                    raise
            else:
                return

    def _meet(self) -> None:
        """Ask until iopub is subscribed: earlier messages are lost."""
        for _ in range(100):
            self._client.kernel_info()
            try:
                self._client.get_iopub_msg(timeout=0.1)
            except queue.Empty:
                continue
            break
        else:
            raise RuntimeError("the kernel publishes nothing")
        try:
            while True:
                self._client.get_iopub_msg(timeout=0.2)
        except queue.Empty:
            pass
        while self._client.shell_channel.msg_ready():
            self._client.get_shell_msg(timeout=1)
