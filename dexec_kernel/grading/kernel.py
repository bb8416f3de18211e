"""A lab's kernel as a process of its own, driven as a front end does.

Submitted cells run in the very kernel that students have, with the same magics and the same
confinement. Nothing of a submission runs in the grader's process, which keeps of all output only
the records of checks.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from queue import Empty
from tempfile import TemporaryDirectory
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

from dexec_kernel.grading.session import Ended, Ran
from dexec_kernel.grading.submission import CHECK_RECORD

#: In seconds: for the start of a kernel, for its containers with ``setup.sh``, for the end of a
#: cell that was interrupted, and for the end of a kernel.
_START, _READY, _INTERRUPTED, _END = 120.0, 900.0, 30.0, 60.0
#: In seconds: between two looks whether the kernel's process still lives.
_LOOK = 1.0
#: In characters: a number comes after it. Source: unix(7), ``sun_path``; macOS has four less.
_LONGEST_SOCKET = 100
#: Makes the containers, as any first cell does, and runs nothing in them.
_FIRST_CELL = "%magics"


class _OneSpec(KernelSpecManager):
    """Knows one kernelspec, which is written nowhere."""

    def __init__(self, spec: KernelSpec) -> None:
        super().__init__()
        self._spec = spec

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return the one kernelspec, whatever its name."""
        del kernel_name
        return self._spec


@asynccontextmanager
async def lab_kernel(
    argv: Sequence[str], environment: Mapping[str, str], folder: Path
) -> AsyncIterator[LabKernel]:
    """Yield a running kernel, and end it. ``folder`` is its working directory.

    ``argv`` has ``{connection_file}``, as in a kernelspec.
    """
    spec = KernelSpec(argv=list(argv), interrupt_mode="message", language="bash")
    with TemporaryDirectory(prefix="dexec-", ignore_cleanup_errors=True) as place:
        manager = AsyncKernelManager(
            kernel_spec_manager=_OneSpec(spec), **_transport(f"{place}/kernel")
        )
        await manager.start_kernel(
            env=dict(environment),
            cwd=str(folder),
            extra_arguments=["--log-level=ERROR"],
            # Its replies say what goes wrong; the rest would stand between a teacher's lines.
            stderr=subprocess.DEVNULL,
        )
        client = manager.client()
        try:
            client.start_channels()
            yield LabKernel(manager, client)
        finally:
            client.stop_channels()
            await _end(manager)


def _transport(path: str) -> dict[str, str]:
    """Return the settings for sockets that begin with ``path``.

    A port that was free may be taken when the kernel begins to listen: the kernel ends, and a
    message that is sent to the other program waits for ever.
    """
    return {"transport": "ipc", "ip": path} if len(path) <= _LONGEST_SOCKET else {}


async def _end(manager: AsyncKernelManager) -> None:
    """End the kernel, which removes its containers first; kill it only if it does not end."""
    manager.shutdown_wait_time = _END
    await manager.shutdown_kernel()


class LabKernel:
    """A running kernel of a lab."""

    def __init__(self, manager: AsyncKernelManager, client: AsyncKernelClient) -> None:
        self._manager = manager
        self._client = client

    async def ready(self) -> str:
        """Have the lab's containers made and set up; return what is wrong, "" for nothing."""
        try:
            await self._client.wait_for_ready(timeout=_START)
        except RuntimeError as error:
            return f"its kernel did not start: {error}"
        ran = await self.run(_FIRST_CELL, limit=_READY)
        match ran.ended:
            case Ended.OK:
                return ""
            case Ended.ERROR:
                return f"the lab cannot be made: {ran.error}: {ran.message}"
            case _:
                return f"the lab was not ready after {_READY:g} s, or its kernel ended"

    async def run(self, source: str, *, limit: float) -> Ran:
        """Run a cell; interrupt it after ``limit`` seconds."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        request = self._client.execute(source, allow_stdin=False, stop_on_error=False)
        records: list[Mapping[str, Any]] = []
        hearing = asyncio.create_task(self._collect_records(request, records))
        try:
            reply, in_time = await self._reply(request, limit), True
            if reply is None and await self._manager.is_alive():
                in_time = False
                await self._manager.interrupt_kernel()
                reply = await self._reply(request, _INTERRUPTED)
            seconds = loop.time() - begin
            if reply is not None:
                # What was shown may come after the reply, but not after the kernel is idle.
                with suppress(TimeoutError):
                    async with asyncio.timeout(_INTERRUPTED):
                        await hearing
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)
        return _ran(reply, records, seconds, in_time=in_time)

    async def _reply(self, request: str, limit: float) -> Mapping[str, Any] | None:
        """Return the cell's reply; None where there is none in time, or the kernel has ended."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit
        while (left := deadline - loop.time()) > 0:
            try:
                message = await self._client.get_shell_msg(timeout=min(left, _LOOK))
            except Empty:
                if not await self._manager.is_alive():
                    return None
                continue
            if message["parent_header"].get("msg_id") == request:
                content: Mapping[str, Any] = message["content"]
                return content
        return None

    async def _collect_records(self, request: str, records: list[Mapping[str, Any]]) -> None:
        """Collect the records that a cell shows, until the kernel is idle again."""
        while True:
            try:
                message = await self._client.get_iopub_msg(timeout=_LOOK)
            except Empty:
                continue
            content = message["content"]
            if message["parent_header"].get("msg_id") != request:
                continue
            record = content.get("data", {}).get(CHECK_RECORD)
            if record is not None:
                records.append(record)
            elif content.get("execution_state") == "idle":
                return


def _ran(
    reply: Mapping[str, Any] | None,
    records: Sequence[Mapping[str, Any]],
    seconds: float,
    *,
    in_time: bool,
) -> Ran:
    if reply is None:
        return Ran(Ended.LOST, records=tuple(records), seconds=seconds)
    is_ok = reply.get("status") == "ok"
    ended = Ended.TIMED_OUT if not in_time else Ended.OK if is_ok else Ended.ERROR
    error, message = str(reply.get("ename", "")), str(reply.get("evalue", ""))
    return Ran(ended, error, message, tuple(records), seconds)
