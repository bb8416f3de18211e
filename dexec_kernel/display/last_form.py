"""The last form of a live bar: static, wherever it is shown and whoever is asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from dexec_kernel.display.html import HTML_TYPE, Html


class Later(Protocol):
    """Takes care of bars for front ends that come later."""

    @property
    def asked(self) -> int:
        """How often a front end has asked for all widgets. It shows them from then on."""
        ...

    def keep(
        self, bar_id: str, models: Mapping[str, Any], data: Mapping[str, Any], *, has_ended: bool
    ) -> None:
        """Store a static form: see :class:`~dexec_kernel.display.stored.StoredBar`."""
        ...


class Live(Protocol):
    """A live bar, of a cell or the kernel, or the list of containers."""

    @property
    def bar_id(self) -> str:
        """The id by which a stored notebook names it."""
        ...

    def foresee(self, html: Html) -> None:
        """Have the front end show ``html`` alone as soon as the kernel is restarted."""
        ...

    def plain_models(self, html: Html) -> dict[str, Any]:
        """Return the states of its models where it shows ``html`` without controls."""
        ...

    def settle(self, html: Html) -> None:
        """Show ``html`` without controls, and let go of the models."""
        ...

    def close(self) -> None:
        """Close all models."""
        ...


class LastForm:
    """Stores a live bar's static form while the bar is alive, and ends the bar."""

    def __init__(self, live: Live, later: Later) -> None:
        self._live = live
        self._later = later
        self._asked = later.asked

    def keep(self, data: Mapping[str, Any]) -> None:
        """Have a form for a bar whose kernel is gone: stored, and in the page that shows it."""
        self._live.foresee(data[HTML_TYPE])
        self._store(data, has_ended=False)

    def end(self, data: Mapping[str, Any]) -> None:
        """Store the last form, and leave it wherever the bar is shown."""
        self._store(data, has_ended=True)
        if self._later.asked == self._asked:
            self._live.close()
        else:
            # The page that shows it takes no update of a display that it has not begun.
            self._live.settle(data[HTML_TYPE])

    def _store(self, data: Mapping[str, Any], *, has_ended: bool) -> None:
        models = self._live.plain_models(data[HTML_TYPE])
        self._later.keep(self._live.bar_id, models, data, has_ended=has_ended)
