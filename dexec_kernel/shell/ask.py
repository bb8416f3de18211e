"""Short questions to a container, for completion and help: each an exec that ends by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from dexec_kernel.backend.models import ExecConfig, Stream
from dexec_kernel.backend.protocol import Backend
from dexec_kernel.cells.source.options import CellOptions
from dexec_kernel.cells.workspace import Memory
from dexec_kernel.shell.commands import Shell, script_text
from dexec_kernel.shell.marks import new_mark

#: In seconds: after this nobody listens any more; the scripts have limits of their own.
_TIMEOUT = 5.0
#: In bytes: an answer is never as long as this.
_MAX_SIZE = 4 * 1024 * 1024
_AS_THE_CONTAINER = CellOptions()


async def ask(
    backend: Backend,
    container_id: str,
    memory: Memory,
    script: str,
    arguments: Sequence[str],
    *,
    options: CellOptions = _AS_THE_CONTAINER,
) -> str | None:
    """Run a script that prints its answer between two marks; return that, None for no answer.

    ``script`` is a file of this package; the mark comes first of its arguments. An image without
    a shell gives no answer. The user of ``options`` runs it, as privileged as they say: only then
    may it look at such a cell's processes. Raises what the engine's verbs raise.
    """
    for shell in memory.candidates(container_id):
        if shell is Shell.NONE:
            return None
        mark = new_mark()
        name = f"dexec-{script.removesuffix('.sh')}"
        command = [shell.value, "-c", script_text(script), name, mark, *arguments]
        config = ExecConfig(command, user=options.user, privileged=options.privileged)
        output = await _run(backend, container_id, config, mark.encode())
        _, begun, rest = output.partition(mark.encode())
        if begun:
            memory.shells[container_id] = shell
            answer, ended, _ = rest.partition(mark.encode())
            return answer.decode("utf-8", "surrogateescape") if ended else None
    return None


async def _run(backend: Backend, container_id: str, config: ExecConfig, mark: bytes) -> bytes:
    exec_id = await backend.container_exec_create(container_id, config)
    connection = await backend.container_exec_attach(exec_id)
    output = bytearray()
    try:
        async with asyncio.timeout(_TIMEOUT):
            # Not to the end of the stream: an engine may hold that back for seconds.
            while len(output) < _MAX_SIZE and (frames := await connection.read()):
                for frame in frames:
                    if frame.stream is Stream.STDOUT:
                        output += frame.data
                if output.count(mark) > 1:
                    break
    except TimeoutError:
        pass  # What has come so far has no end, and is no answer.
    finally:
        connection.close()
    return bytes(output)
