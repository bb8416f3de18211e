"""A lot of output: memory stays flat, and a slow reader slows the process down."""

from __future__ import annotations

import asyncio
import os
import tracemalloc
from pathlib import Path

from dexec_kernel.backend.models import ExecConfig, Stream
from dexec_kernel.engine.client import EngineClient
from tests.waiting import until_seen

MIB = 1 << 20
#: Many times the amount that may be kept of it.
VOLUME = 384 * MIB


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def test_much_is_read_in_flat_memory(client, busybox):
    command = ["sh", "-c", "dd if=/dev/zero bs=64k count=6144 2>/dev/null; echo end >&2"]
    exec_id = await client.container_exec_create(busybox, ExecConfig(command))
    before, most, count, errors = resident(), 0, 0, b""
    async with await client.container_exec_attach(exec_id) as connection:
        while frames := await connection.read():
            for frame in frames:
                if frame.stream is Stream.STDERR:
                    errors += frame.data
                else:
                    count += len(frame.data)
            most = max(most, resident())
    assert count == VOLUME
    assert errors == b"end\n"
    assert most - before < 32 * MIB
    assert (await client.container_exec_wait(exec_id)).exit_code == 0


async def test_nobody_who_reads_holds_the_process_back(client, busybox):
    command = ["sh", "-c", "dd if=/dev/zero bs=64k count=1024 2>/dev/null"]
    exec_id = await client.container_exec_create(busybox, ExecConfig(command))
    tracemalloc.start()
    try:
        async with await client.container_exec_attach(exec_id) as connection:
            await connection.read()
            # Unread output fills the pipes. Then `dd` waits to write, as /proc tells.
            # An engine may send the head of the stream before it knows the process.
            pid = await until_seen(lambda: _pid(client, exec_id))
            await until_seen(lambda: _is_still(pid))
            assert (await client.container_exec_inspect(exec_id)).exit_code is None
            assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()


async def _pid(client: EngineClient, exec_id: str) -> int | None:
    return (await client.container_exec_inspect(exec_id)).pid


async def _is_still(pid: int) -> bool:
    """Whether a process and its children write nothing for a while."""
    before = await asyncio.to_thread(_written, pid)
    await asyncio.sleep(0.3)
    return 0 < before == await asyncio.to_thread(_written, pid)


def _written(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    found = [Path(f"/proc/{number}/io").read_text() for number in [pid, *children]]
    return sum(int(text.split("wchar: ")[1].split()[0]) for text in found)
