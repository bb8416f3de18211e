"""The work between cells: starting the next cell's exec ahead."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Protocol

from dexec_kernel.backend.models import ContainerInspect
from dexec_kernel.backend.protocol import Backend
from dexec_kernel.cells.workspace import Workspaces
from dexec_kernel.errors import DexecError

#: In seconds: the answer to the kernel's start goes out first.
_AT_ONCE = 0.005
#: In seconds: a script that runs a cell and pauses the container next does so in this time. An exec
#: that starts just then would deadlock the container inside Docker (20.10).
_AFTER_CELL = 0.25
#: In seconds: what an engine takes to start an exec. A few at a time do not matter.
_TURN, _FEW = 0.05, 4


class NextTarget(Protocol):
    """Where the next cell will run."""

    async def client(self) -> Backend:
        """Return the engine."""
        ...

    async def lately_running(self) -> ContainerInspect:
        """Return the container as it ran a moment ago, or runs.

        Raises :class:`DexecError` where there is none.
        """
        ...


class Preparation:
    """Sees that a standby waits in the container of the next cell, and none elsewhere.

    ``is_busy`` tells whether a cell runs. Everything happens on the main
    event loop.
    """

    def __init__(
        self,
        workspaces: Workspaces,
        target: NextTarget,
        *,
        is_busy: Callable[[], bool],
        log: logging.Logger,
    ) -> None:
        self._workspaces = workspaces
        self._target = target
        self._is_busy = is_busy
        self._log = log
        self._timer: asyncio.TimerHandle | None = None
        self._work: asyncio.Task[None] | None = None

    def at_start(self) -> None:
        """Prepare for the first cell."""
        self._begin_in(_AT_ONCE)

    def after_cell(self) -> None:
        """Prepare for the next cell, but start no exec in the moment after a cell.

        Queued cells are prepared for while a cell runs: see :class:`Starts`.
        """
        self._begin_in(_AFTER_CELL)

    async def aclose(self) -> None:
        """End what was prepared."""
        self._cancel()
        if self._work is not None:
            await asyncio.gather(self._work, return_exceptions=True)
        await self._workspaces.standbys.aclose()

    def _begin_in(self, seconds: float) -> None:
        self._cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._begin)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._work is not None:
            self._work.cancel()

    def _begin(self) -> None:
        # A cell that has begun meanwhile is followed by a preparation of its own.
        if not self._is_busy():
            self._work = asyncio.get_running_loop().create_task(self._prepare())

    async def _prepare(self) -> None:
        standbys = self._workspaces.standbys
        if not standbys.wanted:
            standbys.let_go()
            return
        try:
            engine, container = await self._target.client(), await self._target.lately_running()
            await asyncio.sleep(_turn(container.exec_count))
        except DexecError as error:
            # The next cell says it, if it is still so then.
            self._log.debug("Nothing is prepared for the next cell: %s", error)
            standbys.let_go()
        else:
            if not self._is_busy():
                self._workspaces.of(engine, container).prepare()


def _turn(exec_count: int) -> float:
    """Return the pause in seconds before a standby, given the number of execs in the container.

    While an engine starts one exec of a container it ends no other. If a class runs a cell at once,
    the first kernels to finish would delay the end of all others.
    """
    return random.uniform(1.0, 2.0) * exec_count * _TURN if exec_count > _FEW else 0.0  # noqa: S311 -- no secret
