"""The display of ``%status``: one live bar for the whole kernel that follows every cell."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dexec_kernel.cells.workspace import Workspaces
from dexec_kernel.display.html import bundle
from dexec_kernel.display.kernel_bar import KernelState, kernel_bar_html, kernel_bar_text
from dexec_kernel.display.last_form import LastForm
from dexec_kernel.errors import DexecError
from dexec_kernel.jupyter.bars import Bars
from dexec_kernel.jupyter.containers import ContainerWatch
from dexec_kernel.jupyter.messages import Messages
from dexec_kernel.jupyter.runner import CellRunner
from dexec_kernel.jupyter.settings import Settings
from dexec_kernel.jupyter.target import Target

if TYPE_CHECKING:
    # Imported when a panel is shown: most notebooks never need one.
    from dexec_kernel.display.panel import Panel

#: In seconds: cells that are over before are not shown as running; how often the clock ticks.
_UPDATE_DELAY, _TICK = 0.1, 1.0


class KernelStatus:
    """Owns the panel: one, however often and wherever it is shown. It is closed with the kernel.

    ``interrupt`` interrupts the cell that runs, ``standby_count`` counts the execs that wait
    ready. Everything happens on the main event loop.
    """

    def __init__(
        self,
        settings: Settings,
        watch: ContainerWatch,
        target: Target,
        *,
        workspaces: Workspaces,
        cells: CellRunner,
        bars: Bars,
        interrupt: Callable[[], None],
        standby_count: Callable[[], int] = lambda: 0,
    ) -> None:
        self._settings = settings
        self._watch = watch
        self._workspaces = workspaces
        self._target = target
        self._cells = cells
        self._interrupt = interrupt
        self._standby_count = standby_count
        self._bars = bars
        self._panel: Panel | None = None
        self._last_form: LastForm | None = None
        self._messages: Messages | None = None
        self._display_id = uuid.uuid4().hex
        self._timer: asyncio.TimerHandle | None = None
        self._restarting: asyncio.Task[None] | None = None
        self._notice = ""
        cells.listeners.append(self.changed)

    async def show(self, messages: Messages, line: Mapping[str, str]) -> None:
        """Show the panel in the cell whose messages these are.

        ``line`` is the mime bundle for a front end that shows no widgets.
        """
        if self._panel is None:
            await self._watch.add(self.changed)
            from dexec_kernel.display.panel import Panel, PanelActions  # noqa: PLC0415 -- see it

            actions = PanelActions(self._choose, self._interrupt, self._restart)
            self._panel = Panel(self._state(), actions)
            self._last_form = LastForm(self._panel, self._bars)
            self._last_form.keep(self._last_data())
        self._messages = messages
        self._send("display_data", {**self._panel.mimebundle(), **line})

    def changed(self) -> None:
        """Take in that something may have changed."""
        if self._panel is None:
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + _UPDATE_DELAY
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = loop.call_at(due, self._update)

    async def aclose(self) -> None:
        """Leave the panel as plain text, and end what it has begun."""
        if self._timer is not None:
            self._timer.cancel()
        if self._restarting is not None:
            self._restarting.cancel()
            await asyncio.gather(self._restarting, return_exceptions=True)
        self._panel = None
        last_form, self._last_form = self._last_form, None
        if last_form is not None:
            self._watch.remove(self.changed)
            data = self._last_data()
            self._send("update_display_data", data)
            last_form.end(data)

    def _last_data(self) -> dict[str, str]:
        state = replace(
            self._state(), running=None, folder="", standby=0, notice="", has_ended=True
        )
        return bundle(kernel_bar_html(state), kernel_bar_text(state))

    def _update(self) -> None:
        self._timer = None
        if self._panel is None:
            return
        state = self._state()
        self._panel.update(state)
        if state.running is not None:
            self._timer = asyncio.get_running_loop().call_later(_TICK, self._update)

    def _state(self) -> KernelState:
        choice = self._watch.choice
        session = self._workspaces.state(choice.current_id)
        folder = session.folder if session is not None else ""
        return KernelState(
            choice,
            running=self._cells.current,
            last=self._cells.last,
            folder=folder or choice.folder or ("/" if choice.current_id else ""),
            standby=self._standby_count(),
            notice=self._notice,
        )

    def _choose(self, name: str) -> None:
        self._settings.container = name
        self._notice = ""

    def _restart(self) -> None:
        if self._restarting is None or self._restarting.done():
            choice = self._watch.choice
            self._restarting = asyncio.get_running_loop().create_task(
                self._restart_container(choice.current_id, choice.current)
            )

    async def _restart_container(self, container_id: str, name: str) -> None:
        self._say(f"restarting {name} …")
        try:
            await (await self._target.client()).container_restart(container_id)
        except DexecError as error:
            self._say(f"{name} was not restarted: {error.message}")
        else:
            self._say(f"{name} was restarted")

    def _say(self, notice: str) -> None:
        self._notice = notice
        self.changed()

    def _send(self, kind: str, data: Mapping[str, Any]) -> None:
        if self._messages is not None:
            transient = {"display_id": self._display_id}
            content = {"data": dict(data), "metadata": {}, "transient": transient}
            self._messages.publish(kind, content)
