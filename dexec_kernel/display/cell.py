"""The display of one cell: its first output, alive while the cell runs, static afterwards."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dexec_kernel.cells.input.stdin import Stdin
from dexec_kernel.cells.outcome import Snapshot
from dexec_kernel.cells.output.text import Piece
from dexec_kernel.display.afterwards import orphan_data, saved_html
from dexec_kernel.display.bar import bar_data, bar_html, bar_text
from dexec_kernel.display.html import bundle
from dexec_kernel.display.last_form import LastForm, Later
from dexec_kernel.display.mode import Mode
from dexec_kernel.display.record import MIME_TYPE, record_of

if TYPE_CHECKING:
    # Imported when a bar goes live: most cells end before that.
    from dexec_kernel.display.widget import LiveBar

#: In seconds: cells that end sooner never show a live bar; how often a live bar is brought up.
LIVE_AFTER, LIVE_INTERVAL = 0.15, 1.0
#: In seconds: a cell that ends as soon as it has printed needs one bar, which says how.
HOLD_OUTPUT = 0.008
#: In seconds: the same again for a cell that is about to end; the engine may take longer to say so.
HOLD_ENDING = 0.04

#: In seconds: a screen reader has told by then how the cell ended; it is not to tell it again when
#: the notebook is opened.
NEWS_FOR = 3.0

#: Sends a message: its type, such as ``stream``, and its content.
Publish = Callable[[str, dict[str, Any]], None]


class CellDisplay:
    """Shows one cell. ``publish`` sends a message; ``snapshot`` returns the current state.

    ``is_ending`` tells whether the cell's shell has said its last word.
    ``later`` keeps a live bar for other front ends than the one that has run the cell.

    The display is updated in place, so that a stored notebook has the last state as static HTML,
    whichever program executed it. Output is sent through it too, to appear below the display.
    """

    def __init__(
        self,
        mode: Mode,
        *,
        publish: Publish,
        snapshot: Callable[[], Snapshot],
        is_ending: Callable[[], bool],
        on_interrupt: Callable[[], None],
        on_kill: Callable[[], None],
        later: Later,
    ) -> None:
        self._mode = mode
        self._publish = publish
        self._snapshot = snapshot
        self._is_ending = is_ending
        self._on_interrupt = on_interrupt
        self._on_kill = on_kill
        self._later = later
        self._last_form: LastForm | None = None
        self._kept: tuple[object, ...] = ()
        self._stdin: Stdin | None = None
        self._in_box = False
        self._seen = asyncio.Event()
        self._display_id = uuid.uuid4().hex
        self._shown = False
        self._widget: LiveBar | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._held: list[Piece] = []
        self._release: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin: a bar appears when the cell prints, or when it takes its time."""
        if self._mode is not Mode.OFF:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(LIVE_AFTER, self._go_live)

    def print(self, pieces: list[Piece]) -> None:
        """Show output, the first of it with the bar in a moment."""
        self._held += pieces
        if self._shown or self._mode is Mode.OFF:
            self._print_held()
        elif self._release is None:
            self._release = asyncio.get_running_loop().call_later(HOLD_OUTPUT, self._let_go)

    def show(self) -> None:
        """Show the bar now, before anything else of the cell."""
        if self._mode is not Mode.OFF and not self._shown:
            self._send(self._static_data())

    async def is_seen(self, patience: float) -> bool:
        """Return whether a front end has drawn the live bar, within so many seconds."""
        if self._mode is not Mode.LIVE:
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._seen.wait()
        return self._seen.is_set()

    def update(self, stdin: Stdin | None = None, *, in_box: bool | None = None) -> None:
        """Bring a live bar up to date; while ``stdin`` takes lines, with a field for one.

        There is no field while a question is open in the front end's own box, ``in_box``.
        """
        self._stdin = stdin or self._stdin
        self._in_box = self._in_box if in_box is None else in_box
        if self._widget is not None:
            snapshot = self._snapshot()
            self._widget.update(bar_html(snapshot))
            self._keep_orphan(snapshot)
            takes_lines = self._stdin is not None and self._stdin.takes_lines
            has_field = self._seen.is_set() and not self._in_box
            self._widget.offer_input(self._stdin if takes_lines else None, has_field=has_field)

    def refresh(self) -> None:
        """Show what has changed, also of a cell that has ended."""
        if self._widget is not None:
            self.update()
        else:
            self.repeat()

    def keep_alive(self) -> None:
        """Show that the cell has ended and its background processes have not."""
        self._stop_clock()
        if self._mode is Mode.LIVE:
            if self._widget is None:
                self._go_live()
            else:
                self._tick_later()
            self._offer_stop()
        elif self._mode is Mode.STATIC:
            self._send(self._static_data())

    def finish(self) -> None:
        """Show how the cell ended. A cell that ran no exec leaves nothing."""
        self._stop_clock()
        if self._mode is Mode.OFF:
            return
        is_news = self._widget is not None
        if self._shown or self._snapshot().exec_id is not None:
            self._send(self._static_data(is_news=is_news))
        self._widget = None
        last_form, self._last_form = self._last_form, None
        if last_form is not None:
            last_form.end(self._static_data())
        if is_news:
            asyncio.get_running_loop().call_later(NEWS_FOR, self.repeat)

    def repeat(self) -> None:
        """Show how the cell ended once more, where that may have been lost."""
        if self._shown:
            self._send(self._static_data())

    def stop(self) -> None:
        """Stop the clock, and leave things as they are."""
        self._stop_clock()
        self._print_held()

    def _let_go(self) -> None:
        """Show what was held; later where the cell ends in a moment."""
        if self._is_ending():
            self._release = asyncio.get_running_loop().call_later(HOLD_ENDING, self.show)
        else:
            self.show()

    def _stop_clock(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go_live(self) -> None:
        if self._mode is Mode.LIVE:
            from dexec_kernel.display.widget import (  # noqa: PLC0415 -- see the module
                Actions,
                LiveBar,
            )

            actions = Actions(self._on_interrupt, self._on_kill, self._is_drawn)
            self._widget = LiveBar(bar_html(self._snapshot()), actions)
            self._last_form = LastForm(self._widget, self._later)
            self._send_live(self._widget)
            self._tick_later()
        else:
            self.show()

    def _is_drawn(self) -> None:
        self._seen.set()
        self.update()

    def _offer_stop(self) -> None:
        if self._widget is not None:
            self._widget.offer_stop()
            self._send_live(self._widget)

    def _send_live(self, widget: LiveBar) -> None:
        snapshot = self._snapshot()
        static = bundle(saved_html(snapshot), bar_text(snapshot))
        self._send({MIME_TYPE: record_of(snapshot), **widget.mimebundle(), **static})
        self.update()

    def _keep_orphan(self, snapshot: Snapshot) -> None:
        """Keep how the bar is to be shown where the kernel is killed now."""
        known = (snapshot.state, snapshot.pid, snapshot.inner_pid)
        if self._last_form is not None and known != self._kept:
            self._kept = known
            self._last_form.keep(orphan_data(snapshot))

    def _tick(self) -> None:
        self.update()
        self._tick_later()

    def _tick_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(LIVE_INTERVAL, self._tick)

    def _static_data(self, *, is_news: bool = False) -> dict[str, Any]:
        snapshot = self._snapshot()
        return {**bar_data(snapshot, is_news=is_news), MIME_TYPE: record_of(snapshot)}

    def _send(self, data: dict[str, Any]) -> None:
        kind = "update_display_data" if self._shown else "display_data"
        self._shown = True
        content = {"data": data, "metadata": {}, "transient": {"display_id": self._display_id}}
        self._publish(kind, content)
        self._print_held()

    def _print_held(self) -> None:
        if self._release is not None:
            self._release.cancel()
            self._release = None
        held, self._held = self._held, []
        for piece in held:
            self._publish("stream", {"name": piece.stream, "text": piece.text})
