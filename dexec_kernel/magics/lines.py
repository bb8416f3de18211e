"""Shows a stream while lines are asked for, which go to whoever writes it: for ``%attach``."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Protocol

from dexec_kernel.backend.models import Frame
from dexec_kernel.cells.input.prompt import Prompt, asks_for_secret
from dexec_kernel.cells.input.stdin import END_OF_FILE, Ask, Question
from dexec_kernel.errors import EngineUnavailable
from dexec_kernel.magics.context import MagicContext
from dexec_kernel.magics.live import Ending, Readable, print_stream

#: In seconds: what answers a line is printed and its prompt known after such a silence, or so long.
_QUIET, _AT_MOST = 0.2, 1.0


class Connection(Readable, Protocol):
    """What is read and written."""

    async def write(self, data: bytes) -> None:
        """Send to the process's stdin."""
        ...


async def print_and_ask(
    connection: Connection, context: MagicContext, ask: Ask, *, label: str, line_end: str
) -> Ending:
    """Print as :func:`print_stream` does, and send each line that the user gives.

    One question is open at a time, with the program's own prompt, ``label`` where it has none.
    END OF FILE ends the questions; nothing is sent for it, and the printing goes on.
    """
    heard = _Overheard(connection)
    asking = asyncio.create_task(_ask_and_send(heard, connection, ask, label, line_end))
    try:
        return await print_stream(heard, context)
    finally:
        asking.cancel()
        [fault] = await asyncio.gather(asking, return_exceptions=True)
        if isinstance(fault, Exception):
            raise fault


async def _ask_and_send(
    heard: _Overheard, connection: Connection, ask: Ask, label: str, line_end: str
) -> None:
    while True:
        prompt = heard.prompt.text
        answer = await ask(Question(prompt or label, asks_for_secret(prompt)))
        if answer == END_OF_FILE:
            return
        heard.prompt.clear()
        try:
            await connection.write(f"{answer}{line_end}".encode("utf-8", "replace"))
        except EngineUnavailable:
            return  # Whoever reads learns why.
        await heard.silence()


class _Overheard:
    """Reads for somebody else, and keeps what the program asks for."""

    def __init__(self, connection: Readable) -> None:
        self._connection = connection
        self._came = asyncio.Event()
        self.prompt = Prompt()

    async def read(self) -> list[Frame]:
        """Return the next frames, an empty list at the end."""
        frames = await self._connection.read()
        for frame in frames:
            self.prompt.feed(frame.data)
        self._came.set()
        return frames

    async def silence(self) -> None:
        """Wait until nothing has come for a moment, but not for long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_AT_MOST):
                while await self._has_come():
                    pass

    async def _has_come(self) -> bool:
        self._came.clear()
        try:
            async with asyncio.timeout(_QUIET):
                await self._came.wait()
        except TimeoutError:
            return False
        return True
