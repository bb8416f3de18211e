"""Prints a stream of the engine's as it comes, within bounds: for ``%logs`` and ``%attach``."""

from __future__ import annotations

import asyncio
import json
import math
from enum import Enum
from typing import Protocol

from dexec_kernel.backend.models import Frame
from dexec_kernel.cells.output.text import Coalescer, Piece
from dexec_kernel.magics.context import MagicContext

#: In bytes of JSON: a notebook with more than this in one output becomes hard to use.
LIMIT = 2 * 1024 * 1024


class Readable(Protocol):
    """What is read: frames, at least one at a time, an empty list at the end."""

    async def read(self) -> list[Frame]:
        """Return the next frames."""
        ...


class Ending(Enum):
    """Why no more is printed."""

    ENDED = "the stream has ended"
    FULL = "there was more than a notebook bears"
    QUIET = "nothing came any more"
    LATE = "it was long enough"


async def print_stream(
    connection: Readable,
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
                if (room := room - _size(piece)) < 0:
                    return Ending.FULL
                context.write(piece.text, piece.stream)
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


def _size(piece: Piece) -> int:
    return len(json.dumps(piece.text, ensure_ascii=False).encode())
