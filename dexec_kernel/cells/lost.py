"""The cells whose end nobody saw: their execs are asked after again with the next cells."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dexec_kernel.backend.models import ExecState
from dexec_kernel.backend.protocol import Backend
from dexec_kernel.cells.end import BROKEN_STREAM
from dexec_kernel.errors import EngineError, ExecNotFound

#: How many are remembered, the latest.
MAX_LOST = 20
#: In seconds: for the answer about one exec. A cell waits for it at its end, at most.
_TIMEOUT = 2.0


class LostExecs:
    """Remembers the execs of one container, by their ids, until their end is known."""

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}

    def add(self, exec_id: str | None) -> None:
        """Remember an exec; None is never remembered."""
        if exec_id is not None:
            self._ids[exec_id] = None
            if len(self._ids) > MAX_LOST:
                del self._ids[next(iter(self._ids))]

    @asynccontextmanager
    async def told(self, backend: Backend, notes: list[str]) -> AsyncIterator[None]:
        """Ask the engine about them beside the body, and add its answers to ``notes``."""
        asking = [asyncio.create_task(self._ask(backend, exec_id)) for exec_id in self._ids]
        try:
            yield
            notes += [note for note in await asyncio.gather(*asking) if note]
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    async def _ask(self, backend: Backend, exec_id: str) -> str:
        """Return what is to be told of an exec, "" where the engine says nothing."""
        which = f"the lost cell with exec {exec_id[:12]}"
        try:
            async with asyncio.timeout(_TIMEOUT):
                inspect = await backend.container_exec_inspect(exec_id)
        except ExecNotFound:
            self._ids.pop(exec_id, None)
            return f"{which} is not known to the engine any more"
        except (EngineError, TimeoutError):
            return ""
        if inspect.state is ExecState.RUNNING:
            return f"{which} still runs" + (f", PID {inspect.pid}" if inspect.pid else "")
        self._ids.pop(exec_id, None)
        if inspect.state is ExecState.NOT_STARTED:
            return f"{which} was not started"
        if inspect.exit_code is None:
            return f"{which} has ended since"
        if inspect.exit_code == BROKEN_STREAM:
            return f"{which} has ended since, or the engine lost it, too (exit code 126)"
        return f"{which} has ended since, exit code {inspect.exit_code}"
