"""Short questions to a container, for completion and help: each an exec that ends by itself."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from dexec_kernel.backend.collect import collect
from dexec_kernel.backend.models import ExecConfig
from dexec_kernel.backend.protocol import Backend
from dexec_kernel.cells.source.options import CellOptions
from dexec_kernel.cells.workspace import Memory
from dexec_kernel.shell.commands import Shell, script_text
from dexec_kernel.shell.marks import new_mark

#: In seconds: after this nobody listens any more; the scripts have limits of their own.
_TIMEOUT = 5.0
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
        config = config.with_defaults(memory.defaults(container_id))
        marked = mark.encode()
        try:
            output = await collect(
                backend,
                container_id,
                config,
                is_complete=partial(_has_twice, mark=marked),
                timeout=_TIMEOUT,
            )
        except TimeoutError:
            return None
        _, begun, rest = output.partition(marked)
        if begun:
            memory.shells[container_id] = shell
            answer, ended, _ = rest.partition(marked)
            return answer.decode("utf-8", "surrogateescape") if ended else None
    return None


def _has_twice(output: bytearray, *, mark: bytes) -> bool:
    return output.count(mark) > 1
