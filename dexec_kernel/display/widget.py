"""The live bar: the same HTML in an ipywidget, next to the controls of the cell.

This module imports ipywidgets, which is slow: import it when a bar becomes live.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from dexec_kernel.cells.input.stdin import Stdin
from dexec_kernel.display import parts
from dexec_kernel.display.html import Html
from dexec_kernel.display.live import LiveDisplay


@dataclass(frozen=True, slots=True)
class Actions:
    """The actions of a bar's buttons on its cell; ``drawn`` is called when somebody sees it."""

    interrupt: Callable[[], None]
    kill: Callable[[], None]
    drawn: Callable[[], None]


class LiveBar(LiveDisplay):
    """A bar that is updated in place. Close it when the cell has ended."""

    def __init__(self, html: Html, actions: Actions) -> None:
        super().__init__(html)
        self._actions = actions
        self._button = parts.button(
            "Interrupt", "stop", "End this cell's processes in the container", self._interrupt
        )
        self._kill = parts.button(
            "Kill",
            "times",
            "End them by SIGKILL at once, without a chance to tidy up",
            actions.kill,
        )
        self._line: parts.LineField | None = None
        self._eof = None
        self._stdin: Stdin | None = None
        self._box = parts.row((self._html, self._button, self._kill))
        parts.when_drawn(self._box, actions.drawn)

    def update(self, html: Html) -> None:
        """Show another state."""
        self._show(html)

    def offer_stop(self) -> None:
        """Say of the button that it ends what lives on, as the cell itself has ended."""
        self._button.description = "Stop"
        self._button.tooltip = "End the background processes that this cell has started"

    def offer_input(self, stdin: Stdin | None, *, has_field: bool) -> None:
        """Show a button that ends stdin, and a field for a line of it; with None hide them.

        A field that appears for a question has the cursor, as the front end's own box would.
        """
        self._stdin = stdin
        if stdin is None or not has_field:
            self._show_line(None)
            return
        question = stdin.question
        if self._line is not None and (question is None or self._line.secret == question.secret):
            if question is not None:
                self._line.ask(question.prompt)
            return
        self._show_line(line := self._new_line(stdin))
        if question is not None:
            line.focus()

    def _new_line(self, stdin: Stdin) -> parts.LineField:
        question = stdin.question
        line = parts.LineField(self._send, secret=question is not None and question.secret)
        line.ask(question.prompt if question is not None else "")
        return line

    def _close_controls(self) -> None:
        if self._line is not None:
            self._line.close()
        parts.close(self._button, self._kill, self._eof)

    def _show_line(self, line: parts.LineField | None) -> None:
        if self._eof is None and self._stdin is not None:
            self._eof = parts.button(
                "EOF", "sign-out", "End the input of this cell, as Ctrl-D does", self._end_input
            )
        old, self._line = self._line, line
        field = () if line is None else (line.widget,)
        asking = () if self._stdin is None else (*field, self._eof)
        children = (self._html, *asking, self._button, self._kill)
        if self._box.children != children:
            self._box.children = children
        if old is not None and old is not line:
            old.close()

    def _send(self, line: str) -> None:
        if self._stdin is not None:
            self._stdin.send(line)
            # Not here, where the old field is still being told what was typed.
            asyncio.get_running_loop().call_soon(self._show_next_line)

    def _show_next_line(self) -> None:
        if self._stdin is not None and self._line is not None and self._stdin.takes_lines:
            self._show_line(line := self._new_line(self._stdin))
            line.focus()

    def _end_input(self) -> None:
        if self._stdin is not None:
            self._stdin.end()

    def _interrupt(self) -> None:
        self._button.description = "Interrupting …"
        self._button.tooltip = "Press again for the next stronger signal at once"
        self._actions.interrupt()
