"""What happened to the pods, by resource version: the source of every watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from devtools.kube.select import Selects

_KEPT = 2000


@dataclass(frozen=True)
class Change:
    """A pod before and after it changed; None where there was none, or is none any more."""

    version: int
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Expired(Exception):
    """The history does not go back to the version asked for."""


class History:
    """The changes of all pods, the latest last."""

    def __init__(self) -> None:
        self.version = 1
        self._changes: list[Change] = []
        self._oldest = 0
        self._happened = asyncio.Event()
        self._watches_ended = 0

    def add(self, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
        """Add a change of a pod; its last state gets the new version, also if it is deleted."""
        self.version += 1
        if after is not None:
            change = Change(self.version, before, _with_version(after, self.version))
        elif before is not None:
            change = Change(self.version, _with_version(before, self.version), None)
        else:
            return
        self._changes = [*self._changes, change][-_KEPT:]
        self.wake()

    def compact(self) -> None:
        """Forget everything: each older version is too old from now on."""
        self._changes, self._oldest = [], self.version
        self.wake()

    def end_watches(self) -> None:
        """End all watches, as a load balancer does."""
        self._watches_ended += 1
        self.wake()

    def wake(self) -> None:
        """Let all watches look again."""
        self._happened.set()
        self._happened = asyncio.Event()

    async def watch(
        self, since: int, selects: Selects, seconds: float
    ) -> AsyncIterator[dict[str, Any] | None]:
        """Yield events as a watch sends them, until its time is over; None shortly before.

        Raises Expired.
        """
        loop = asyncio.get_running_loop()
        end, epoch = loop.time() + seconds, self._watches_ended
        marked = False
        if since < self._oldest:
            raise Expired
        while self._watches_ended == epoch:
            happened = self._happened
            for change in [found for found in self._changes if found.version > since]:
                since = change.version
                if event := _event(change, selects):
                    yield event
            left = end - loop.time()
            if not marked and left < _MARK_BEFORE:
                marked = True
                yield None
            if left <= 0:
                return
            pause = left if marked else left - _MARK_BEFORE
            try:
                async with asyncio.timeout(max(pause, 0.01)):
                    await happened.wait()
            except TimeoutError:
                continue


#: In seconds: before its end a watch gets a bookmark.
_MARK_BEFORE = 1.5


def _with_version(pod: dict[str, Any], version: int) -> dict[str, Any]:
    return {**pod, "metadata": {**pod["metadata"], "resourceVersion": str(version)}}


def _event(change: Change, selects: Selects) -> dict[str, Any] | None:
    was = change.before is not None and selects(change.before)
    if change.after is not None and selects(change.after):
        return {"type": "MODIFIED" if was else "ADDED", "object": change.after}
    return {"type": "DELETED", "object": change.after or change.before} if was else None
