"""The standbys of a kernel: started ahead, handed out, let go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dexec_kernel.backend.models import ContainerInspect
from dexec_kernel.backend.protocol import Backend
from dexec_kernel.cells.command import Command, standby_command
from dexec_kernel.cells.signals.leftovers import Leftover, Leftovers
from dexec_kernel.cells.source.options import CellOptions
from dexec_kernel.cells.standby.standby import Place, Standby, open_standby
from dexec_kernel.shell.commands import Shell
from dexec_kernel.shell.state import ShellState
from dexec_kernel.shell.update import update_between

#: In seconds: how long a cell waits for a standby that is being started, before it goes alone.
_PATIENCE = 2.0
#: An engine starts the processes of a container one at a time and ends none meanwhile. Three
#: standbys (one ready, one starting, one queued) keep it busy.
_MORE_WHILE_QUEUED = 2


@dataclass(eq=False, slots=True)
class _Slot:
    """A standby, ready or starting. ``state`` is the session state that it starts with."""

    place: Place
    state: ShellState | None
    opening: asyncio.Task[Standby | None]

    @property
    def standby(self) -> Standby | None:
        """The standby, where it waits for a cell."""
        if not self.opening.done() or self.opening.cancelled():
            return None
        standby = self.opening.result()
        return standby if standby is not None and standby.waits else None

    @property
    def may_serve(self) -> bool:
        """False if its start has failed or it has ended."""
        return self.standby is not None or not self.opening.done()

    async def aclose(self) -> Leftover | None:
        """End it. Return what may go on, as its connection was lost."""
        self.opening.cancel()
        results = await asyncio.gather(self.opening, return_exceptions=True)
        if not isinstance(standby := results[0], Standby):
            return None
        is_lost = not standby.waits
        await standby.exec.aclose()
        return self.place.leftover(standby) if is_lost else None


@dataclass(frozen=True, slots=True)
class HandedOut:
    """A standby for one cell, with the update that its shell evaluates before the cell."""

    standby: Standby
    update: bytes

    def command(
        self, source: str, options: CellOptions, *, may_ask: bool, history: bytes = b""
    ) -> Command:
        """Return what it is sent to run a cell; see :func:`build_command`."""
        config, marks = self.standby.config, self.standby.marks
        update = self.update + history
        return standby_command(config, marks, update, source, options, may_ask=may_ask)


class Standbys:
    """Owns what waits. Everything happens on one event loop.

    ``size`` tells how many are to wait, 0 for none; ``is_queued`` whether more cells are to come at
    once; ``idle_timeout`` after how many seconds without a cell they are let go, 0 for never.
    ``leftovers`` ends those whose connection was lost: only its end would have ended them.
    """

    def __init__(
        self,
        size: Callable[[], int],
        is_queued: Callable[[], bool],
        idle_timeout: Callable[[], float],
        leftovers: Leftovers | None = None,
    ) -> None:
        self._leftovers = leftovers or Leftovers()
        self._size = size
        self.is_queued = is_queued
        self._idle_timeout = idle_timeout
        self._slots: list[_Slot] = []
        self._closing: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def count(self) -> int:
        """How many there are, or are being started."""
        return sum(slot.may_serve for slot in self._slots)

    @property
    def wanted(self) -> int:
        """The wanted number, including standbys that are being started."""
        size = self._size()
        return size + _MORE_WHILE_QUEUED if size and self.is_queued() else size

    def prepare(
        self,
        backend: Backend,
        container: ContainerInspect,
        shells: Sequence[Shell],
        state: ShellState | None,
    ) -> None:
        """Keep the wanted number of standbys in one container and none elsewhere. Returns at once.

        While cells are queued, standbys with an older state stay: a cell brings the new state
        along. Otherwise they are replaced.
        """
        place, wanted, is_queued = Place.of(container), self.wanted, self.is_queued()
        for slot in list(self._slots):
            fits = slot.place == place and slot.may_serve
            if not fits or (slot.state != state and not is_queued):
                self._let_go(slot)
        for slot in self._slots[wanted:]:
            self._let_go(slot)
        while len(self._slots) < wanted:
            opening = open_standby(backend, container, shells, state, is_urgent=is_queued)
            self._slots.append(_Slot(place, state, asyncio.create_task(opening)))
        self._set_timer()

    async def take(self, container: ContainerInspect, state: ShellState | None) -> HandedOut | None:
        """Return a standby that can serve a cell with ``state``, or None.

        Waits for a standby that is being started, which is quicker than starting a new exec. The
        caller closes its connection.
        """
        place = Place.of(container)
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        while True:
            found = {
                slot: update
                for slot in self._slots
                if slot.place == place and slot.may_serve
                if (update := update_between(slot.state, state)) is not None
            }
            waiting = [slot for slot in found if slot.standby is not None]
            if waiting:
                best = min(waiting, key=lambda slot: len(found[slot]))
                self._slots.remove(best)
                assert best.standby is not None  # noqa: S101 -- chosen above
                return HandedOut(best.standby, found[best])
            patience = deadline - asyncio.get_running_loop().time()
            if not found or patience <= 0:
                return None
            await asyncio.wait(
                [slot.opening for slot in found],
                timeout=patience,
                return_when=asyncio.FIRST_COMPLETED,
            )

    def let_go(self) -> None:
        """End all of them, in the background."""
        for slot in list(self._slots):
            self._let_go(slot)

    async def aclose(self) -> None:
        """End all of them, and wait until their connections are closed."""
        self.let_go()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await asyncio.gather(*self._closing)

    def _let_go(self, slot: _Slot) -> None:
        self._slots.remove(slot)
        self._closing.add(task := asyncio.create_task(self._close(slot)))
        task.add_done_callback(self._closing.discard)

    async def _close(self, slot: _Slot) -> None:
        if (leftover := await slot.aclose()) is not None:
            self._leftovers.add(leftover)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._slots and (seconds := self._idle_timeout()):
            self._timer = asyncio.get_running_loop().call_later(seconds, self.let_go)
