"""Streams that stay open, and through which nothing comes any more.

A connection may be dead without an end: a firewall that forgot it, a proxy that hangs. Such a
stream looks like that of a command which prints nothing. So the engine is asked now and then: an
exec that has exited prints no more, and a shell that says nothing at all was not heard, or does not
hear.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dexec_kernel.backend.models import ExecState
from dexec_kernel.backend.protocol import Exec
from dexec_kernel.cells.beside import end_all, raise_fault
from dexec_kernel.errors import EngineError

#: In seconds: of silence between two questions. An engine ends a stream 2 s after its exec at most.
_INTERVAL = 10.0
#: In intervals: how long a shell may say nothing at all. Most begin within 50 ms; a file that
#: BASH_ENV names, or a busy machine, may take long.
_SPEECHLESS = 6

STALLED_NOTE = "the connection fell silent before the command had ended: output may be missing"


class Silence:
    """Closes a stream that is dead. The owner calls :meth:`heard` for whatever comes."""

    def __init__(self) -> None:
        self._count = 0
        #: False while the owner does not read.
        self.is_reading = True
        #: Why the stream was closed, "" while it was not.
        self.reason = ""

    def heard(self) -> None:
        """Take in that something has come."""
        self._count += 1

    @asynccontextmanager
    async def watched(self, attached: Exec, begun: asyncio.Event | None) -> AsyncIterator[None]:
        """Watch the stream beside the body: see :meth:`watch`. Most end before that begins."""
        tasks: list[asyncio.Task[None]] = []
        count, loop = self._count, asyncio.get_running_loop()

        def begin() -> None:
            tasks.append(loop.create_task(self.watch(attached, begun, since=count)))

        timer = loop.call_later(_INTERVAL, begin)
        try:
            yield
        finally:
            timer.cancel()
            results = await end_all(tasks)
        raise_fault(results)

    async def watch(
        self, attached: Exec, begun: asyncio.Event | None, *, since: int | None = None
    ) -> None:
        """Close the stream once it is dead, and return; ``begun`` is set with the first word.

        It is None where no word is to come. ``since`` is how often something had come an interval
        ago, None to begin now.
        """
        is_over, quiet = False, 0
        while True:
            if since is None:
                since = self._count
                await asyncio.sleep(_INTERVAL)
            count, since = since, None
            if count != self._count or not self.is_reading:
                is_over, quiet = False, 0
                continue
            quiet += 1
            if is_over:
                self.reason = "it stayed open in silence after the command had ended"
            elif begun is not None and not begun.is_set() and quiet >= _SPEECHLESS:
                self.reason = f"the shell said nothing for {quiet * _INTERVAL:g} s"
            if self.reason:
                attached.close()
                return
            try:
                is_over = (await attached.inspect()).state is ExecState.EXITED
            except EngineError:
                is_over = False  # It may come back.
