"""``%lab`` with buttons: the lab, the buttons below it, and below them the last one's result.

This module imports ipywidgets, which takes its time: import it when a panel is shown.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import ipywidgets

from dexec_kernel.display import parts
from dexec_kernel.display.html import Html, element
from dexec_kernel.display.lab import lab_html
from dexec_kernel.display.live import LiveDisplay
from dexec_kernel.display.style import box
from dexec_kernel.display.text import one_line
from dexec_kernel.lab.progress import Standing
from dexec_kernel.lab.room import LabView

_WHOLE_LINE = "1 1 100%"
_WARNING = box(18)


@dataclass(frozen=True, slots=True)
class _Press:
    """A button: its text, what it runs, and for one that asks first, its warning."""

    text: str
    icon: str
    tooltip: str
    line: str
    warning: str = ""


class LabPanel(LiveDisplay):
    """The lab with its buttons. ``on_press`` gets the magic that a button stands for."""

    def __init__(self, view: LabView, on_press: Callable[[str], None]) -> None:
        super().__init__(lab_html(view))
        self._on_press = on_press
        self._is_busy = False
        self._presses: tuple[_Press, ...] = ()
        self._controls: tuple[ipywidgets.Button, ...] = ()
        self._below = parts.text(Html(""))
        for widget in (self._html, self._below):
            widget.layout.flex, widget.layout.height = _WHOLE_LINE, "auto"
        self._box = parts.row((self._html, self._below))
        self._box.add_class("dexec-lab")
        self._box.layout.padding = "0 0 4px"
        self.update(view)

    def update(self, view: LabView) -> None:
        """Show the lab as it is now. Buttons that stay the same are left alone."""
        self._show(lab_html(view))
        presses = tuple(_presses(view))
        if presses != self._presses:
            self._presses = presses
            self._show_presses()

    def report(self, html: Html, *, is_busy: bool) -> None:
        """Show what a button has brought; while one is busy, none can be pressed."""
        self._is_busy = is_busy
        parts.show(self._below, html)
        for control in self._controls:
            control.disabled = is_busy

    def _close_controls(self) -> None:
        parts.close(*self._controls, self._below)

    def _show_presses(self) -> None:
        self._show_controls(
            parts.button(press.text, press.icon, press.tooltip, partial(self._pressed, press))
            for press in self._presses
        )

    def _show_controls(self, controls: Iterable[ipywidgets.Button]) -> None:
        old, self._controls = self._controls, tuple(controls)
        for control in self._controls:
            control.disabled = self._is_busy
            control.layout.margin = "2px 0 2px 8px"
        self._box.children = (self._html, *self._controls, self._below)
        parts.close(*old)

    def _pressed(self, press: _Press) -> None:
        if self._is_busy:
            return
        if not press.warning:
            self._on_press(press.line)
            return
        sure = parts.button(
            f"{press.text}: remove its files", "trash", press.warning, partial(self._sure, press)
        )
        sure.button_style = "danger"
        cancel = parts.button("Cancel", "", "Leave everything as it is", self._cancelled)
        parts.show(self._below, element("div", press.warning, style=_WARNING))
        self._show_controls((sure, cancel))

    def _sure(self, press: _Press) -> None:
        self._show_presses()
        self._on_press(press.line)

    def _cancelled(self) -> None:
        parts.show(self._below, Html(""))
        self._show_presses()


def _presses(view: LabView) -> Iterator[_Press]:
    for task in view.tasks:
        name = task.task.name
        word = shlex.quote(name)
        if task.standing is Standing.OPEN:
            title = one_line(task.task.title)
            yield _Press(f"Check {one_line(name)}", "check", title, f"%check {word}")
        if name in view.hints:
            tip = f"Show the next hint for {one_line(name)}"
            yield _Press(f"Hint {one_line(name)}", "lightbulb-o", tip, f"%hint {word}")
    several = len(view.containers) > 1
    begin = "all containers" if several else "the container"
    warning = f"This removes your files and processes in {begin}. Points stay."
    yield _Press("Reset all" if several else "Reset", "undo", warning, "%lab reset", warning)
    for container in view.containers if several else ():
        name = container.spec.name
        warning = f"This removes your files and processes in {one_line(name)}. Points stay."
        line = f"%lab reset {shlex.quote(name)}"
        yield _Press(f"Reset {one_line(name)}", "undo", warning, line, warning)
