"""The background processes of cells that have ended: followed, stopped, ended with the kernel."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from dexec_kernel.cells.run import CellRun
from dexec_kernel.display.cell import CellDisplay
from dexec_kernel.errors import DexecError


class BackgroundCells:
    """Owns what goes on after a cell's reply. Everything happens on the main event loop."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._followers: dict[CellRun, asyncio.Task[None]] = {}
        self._stopping: set[asyncio.Task[None]] = set()

    def __contains__(self, run: CellRun) -> bool:
        return run in self._followers

    def follow(self, run: CellRun, display: CellDisplay, *, ended: Callable[[], None]) -> None:
        """Show under the cell what its background processes print, until they end.

        Then ``ended`` is called.
        """

        async def follow() -> None:
            try:
                await run.wait_for_background()
            finally:
                del self._followers[run]
                display.finish()
                ended()

        display.keep_alive()
        self._followers[run] = asyncio.create_task(follow())

    def kill(self, run: CellRun) -> None:
        """End a cell's processes by SIGKILL, whether it runs or lives on in the background."""
        run.kill()
        if run in self._followers:
            self.stop_or_interrupt(run)

    def stop_or_interrupt(self, run: CellRun) -> None:
        """End the processes of a cell, running or in the background."""
        if run not in self._followers:
            run.interrupt()
            return
        self._stopping.add(task := asyncio.get_running_loop().create_task(self._stop(run)))
        task.add_done_callback(self._stopping.discard)

    async def end(self, *, keep: bool) -> None:
        """End all of them, as the kernel ends; with ``keep`` only stop following.

        It takes as long as they do, and is cancelled at once.
        """
        followers = dict(self._followers)
        for run, task in followers.items():
            if keep:
                task.cancel()
            else:
                run.interrupt(urgent=True)
                self.stop_or_interrupt(run)
        # Some engines end the stream with the shell, when the processes still get their signals.
        ending = {*followers.values(), *self._stopping}
        if not ending:
            return
        try:
            await asyncio.wait(ending)
        finally:
            for task in ending:
                task.cancel()

    async def _stop(self, run: CellRun) -> None:
        try:
            await run.stop_background()
        except DexecError as error:
            self._log.warning("Background processes go on: %s", error.message)
