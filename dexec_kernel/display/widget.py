"""The live bar: the same HTML in an ipywidget, with a button that interrupts the cell.

This module imports ipywidgets, which takes its time: import it when a bar goes live.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets


class LiveBar:
    """A bar that is updated in place. Close it when the cell has ended."""

    def __init__(self, html: str, *, on_interrupt: Callable[[], None]) -> None:
        self._html = ipywidgets.HTML(value=html, layout=ipywidgets.Layout(flex="1 1 auto"))
        self._button = ipywidgets.Button(
            description="Interrupt",
            icon="stop",
            tooltip="End this cell's processes in the container",
            layout=ipywidgets.Layout(width="auto", height="24px", flex="0 0 auto"),
        )
        self._button.on_click(lambda _button: self._interrupt(on_interrupt))
        self._box = ipywidgets.HBox(
            [self._html, self._button], layout=ipywidgets.Layout(align_items="center")
        )

    def mimebundle(self) -> dict[str, Any]:
        """Return what shows the widget."""
        bundle = self._box._repr_mimebundle_()
        return dict(bundle[0] if isinstance(bundle, tuple) else bundle)

    def update(self, html: str) -> None:
        """Show another state."""
        self._html.value = html

    def close(self) -> None:
        """Close every model of the bar, in the kernel and in the browser."""
        for widget in (self._button, self._html, self._box):
            for model in (widget.layout, getattr(widget, "style", None), widget):
                if model is not None:
                    model.close()

    def _interrupt(self, on_interrupt: Callable[[], None]) -> None:
        self._button.description = "Interrupting …"
        on_interrupt()
