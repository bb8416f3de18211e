"""The live bar: the same HTML in an ipywidget, with a button that interrupts the cell.

This module imports ipywidgets, which takes its time: import it when a bar goes live.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets

from dexec_kernel.display.bar import HEIGHT

# As high as the static bar, without the margins and the line height that widgets have. A button's
# line height is no trait of its layout.
_HEIGHT = f"{HEIGHT}px"
_BUTTON_CLASS = "dexec-interrupt"
_STYLE = f"<style>.{_BUTTON_CLASS}.jupyter-button{{line-height:{HEIGHT}px}}</style>"


class LiveBar:
    """A bar that is updated in place. Close it when the cell has ended."""

    def __init__(self, html: str, *, on_interrupt: Callable[[], None]) -> None:
        self._html = ipywidgets.HTML(
            value=html + _STYLE,
            layout=ipywidgets.Layout(
                flex="1 1 auto", min_width="0", height=_HEIGHT, margin="0", overflow="hidden"
            ),
        )
        self._button = _button("Interrupt", "stop", "End this cell's processes in the container")
        self._eof: ipywidgets.Button | None = None
        self._on_eof: Callable[[], None] | None = None
        self._button.on_click(lambda _button: self._interrupt(on_interrupt))
        self._box = ipywidgets.HBox(
            [self._html, self._button],
            layout=ipywidgets.Layout(align_items="center", height=_HEIGHT, overflow="hidden"),
        )

    def mimebundle(self) -> dict[str, Any]:
        """Return what shows the widget."""
        bundle = self._box._repr_mimebundle_()
        return dict(bundle[0] if isinstance(bundle, tuple) else bundle)

    def update(self, html: str) -> None:
        """Show another state."""
        self._html.value = html + _STYLE

    def offer_stop(self) -> None:
        """Say of the button that it ends what lives on, as the cell itself has ended."""
        self._button.description = "Stop"
        self._button.tooltip = "End the background processes that this cell has started"

    def offer_eof(self, on_eof: Callable[[], None] | None) -> None:
        """Show a button that ends the cell's input, or with None hide it."""
        self._on_eof = on_eof
        if on_eof is None and self._eof is None:
            return
        if self._eof is None:
            self._eof = _button("EOF", "sign-out", "End the input of this cell, as Ctrl-D does")
            self._eof.on_click(lambda _button: self._end_input())
            self._box.children = (self._html, self._eof, self._button)
        self._eof.layout.display = None if on_eof is not None else "none"

    def close(self) -> None:
        """Close every model of the bar, in the kernel and in the browser."""
        eof = () if self._eof is None else (self._eof,)
        for widget in (self._button, *eof, self._html, self._box):
            for model in (widget.layout, getattr(widget, "style", None), widget):
                if model is not None:
                    model.close()

    def _end_input(self) -> None:
        if self._on_eof is not None:
            self._on_eof()

    def _interrupt(self, on_interrupt: Callable[[], None]) -> None:
        self._button.description = "Interrupting …"
        self._button.tooltip = "Press again for the next stronger signal at once"
        on_interrupt()


def _button(description: str, icon: str, tooltip: str) -> ipywidgets.Button:
    button = ipywidgets.Button(
        description=description,
        icon=icon,
        tooltip=tooltip,
        layout=ipywidgets.Layout(
            width="auto", height=_HEIGHT, margin="0 0 0 8px", padding="0 8px", flex="0 0 auto"
        ),
        style=ipywidgets.ButtonStyle(font_size="12px"),
    )
    button.add_class(_BUTTON_CLASS)
    return button
