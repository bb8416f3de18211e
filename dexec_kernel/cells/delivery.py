"""Sending an exec its stdin: the cell, then what is typed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from dexec_kernel.backend.protocol import Exec
from dexec_kernel.cells.beside import run_until
from dexec_kernel.cells.command import Command
from dexec_kernel.cells.end import OPEN_NOTE
from dexec_kernel.errors import EngineUnavailable

if TYPE_CHECKING:
    # It knows the container's memory, which knows execs.
    from dexec_kernel.cells.input.stdin import Stdin


class Delivery:
    """Sends the stdin of one command. ``stdin`` asks for input, None where nobody can be asked.

    ``running`` is set when the command is known to run, ``left`` is done when its own commands have
    ended; ``pid`` returns the PID of its shell in the container.
    """

    def __init__(
        self,
        command: Command,
        stdin: Stdin | None,
        *,
        running: asyncio.Event,
        left: asyncio.Future[None],
        pid: Callable[[], int | None],
    ) -> None:
        self._command = command
        self._stdin = stdin
        self._running = running
        self._left = left
        self._pid = pid
        #: False where the connection broke before all was sent.
        self.is_whole = True
        #: What the user should know of the command's stdin, "" for nothing.
        self.note = ""

    async def send(self, attached: Exec) -> None:
        """Send what the command gets. Returns when its stdin has ended, or nobody reads it."""
        command = self._command
        if command.stdin is None:
            return
        try:
            if command.config.tty:
                await self._set_up_terminal(attached)
            await attached.write(command.input(half_closes=attached.half_closes))
            if command.keeps_stdin and self._stdin is not None:
                await self._serve(attached, self._stdin)
            if attached.half_closes:
                await attached.close_write()
            elif command.keeps_stdin:
                self.note = OPEN_NOTE
        except EngineUnavailable:
            self.is_whole = False  # Nobody reads: the end of the stream tells why.

    async def _set_up_terminal(self, attached: Exec) -> None:
        """Give the terminal its size before the cell begins, then let the driver go on."""
        await self._running.wait()
        config = self._command.config
        if config.console_size is not None:
            # Again where the engine has taken it from exec start: engines below 1.42 do not.
            await attached.resize(config.console_size)
        if self._command.marks:
            await attached.write(b"\n")

    async def _serve(self, attached: Exec, stdin: Stdin) -> None:
        """Ask for input until it ends; what lives on in the background gets none."""
        await self._running.wait()
        await run_until(self._left, stdin.serve(attached, self._pid))
