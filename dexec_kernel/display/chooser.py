"""A list to choose a container from.

This module imports ipywidgets, which takes its time: import it when a list is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets

from dexec_kernel.display import parts
from dexec_kernel.display.containers import Choice
from dexec_kernel.display.html import display
from dexec_kernel.display.line import HEIGHT
from dexec_kernel.display.live import LiveDisplay
from dexec_kernel.display.style import box

_WORDS = box(HEIGHT, ";opacity:.65")


class ContainerList:
    """A Dropdown of containers, with their images if there is room for ``images``.

    ``on_choose`` gets a name when the user has chosen.
    """

    def __init__(
        self, choice: Choice, on_choose: Callable[[str], None], *, images: bool = False
    ) -> None:
        self._on_choose = on_choose
        self._images = images
        self._is_ours = True
        self.widget = ipywidgets.Dropdown(
            description="Container",
            tooltip="The container that cells run in from here on",
            layout=ipywidgets.Layout(
                width="auto",
                max_width="420px" if images else "260px",
                height=parts.HEIGHT_PX,
                margin="0",
                flex="0 1 auto",
            ),
            style={"description_width": "initial"},
        )
        parts.field(self.widget)
        self.widget.observe(self._chosen, "value")
        self.update(choice)

    def update(self, choice: Choice) -> None:
        """Show another choice. An unchanged choice leaves an open list alone."""
        self._is_ours = True
        try:
            options = tuple(choice.options(images=self._images))
            with self.widget.hold_sync():
                if self.widget.options != options:
                    self.widget.options = options
                self.widget.value = choice.current
        finally:
            self._is_ours = False

    def close(self) -> None:
        """Close its models."""
        parts.close(self.widget)

    def _chosen(self, change: dict[str, Any]) -> None:
        if not self._is_ours and change["new"]:
            self._on_choose(str(change["new"]))


class ChoiceRow(LiveDisplay):
    """The list alone, and the effect of choosing."""

    def __init__(self, choice: Choice, on_choose: Callable[[str], None]) -> None:
        words = "runs this cell, and the notebook's cells from here on"
        super().__init__(display("div", words, style=_WORDS))
        self._list = ContainerList(choice, on_choose, images=True)
        self._box = parts.row((self._list.widget, self._html))
        self._box.layout.height = "auto"
        self._box.layout.padding = "4px 8px"

    def update(self, choice: Choice) -> None:
        """Show another choice."""
        self._list.update(choice)

    def _close_controls(self) -> None:
        self._list.close()
