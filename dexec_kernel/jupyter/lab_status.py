"""The display of ``%lab``: one live panel, whose buttons run the magics of labs."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ipykernel.kernelbase import Kernel

from dexec_kernel.display.html import HTML_TYPE, Html, bundle, display, joined
from dexec_kernel.display.lab import lab_html, lab_text
from dexec_kernel.display.last_form import LastForm
from dexec_kernel.display.style import box
from dexec_kernel.display.text import some_lines
from dexec_kernel.errors import CheckBroken, CheckNotPassed, DexecError
from dexec_kernel.jupyter.bars import Bars
from dexec_kernel.jupyter.messages import Messages
from dexec_kernel.lab.room import LabView, Room

if TYPE_CHECKING:
    # Imported when a panel is shown: most notebooks never need one.
    from dexec_kernel.display.lab_panel import LabPanel

#: In seconds: cells that follow each other more closely are followed by one look at the lab.
_LOOK_AFTER = 0.3
_PLAIN = box(18, ";white-space:pre-wrap")
#: The bar of a check says the same.
_SAID = {CheckNotPassed.__name__, CheckBroken.__name__}

Serve = Callable[[str, Messages], Awaitable[None]]


class LabStatus:
    """Owns the panel: one, however often and wherever it is shown. It is closed with the kernel.

    ``serve`` runs a magic when no cell runs, and sends its messages. All is on the main event loop.
    """

    def __init__(self, kernel: Kernel, bars: Bars, serve: Serve) -> None:
        self._kernel = kernel
        self._bars = bars
        self._serve = serve
        self._room: Room | None = None
        self._view: LabView | None = None
        self._panel: LabPanel | None = None
        self._last_form: LastForm | None = None
        self._messages: Messages | None = None
        self._display_id = uuid.uuid4().hex
        self._below = Html("")
        self._timer: asyncio.TimerHandle | None = None
        self._pressing: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None

    async def show(self, messages: Messages, room: Room) -> None:
        """Show the panel in the cell whose messages these are."""
        self._room, self._view = room, await room.look()
        if self._panel is None:
            from dexec_kernel.display.lab_panel import LabPanel  # noqa: PLC0415 -- see it

            self._panel = LabPanel(self._view, self._press)
            self._last_form = LastForm(self._panel, self._bars)
        self._messages = messages
        self._update()
        self._send("display_data", {**self._panel.mimebundle(), **self._data()})

    def changed(self) -> None:
        """Take in that a cell has ended."""
        if self._panel is not None and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_LOOK_AFTER, self._look_soon)

    async def aclose(self) -> None:
        """Leave the panel as HTML, and end what it has begun. May be called twice."""
        if self._timer is not None:
            self._timer.cancel()
        for task in (self._looking, self._pressing):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        self._panel = None
        last_form, self._last_form = self._last_form, None
        if last_form is not None:
            data = self._data()
            self._send("update_display_data", data)
            last_form.end(data)

    def _look_soon(self) -> None:
        self._timer = None
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        with suppress(DexecError):  # The next cell meets the same error, and says so.
            if self._room is not None:
                self._view = await self._room.look()
                self._update()

    def _update(self) -> None:
        if self._panel is not None and self._view is not None:
            self._panel.update(self._view)
            if self._last_form is not None:
                self._last_form.keep(self._data())

    def _press(self, line: str) -> None:
        if self._pressing is None or self._pressing.done():
            self._pressing = asyncio.get_running_loop().create_task(self._run(line))

    async def _run(self, line: str) -> None:
        report = _Report(self._kernel, self._report)
        self._report(_plain(f"{line} …"))
        try:
            await self._serve(line, report)
        finally:
            self._report(report.html, is_busy=False)
        await self._look()

    def _report(self, html: Html, *, is_busy: bool = True) -> None:
        self._below = html
        if self._panel is not None:
            self._panel.report(html, is_busy=is_busy)

    def _data(self) -> dict[str, str]:
        if self._view is None:
            return {}
        return bundle(joined(lab_html(self._view), self._below), lab_text(self._view))

    def _send(self, kind: str, data: Mapping[str, Any]) -> None:
        if self._messages is not None:
            transient = {"display_id": self._display_id}
            content = {"data": dict(data), "metadata": {}, "transient": transient}
            self._messages.publish(kind, content)


class _Report(Messages):
    """Takes what a magic sends, for the panel instead of a cell."""

    def __init__(self, kernel: Kernel, on_change: Callable[[Html], None]) -> None:
        super().__init__(kernel, silent=False)
        self._on_change = on_change
        self._pieces: dict[str, Html] = {}

    @property
    def html(self) -> Html:
        """What was sent so far."""
        return joined(*self._pieces.values())

    def publish(self, kind: str, content: dict[str, Any]) -> None:
        """Take a message; one of a display takes the place of the last."""
        key, html = uuid.uuid4().hex, None
        match kind:
            case "display_data" | "update_display_data":
                key = content["transient"].get("display_id", key)
                data = content["data"]
                html = Html(data[HTML_TYPE]) if HTML_TYPE in data else _plain(data["text/plain"])
            case "stream":
                html = _plain(content["text"])
            case "error" if content["ename"] not in _SAID:
                html = _plain(f"{content['ename']}: {content['evalue']}")
        if html is not None:
            self._pieces[key] = html
            self._on_change(self.html)


def _plain(text: str) -> Html:
    return display("div", some_lines(text), style=_PLAIN)
