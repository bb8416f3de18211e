"""The list of containers below the error of a cell that had no container to run in."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from dexec_kernel.cells.outcome import Failed, Outcome
from dexec_kernel.cells.source.options import CellOptions
from dexec_kernel.display.containers import chosen_data, closed_data, offer_text
from dexec_kernel.display.last_form import LastForm
from dexec_kernel.errors import ContainerNotFound, ContainerNotRunning, NotChosenError
from dexec_kernel.jupyter.bars import Bars
from dexec_kernel.jupyter.containers import ContainerWatch
from dexec_kernel.jupyter.messages import Messages
from dexec_kernel.jupyter.settings import Settings

if TYPE_CHECKING:
    # Imported when a list is shown: most notebooks never need one.
    from dexec_kernel.display.chooser import ChoiceRow


_NOT_CHOSEN = "No container was chosen here."
_RUN_IT = " Run the cell again."
#: What another container would help with.
_ERRORS = (NotChosenError, ContainerNotFound, ContainerNotRunning)


def wants_choice(ending: Outcome, options: CellOptions) -> bool:
    """Return whether another container would help with how a cell has ended.

    It does not help a cell that names its container itself.
    """
    is_gone = isinstance(ending, Failed) and isinstance(ending.error, _ERRORS)
    return is_gone and not options.container


class Chooser:
    """Shows at most one list: under the last cell that needs it. It goes when one is chosen."""

    def __init__(self, settings: Settings, watch: ContainerWatch, bars: Bars) -> None:
        self._settings = settings
        self._watch = watch
        self._bars = bars
        self._list: ChoiceRow | None = None
        self._last_form: LastForm | None = None
        self._messages: Messages | None = None
        self._again: Callable[[], bool] = bool
        self._display_id = ""

    async def offer(self, messages: Messages, again: Callable[[], bool]) -> None:
        """Show the list in the cell whose messages these are, unless there is nothing to choose.

        ``again`` runs the cell; it returns False where it cannot.
        """
        self.withdraw()
        await self._watch.add(self._update)
        if not self._watch.choice.candidates:
            self._watch.remove(self._update)
            return
        from dexec_kernel.display.chooser import ChoiceRow  # noqa: PLC0415 -- see the module

        self._messages, self._display_id = messages, uuid.uuid4().hex
        self._again = again
        self._list = ChoiceRow(self._watch.choice, self._chosen)
        self._last_form = LastForm(self._list, self._bars)
        self._last_form.keep(closed_data(_NOT_CHOSEN))
        text = offer_text(self._watch.choice)
        self._send("display_data", {**self._list.mimebundle(), "text/plain": text})

    def withdraw(self, text: str = _NOT_CHOSEN) -> None:
        """Close the list, unless it was used; ``text`` is shown in its place."""
        if self._list is not None:
            self._end(closed_data(text))

    def _update(self) -> None:
        choice = self._watch.choice
        if choice.current and not choice.trouble:
            # Chosen elsewhere, or started meanwhile.
            # `%container` may run the cell that failed, or not: its own cell says so.
            self._end(chosen_data(choice.current))
        elif self._list is not None:
            self._list.update(choice)

    def _chosen(self, name: str) -> None:
        if self._list is None:
            return  # It was used, or closed, in the moment of the click.
        self._settings.container = name
        self._end(chosen_data(name, "" if self._again() else _RUN_IT))

    def _end(self, data: dict[str, str]) -> None:
        self._watch.remove(self._update)
        self._list = None
        last_form, self._last_form = self._last_form, None
        if last_form is not None:
            self._send("update_display_data", data)
            last_form.end(data)

    def _send(self, kind: str, data: dict[str, str]) -> None:
        if self._messages is not None:
            transient = {"display_id": self._display_id}
            self._messages.publish(kind, {"data": data, "metadata": {}, "transient": transient})
