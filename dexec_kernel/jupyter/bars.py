"""The live bars of a kernel as front ends see them later: with the next kernel, or with none.

A front end that comes anew, as when a page is loaded again, asks for the state of all widgets over
the control comm. From then on it shows bars whose display it cannot replace: an
``update_display_data`` reaches only the page that ran the cell. It gets the end of a bar as a
change of its widget, and the bars of earlier kernels of the notebook from disk.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_data_dir

from dexec_kernel.display.stored import FOLDER, BarFolder, StoredBar
from dexec_kernel.jupyter.widgets import note_session

#: In bars written: how often old ones are removed.
_PRUNE_EVERY = 100


class Bars:
    """Tells displays whether a front end came anew, and front ends of the bars that they show.

    ``connection_file`` is the kernel's. Where no server has named the notebook, nothing is stored.
    Everything happens on the main event loop. Close it with :meth:`aclose`.
    """

    def __init__(self, connection_file: str, log: logging.Logger) -> None:
        # Its folder is the kernel's, and its path is relative to that of the server.
        name = os.environ.get("JPY_SESSION_NAME", "")
        self._notebook = str(Path.cwd() / Path(name).name) if name else ""
        self.kernel_id = Path(connection_file).stem.removeprefix("kernel-")
        self._log = log
        self._folder = BarFolder(Path(jupyter_data_dir(), *FOLDER))
        self._thread: ThreadPoolExecutor | None = None
        self._written = 0
        self._answers: set[asyncio.Task[None]] = set()
        #: How often a front end has asked for all widgets.
        self.asked = 0
        self._told: dict[str, Any] = {}

    def keep(
        self, bar_id: str, models: Mapping[str, Any], data: Mapping[str, Any], *, has_ended: bool
    ) -> None:
        """Store a bar: see :class:`StoredBar`. Returns at once."""
        if self._notebook:
            host, pid = socket.gethostname(), os.getpid()
            bar = StoredBar(
                *(bar_id, self._notebook, self.kernel_id, host, pid, has_ended, models, data)
            )
            self._write(bar)

    def open_control(self, opened: Any, message: dict[str, Any]) -> None:
        """Serve a front end's control comm, as ipywidgets would, which need not be imported."""
        note_session(message)
        opened.on_msg(lambda asked: self._hear(opened, asked))

    async def tell_ids(self) -> list[str]:
        """Return the ids of the stored bars' models.

        :meth:`state_of` then has their states. A busy page stops waiting for the control comm after
        4 s, and asks for the ids and each state.
        """
        self._told = await self._stored_models()
        return [*self._told]

    def state_of(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """Return the state of the stored model that a ``comm_msg`` asks for, None for any other."""
        content = message["content"]
        if content.get("data", {}).get("method") != "request_state":
            return None
        model = self._told.get(content.get("comm_id", ""))
        return None if model is None else dict(model["state"])

    async def aclose(self) -> None:
        """Write what is to be written."""
        for task in self._answers:
            task.cancel()
        if self._thread is not None:
            thread, self._thread = self._thread, None
            await asyncio.to_thread(thread.shutdown)

    def _hear(self, opened: Any, message: dict[str, Any]) -> None:
        if message["content"]["data"].get("method") != "request_states":
            return
        self.asked += 1
        task = asyncio.get_running_loop().create_task(self._answer(opened))
        self._answers.add(task)
        task.add_done_callback(self._answered)

    async def _stored_models(self) -> dict[str, Any]:
        if not self._notebook:
            return {}
        # In the thread that writes them, so that a bar that has just ended is found as it ended.
        find, loop = self._folder.of_notebook, asyncio.get_running_loop()
        stored = await loop.run_in_executor(self._thread, find, self._notebook)
        return {key: model for bar in stored for key, model in bar.models.items()}

    async def _answer(self, opened: Any) -> None:
        states = await self._stored_models()
        if "ipywidgets" in sys.modules:
            import ipywidgets  # noqa: PLC0415 -- slow, and here already

            states |= ipywidgets.Widget.get_manager_state()["state"]
        opened.send({"method": "update_states", "states": states, "buffer_paths": []})

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answers.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("A front end was not told of the widgets.", exc_info=error)

    def _write(self, bar: StoredBar) -> None:
        if self._thread is None:
            # One thread: the states of a bar are written in order.
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="dexec-bars")
        if self._written % _PRUNE_EVERY == 0:
            self._thread.submit(self._folder.prune)
        self._written += 1
        self._thread.submit(self._folder.write, bar)
