"""The kernel of a lab: its container is made by the first cell, and ends with the kernel."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from dexec_kernel.backend.lifecycle import LabEngine, Usage
from dexec_kernel.backend.models import ContainerInspect
from dexec_kernel.backend.protocol import WholeEngine
from dexec_kernel.display.cell import Publish
from dexec_kernel.display.lab import started_data, starting_data
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.errors import (
    ContainerNotFound,
    ContainerNotRunning,
    ContainerPaused,
    DexecError,
    EngineApiError,
    LabUnusable,
    PolicyUnusable,
    UsageError,
)
from dexec_kernel.jupyter.lab_clock import LabClock
from dexec_kernel.jupyter.settings import Settings
from dexec_kernel.jupyter.target import Target
from dexec_kernel.lab.checks.desk import CheckDesk
from dexec_kernel.lab.checks.runner import CheckRunner
from dexec_kernel.lab.confine import policy_of
from dexec_kernel.lab.load import load_lab
from dexec_kernel.lab.owner import LabOwner, Restored
from dexec_kernel.lab.parent import PARENT_LABEL, parent_of_kernel
from dexec_kernel.lab.progress import Progress
from dexec_kernel.lab.result import last_words
from dexec_kernel.lab.room import ContainerView, LabView, Room
from dexec_kernel.lab.spec import Lab
from dexec_kernel.lab.sweep import sweep
from dexec_kernel.policy.engine import Home, PolicedEngine, policed
from dexec_kernel.policy.join import join
from dexec_kernel.policy.rules import Policy
from dexec_kernel.units import format_duration

_MENDED = {
    Restored.STARTED: "{name} had stopped and was started again: its files are there, processes"
    " and what was in memory are gone",
    Restored.RESUMED: "{name} goes on after a pause",
    Restored.MADE: "{name} was gone and was made anew",
}


class LabTarget(Target):
    """Owns the containers of the lab in the folder that the setting ``lab`` names.

    ``kernel_id`` is the same after a restart of the kernel. Cells reach the lab's containers alone:
    the first, or another by its name in the lab.
    """

    def __init__(self, settings: Settings, kernel_id: str) -> None:
        super().__init__(settings)
        # DEXEC_CONTAINER of a server is for its other kernels.
        settings.container = ""
        self.folder = Path(settings.lab).expanduser().absolute()
        self._engine: LabEngine | None = None
        self._lab: Lab | None = None
        self._owner: LabOwner | None = None
        self._owner_id = kernel_id
        self._sweeping: asyncio.Task[None] | None = None
        self._clock = LabClock(self._tell_over)
        self._preparing, self._reading = asyncio.Lock(), asyncio.Lock()
        self._desk: CheckDesk | None = None
        self._publish: Publish = lambda _kind, _content: None

    @property
    def policy(self) -> Policy:
        """The policy of this machine, and of the lab. Raises :class:`PolicyUnusable`."""
        if isinstance(self._policy, PolicyUnusable):
            raise self._policy
        return join(self._policy, policy_of(self.folder.name, self._owner_id))

    async def client(self) -> WholeEngine:
        """Return the client of the engine within both policies."""
        async with self._connecting:
            if self._client is None:
                engine = await self._connect_to_engine()
                machine = policed(engine, super().policy, self._home)
                own = policy_of(self.folder.name, self._owner_id)
                self._client = PolicedEngine(machine, own, Home())
            return self._client

    async def _connect_to_engine(self) -> LabEngine:
        engine = await EngineClient.from_environment(check=self.policy.check_engine)
        self._tunnel, self._engine = engine.tunnel, engine
        if self._owner is not None:
            self._owner.use(engine)
        return engine

    async def lab(self) -> Lab:
        """Return the lab as its files describe it. Raises :class:`LabUnusable`."""
        async with self._reading:
            if self._lab is None:
                lab = await asyncio.to_thread(load_lab, self.folder)
                lab = replace(lab, keep=lab.keep and not self._settings.lab_once)
                if lab.keep:
                    self._owner_id = _keeper(self.folder.name)
                    await self.forget()
                self._lab = lab
            return self._lab

    async def owner(self) -> LabOwner:
        """Return the owner of the lab's containers. Raises :class:`LabUnusable`."""
        lab = await self.lab()
        await self.client()
        if self._owner is None and self._engine is not None:
            # The kernel itself may be another process after a restart.
            labels = {PARENT_LABEL: str(parent_of_kernel(os.environ))}
            self._owner = LabOwner(self._engine, lab, self.folder, self._owner_id, labels=labels)
        if self._owner is None:
            raise LabUnusable(
                "The engine of the lab is not connected.", advice="Run the cell again."
            )
        return self._owner

    def preparing(self, publish: Publish) -> Coroutine[Any, Any, bool]:
        """Return the work that has the lab's containers run."""
        return self._prepare(publish)

    async def _prepare(self, publish: Publish) -> bool:
        """Make the containers, or mend what has become of them."""
        self._publish = publish
        self._clock.wake()
        async with self._preparing:
            owner = await self.owner()
            line = _Line(owner.lab.title, publish)
            await self._end_if_over(owner)
            try:
                if not owner.ids:
                    await owner.ready(line.tell)
                    # One that was kept says only now when it was begun.
                    await self._end_if_over(owner)
                    line.end("ready")
                    self._sweep()
                elif mended := await owner.restore(line.tell):
                    words = (_MENDED[how].format(name=name) for name, how in mended.items())
                    line.end("; ".join(words))
                if warning := self._clock.begin(owner):
                    line.end(warning)
            except BaseException as error:
                line.end("not ready")
                if isinstance(error, LabUnusable) and self._settings.lab_tells:
                    told = f"{error.message}{last_words(error.output)}"
                    raise LabUnusable(told, advice=error.advice) from error
                raise
            (await self._find_desk()).prepare_soon()
            return True

    def _tell_over(self) -> None:
        """Tell it in the cell that runs, which ends with the containers."""
        if self._lab is not None:
            _Line(self._lab.title, self._publish).end("the time of the lab is over")

    async def _end_if_over(self, owner: LabOwner) -> None:
        if self._clock.is_over(owner):
            await owner.aclose()
            raise LabUnusable(
                f"The time of the lab is over ({format_duration(owner.lab.time or 0)}).",
                advice="Restart the kernel to begin the lab again, from its beginning.",
            )

    @property
    def desk(self) -> Callable[[], Awaitable[CheckDesk]]:
        """What returns the lab's checks."""
        return self._find_desk

    async def _find_desk(self) -> CheckDesk:
        owner = await self.owner()
        if self._desk is None:
            lab = owner.lab
            runner = CheckRunner(self._lab_engine, lab, self.folder, self._owner_id)
            self._desk = CheckDesk(
                runner, Progress(lab.tasks), student=self._student, tells=self._settings.lab_tells
            )
        return self._desk

    async def _lab_engine(self) -> LabEngine:
        """Return the engine without the policies of cells: a checker is no container of theirs."""
        await self.client()
        if self._engine is None:
            raise LabUnusable(
                "The engine of the lab is not connected.", advice="Run the cell again."
            )
        return self._engine

    def _student(self) -> str:
        """Return the id of the lab's first container. Raises :class:`LabUnusable`."""
        ids = self._owner.ids if self._owner is not None and self._lab is not None else {}
        if not ids or self._lab is None:
            raise LabUnusable(
                "The lab has no container yet.", advice="The first cell that is run makes it."
            )
        return ids[self._lab.containers[0].name]

    def _sweep(self) -> None:
        """Remove what other kernels have left that were killed. No cell waits for it."""

        async def sweep_engine() -> None:
            with suppress(DexecError):  # The next kernel sweeps again.
                if self._engine is not None:
                    await sweep(self._engine)

        self._sweeping = asyncio.create_task(sweep_engine())

    def after_cell(self) -> None:
        """Let the containers rest when no cell comes for as long as the lab says."""
        if self._owner is not None:
            self._clock.rest_later(self._owner)

    @property
    def room(self) -> Room:
        """The lab, for magics."""
        return self

    async def look(self) -> LabView:
        """Look at the lab's containers, time and tasks."""
        owner, desk = await self.owner(), await self._find_desk()
        engine = await self._lab_engine()
        views = []
        for spec in owner.lab.containers:
            container = owner.ids.get(spec.name)
            if not container:
                raise LabUnusable(f"The lab's container {spec.name!r} is not there now.")
            found = await engine.container_inspect(container)
            state = "paused" if found.paused else "running" if found.running else "stopped"
            usage = Usage()
            with suppress(EngineApiError):
                usage = await engine.container_usage(found.id)
            views.append(ContainerView(spec, found.name, state, usage.memory, usage.processes))
        left = self._clock.left(owner)
        return LabView(owner.lab.title, tuple(views), tuple(desk.progress), left, desk.hints)

    async def reset(self, name: str) -> float:
        """Make a container anew by its name in the lab, or all; return the seconds taken."""
        owner = await self.owner()
        if name and name not in owner.ids:
            raise UsageError(
                f"The lab has no container {name!r}.", advice=f"It has: {', '.join(owner.ids)}"
            )
        begin = time.monotonic()
        await owner.reset(name)
        return time.monotonic() - begin

    async def container(self, name: str = "") -> ContainerInspect:
        """Look at a container of the lab, the first one without a name.

        Raises :class:`PolicyRefused` for any other.
        """
        ids = self._owner.ids if self._owner is not None else {}
        if not ids:
            raise LabUnusable(
                "The lab has no container yet.", advice="The first cell that is run makes it."
            )
        name = name or self._settings.container
        try:
            return await super().container(
                ids.get(name, name) if name else next(iter(ids.values()))
            )
        except ContainerNotFound as error:
            raise ContainerNotFound(
                f"The lab has no container named {name!r}.",
                status=error.status,
                advice=f"It has: {', '.join(ids)}",
            ) from error

    async def running(self, name: str = "") -> ContainerInspect:
        """Look at a container of the lab, which is started again if it has just stopped."""
        try:
            return await super().running(name)
        except (ContainerNotRunning, ContainerPaused):
            await self._prepare(self._publish)
            return await super().running(name)

    async def end(self, *, restarts: bool) -> None:
        """Remove the lab's containers, or leave them stopped for the kernel that comes back."""
        self._clock.close()
        desk, self._desk = self._desk, None
        if desk is not None:
            await desk.aclose()
        owner, self._owner = self._owner, None
        if self._sweeping is not None:
            self._sweeping.cancel()
        if owner is None:
            return
        if restarts:
            owner.let_go()
        elif owner.lab.keep:
            await owner.stop()
        else:
            await owner.aclose()


class _Line:
    """The line that shows what is being done for a lab, one display."""

    def __init__(self, title: str, publish: Publish) -> None:
        self._title = title
        self._publish = publish
        self._id = uuid.uuid4().hex
        self._is_shown = False

    def tell(self, step: str) -> None:
        self._send(starting_data(self._title, step))

    def end(self, words: str) -> None:
        self._send(started_data(self._title, words))

    def _send(self, data: dict[str, str]) -> None:
        kind = "update_display_data" if self._is_shown else "display_data"
        self._is_shown = True
        content = {"data": data, "metadata": {}, "transient": {"display_id": self._id}}
        self._publish(kind, content)


def _keeper(lab_name: str) -> str:
    """Return the owner of what is kept for a notebook of a user, whichever kernel it has."""
    user = os.environ.get("JUPYTERHUB_USER") or str(os.getuid())
    notebook = os.environ.get("JPY_SESSION_NAME", "")
    place = str(Path.cwd() / Path(notebook).name) if notebook else ""
    words = f"{lab_name}\0{user}\0{place}"
    return f"keep-{hashlib.sha256(words.encode()).hexdigest()[:16]}"
