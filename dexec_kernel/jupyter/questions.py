"""A cell's questions, each in one place: the field in its bar, or the front end's input box.

The box is what every front end has. Where the bar is seen its field is the better place: it can be
withdrawn, so that nothing is left to be answered when the cell ends, and it is there again after
the page was loaded again. Two places at once would leave the user to find out that either works.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from dexec_kernel.cells.input.stdin import Question
from dexec_kernel.jupyter.input import Asker

#: In seconds: the time in which a front end tells that it has drawn the bar, where it is known to
#: show widgets; and where it is not known, and somebody may wait for the question.
PATIENCE, DOUBTFUL_PATIENCE = 5.0, 0.5


class CellQuestions:
    """Asks the questions of one cell.

    ``is_seen`` waits until the bar is seen, for so many seconds at most; ``changed`` is called when
    :attr:`in_box` has changed. Without ``has_field`` it is always the box that asks.
    """

    def __init__(
        self,
        box: Asker,
        is_seen: Callable[[float], Awaitable[bool]],
        *,
        shows_widgets: bool,
        changed: Callable[[], None],
        has_field: bool = True,
    ) -> None:
        self._box = box
        self._has_field = has_field
        self._is_seen = is_seen
        self._patience = PATIENCE if shows_widgets else DOUBTFUL_PATIENCE
        self._changed = changed
        #: Whether a question is open in the front end's box, or could be open nowhere else.
        self.in_box = not has_field

    @property
    def is_box_left(self) -> bool:
        """Whether the front end still shows a box, whose answer nobody waits for."""
        return self._box.is_box_left

    async def ask(self, question: Question) -> str:
        """Return the answer from the box; a line from the field ends the wait from outside."""
        if self._has_field and await self._is_seen(self._patience):
            await asyncio.Event().wait()
        self._patience = 0.0  # The bar may still be drawn, for the next question.
        self._set_in_box(in_box=True)
        try:
            return await self._box(question)
        finally:
            self._set_in_box(in_box=False)

    def _set_in_box(self, *, in_box: bool) -> None:
        self.in_box = in_box or not self._has_field
        self._changed()
