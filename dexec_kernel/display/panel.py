"""The live bar of the whole kernel: what ``%status`` shows.

This module imports ipywidgets, which takes its time: import it when a panel is shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from dexec_kernel.display import parts
from dexec_kernel.display.chooser import ContainerList
from dexec_kernel.display.kernel_bar import KernelState, kernel_bar_html
from dexec_kernel.display.live import LiveDisplay
from dexec_kernel.display.text import one_line


@dataclass(frozen=True, slots=True)
class PanelActions:
    """The actions of the panel on its kernel; ``choose`` gets a container's name."""

    choose: Callable[[str], None]
    interrupt: Callable[[], None]
    restart: Callable[[], None]


class Panel(LiveDisplay):
    """A bar that stays. It can be shown in several places: there is one model of each piece."""

    def __init__(self, state: KernelState, actions: PanelActions) -> None:
        super().__init__(kernel_bar_html(state))
        self._actions = actions
        self._state = state
        self._is_closed = False
        self._list = ContainerList(state.choice, self._choose)
        self._interrupt = parts.button(
            "Interrupt", "stop", "End the running cell's processes", actions.interrupt
        )
        self._restart = parts.button(
            "Restart container", "refresh", "Stop the container and start it again", self._ask
        )
        self._confirm = parts.button("", "refresh", "", self._confirmed)
        self._confirm.button_style = "warning"
        self._cancel = parts.button("Cancel", "", "Leave the container alone", self._asked)
        self._box = parts.row((self._list.widget, self._html, self._interrupt, self._restart))
        self._box.add_class("dexec-panel")
        self._box.layout.padding = "2px 8px"
        self.update(state)

    def update(self, state: KernelState) -> None:
        """Show another state."""
        self._state = state
        self._list.update(state.choice)
        self._show(kernel_bar_html(state))
        self._interrupt.disabled = state.running is None
        self._restart.disabled = not state.choice.current_id

    def _close_controls(self) -> None:
        self._is_closed = True
        self._list.close()
        parts.close(self._interrupt, self._restart, self._confirm, self._cancel)

    def _choose(self, name: str) -> None:
        self._actions.choose(name)
        # Not here, where the old list is still being told what was chosen.
        asyncio.get_running_loop().call_soon(self._renew_list)

    def _renew_list(self) -> None:
        """Replace the list: a list that was used while a cell ran might not respond again.

        ipykernel then sends no status for a front end's message to a widget, and ipywidgets holds
        back the model's next change until a status arrives.
        """
        if self._is_closed:
            return
        old, self._list = self._list, ContainerList(self._state.choice, self._choose)
        _, *others = self._box.children
        self._box.children = (self._list.widget, *others)
        old.close()

    def _ask(self) -> None:
        name = one_line(self._state.choice.current)
        self._confirm.description = f"Restart {name}"
        self._confirm.tooltip = f"This ends everything that runs in {name}, and starts it again"
        self._box.children = (self._list.widget, self._html, self._confirm, self._cancel)

    def _asked(self) -> None:
        self._box.children = (self._list.widget, self._html, self._interrupt, self._restart)

    def _confirmed(self) -> None:
        self._asked()
        self._actions.restart()
