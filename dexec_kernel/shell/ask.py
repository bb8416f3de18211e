"""Short questions to a container, for completion and help: each an exec that ends by itself."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from dexec_kernel.backend.collect import collect
from dexec_kernel.backend.models import ExecConfig
from dexec_kernel.backend.protocol import Backend
from dexec_kernel.shell.commands import Shell, script_program
from dexec_kernel.shell.marks import new_mark

#: In seconds: after this nobody listens any more; the scripts have limits of their own.
_TIMEOUT = 5.0


class Ask(Protocol):
    """Runs a script of this package in one container, and returns its answer: see :func:`ask`."""

    async def __call__(self, script: str, arguments: Sequence[str] = ()) -> str | None:
        """Return what the script prints between its marks, None for no answer."""
        ...


async def ask(
    backend: Backend,
    container_id: str,
    shells: Sequence[Shell],
    script: str,
    arguments: Sequence[str],
    *,
    user: str = "",
    working_dir: str = "",
    in_root: bool = False,
    privileged: bool = False,
) -> tuple[Shell | None, str | None]:
    """Run a script that prints its answer between two marks.

    Returns the first of the ``shells`` that could run it, and the answer: None each for none.
    ``script`` is a file of this package; the mark comes first of its arguments. An image without
    a shell gives no answer. Only the user of a cell, as ``privileged`` as the cell, may look at the
    cell's processes. Raises what :meth:`Backend.exec` and :meth:`Exec.read` raise.
    """
    for shell in shells:
        if shell is Shell.NONE:
            break
        mark = new_mark()
        name = script.removesuffix(".sh")
        program = script_program(shell, name, [script], [mark, *arguments])
        config = ExecConfig(
            program.command,
            env=program.env,
            user=user,
            working_dir=working_dir,
            in_root=in_root,
            privileged=privileged,
        )
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
            break
        _, begun, rest = output.partition(marked)
        if begun:
            answer, ended, _ = rest.partition(marked)
            return shell, answer.decode("utf-8", "surrogateescape") if ended else None
    return None, None


def _has_twice(output: bytearray, *, mark: bytes) -> bool:
    return output.count(mark) > 1
