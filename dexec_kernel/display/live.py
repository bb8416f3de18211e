"""What all live displays have in common: a row with HTML and controls, and how it ends.

This module imports ipywidgets, which is slow: import it when a display becomes live.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import ipywidgets

from dexec_kernel.display import parts
from dexec_kernel.display.html import Html


class LiveDisplay(ABC):
    """A bar, a panel or a list that is updated in place. Whoever makes it ends it, in one way.

    :meth:`settle` leaves the HTML where it is shown, :meth:`close` leaves nothing.
    """

    #: Made by the subclass, as its controls are.
    _box: ipywidgets.HBox

    def __init__(self, html: Html) -> None:
        self._shown, self._afterwards = html, Html("")
        self._html = parts.text(html)

    def mimebundle(self) -> dict[str, Any]:
        """Return what shows it."""
        return parts.mimebundle(self._box)

    @property
    def bar_id(self) -> str:
        """The id by which a stored notebook names it."""
        return str(self._box.model_id)

    def foresee(self, html: Html) -> None:
        """Have the front end show ``html`` alone as soon as the kernel is restarted."""
        self._afterwards = html
        self._show(self._shown)

    def plain_models(self, html: Html) -> dict[str, Any]:
        """Return the states of the models of a row that shows ``html`` and no controls."""
        return parts.plain_models(self._box, self._html, html)

    def settle(self, html: Html) -> None:
        """Show ``html``, without controls, wherever it is shown, and let go of the models."""
        parts.settle(self._box, self._html, html)
        self._close_controls()

    def close(self) -> None:
        """Close every model, in the kernel and in the browser."""
        self._close_controls()
        parts.close(self._html, self._box)

    def _show(self, html: Html) -> None:
        """Show another text."""
        self._shown = html
        parts.show(self._html, html, self._afterwards)

    @abstractmethod
    def _close_controls(self) -> None:
        """Close the models of the controls."""
