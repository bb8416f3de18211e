"""A short exec: run a command, and read what it prints up to where that is complete."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dexec_kernel.backend.models import ExecConfig, Stream
from dexec_kernel.backend.protocol import Backend

#: In bytes: more than this is read of no answer.
MAX_SIZE = 4 * 1024 * 1024


async def collect(
    backend: Backend,
    container: str,
    config: ExecConfig,
    *,
    is_complete: Callable[[bytearray], bool],
    timeout: float,  # noqa: ASYNC109 -- the bound is the point
) -> bytes:
    """Run a command; return its stdout until ``is_complete``, or as much of it as there is.

    The end of the stream is not waited for, since an engine may hold that back for seconds. At most
    ``MAX_SIZE`` bytes and a frame are read. Raises TimeoutError after ``timeout`` seconds, and
    what :meth:`Backend.exec` and :meth:`Exec.read` raise.
    """
    output = bytearray()
    async with asyncio.timeout(timeout):
        attached = await backend.exec(container, config)
        try:
            while len(output) < MAX_SIZE and (frames := await attached.read()):
                output += b"".join(f.data for f in frames if f.stream is Stream.STDOUT)
                if is_complete(output):
                    break
        finally:
            attached.close()
    return bytes(output)
