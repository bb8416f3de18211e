"""A stream of the engine's, printed as it comes, within bounds, with or without lines sent to it.

For ``%logs`` and ``%attach``.
"""

from __future__ import annotations

import asyncio
import json
import math
from contextlib import suppress
from enum import Enum

from dexec_kernel.backend.models import Frame
from dexec_kernel.backend.protocol import FrameChannel, FrameReader
from dexec_kernel.cells.input.prompt import Prompt, asks_for_secret
from dexec_kernel.cells.input.stdin import END_OF_FILE, Ask, Question
from dexec_kernel.cells.output.limit import most
from dexec_kernel.cells.output.text import Coalescer
from dexec_kernel.errors import EngineUnavailable
from dexec_kernel.magics.context import MagicContext

#: In bytes of JSON: a notebook with more than this in one output becomes hard to use.
LIMIT = 2 * 1024 * 1024
#: In seconds: what answers a line is printed and its prompt known after such a silence, or so long.
_QUIET, _AT_MOST = 0.2, 1.0


class Ending(Enum):
    """Why no more is printed."""

    ENDED = "the stream has ended"
    FULL = "there was more than a notebook bears"
    QUIET = "nothing came any more"
    LATE = "it was long enough"


async def print_stream(
    connection: FrameReader,
    context: MagicContext,
    *,
    quiet: float = math.inf,
    at_most: float = math.inf,
) -> Ending:
    """Print to the end of the stream, or up to ``LIMIT``.

    Or until nothing has come for ``quiet`` seconds, or for ``at_most`` seconds.
    """
    loop = asyncio.get_running_loop()
    text = Coalescer()
    room = LIMIT
    silent_at, late_at = loop.time() + quiet, loop.time() + at_most
    reading = asyncio.ensure_future(connection.read())
    try:
        while True:
            due = text.due_at()
            wake = min(silent_at, late_at, math.inf if due is None else due)
            wait = None if wake == math.inf else max(0.0, wake - loop.time())
            await asyncio.wait({reading}, timeout=wait)
            frames = reading.result() if reading.done() else None
            for frame in frames or ():
                text.feed(frame.stream.name.lower(), frame.data)
            ending = _ending(frames, loop.time(), silent_at, late_at)
            pieces = text.take(loop.time()) if ending is None else text.finish()
            for piece in pieces:
                fitting = _beginning(piece.text, room)
                context.write(fitting, piece.stream)
                if fitting != piece.text:
                    return Ending.FULL
                room -= _size(fitting)
            if ending is not None:
                return ending
            if frames is not None:
                reading = asyncio.ensure_future(connection.read())
                silent_at = loop.time() + quiet
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


def _ending(
    frames: list[Frame] | None, now: float, silent_at: float, late_at: float
) -> Ending | None:
    if frames == []:
        return Ending.ENDED
    if now >= late_at:
        return Ending.LATE
    return Ending.QUIET if frames is None and now >= silent_at else None


def _size(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode())


def _beginning(text: str, room: int) -> str:
    """Return the longest beginning of the text that is not larger than the room."""
    if _size(text) <= room:
        return text
    return text[: most(len(text), lambda count: _size(text[:count]) <= room)]


async def print_and_ask(
    connection: FrameChannel, context: MagicContext, ask: Ask, *, label: str, line_end: str
) -> Ending:
    """Print as :func:`print_stream` does, and send each line that the user gives.

    One question is open at a time, with the program's own prompt, or else ``label``.
    END OF FILE ends the questions; it sends nothing, and the printing goes on.
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
    heard: _Overheard, connection: FrameChannel, ask: Ask, label: str, line_end: str
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
            return  # The reader reports the fault.
        await heard.silence()


class _Overheard:
    """Reads for somebody else, and keeps what the program asks for."""

    def __init__(self, connection: FrameReader) -> None:
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
