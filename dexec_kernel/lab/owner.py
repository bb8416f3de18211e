"""The owner of a lab's containers: makes them, holds them, gives them back, removes them."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path

from dexec_kernel.backend.lifecycle import LabEngine
from dexec_kernel.backend.models import LAB_LABEL, ContainerInspect, ContainerSummary
from dexec_kernel.errors import (
    CommandNotStarted,
    ContainerNotFound,
    EngineApiError,
)
from dexec_kernel.lab.create import (
    CELLS_LABEL,
    CHECKER,
    CONTAINER_LABEL,
    OWNER_LABEL,
    create_config,
    has_leash,
    labels_of,
    start_order,
    volume_prefix,
)
from dexec_kernel.lab.images import have_images
from dexec_kernel.lab.member import UNFINISHED, Member
from dexec_kernel.lab.parent import (
    KEEP_LABEL,
    held_name,
    is_let_go,
    is_of_gone,
    labels_of_maker,
)
from dexec_kernel.lab.removal import remove_containers
from dexec_kernel.lab.setup import run_setup
from dexec_kernel.lab.shielded import to_the_end as _to_the_end
from dexec_kernel.lab.spec import Container, Lab

#: The label that tells when the student has begun.
BEGUN_LABEL = "dexec.lab.begun"

Progress = Callable[[str], None]


class Restored(Enum):
    """What had become of a container, and was mended."""

    #: It had stopped, and was started again with its files.
    STARTED = "started"
    #: It had been paused.
    RESUMED = "resumed"
    #: It had been removed: all containers were made anew.
    MADE = "made"


class LabOwner:
    """Owns the containers of one run of a lab. Everything is on one event loop.

    ``folder`` is the lab's, and ``owner`` names this run: whoever has the same lab and owner later
    takes its containers over. ``labels`` are added to theirs. Close it with :meth:`aclose`, which
    removes everything, or with :meth:`let_go`, which leaves the containers stopped.

    A method that raises, or is cancelled, leaves no container half made. All raise
    :class:`EngineUnavailable` and :class:`EngineApiError` besides what each names.
    """

    def __init__(
        self,
        engine: LabEngine,
        lab: Lab,
        folder: Path,
        owner: str,
        *,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        self._engine = engine
        self.lab = lab
        self.folder = folder
        self.name = folder.name
        self.owner = owner
        self._labels = {**labels_of_maker(), **(labels or {})}
        self._members: dict[str, Member] = {}
        self._network = ""
        self._turn = asyncio.Lock()
        #: When the containers were first made, in seconds since the epoch; a reset changes nothing.
        self.begun: float | None = None
        self._prefix = volume_prefix(self.name, owner)

    @property
    def ids(self) -> dict[str, str]:
        """The containers that there are, in the lab's order: their ids by their names in it."""
        names = [container.name for container in self.lab.containers]
        return {name: self._members[name].id for name in names if name in self._members}

    def use(self, engine: LabEngine) -> None:
        """Use another client of the same engine from here on."""
        self._engine = engine

    async def ready(self, progress: Progress = lambda _text: None) -> ContainerInspect:
        """Have every container run, and return the first; ``progress`` is told what is being done.

        Containers that this owner left behind are taken over, others are made. Raises
        :class:`ImageNotPulled`, and :class:`LabUnusable` where ``setup.sh`` fails or a container is
        not healthy.
        """
        async with self._turn:
            if not self._members and not await self._take_over(progress):
                await self._make(progress)
            first = self._members[self.lab.containers[0].name]
            return await self._engine.container_inspect(first.id)

    async def restore(self, progress: Progress = lambda _text: None) -> dict[str, Restored]:
        """Have every container run again; return what was mended, by their names in the lab.

        Raises as :meth:`ready` does.
        """
        async with self._turn:
            mended: dict[str, Restored] = {}
            for member in list(self._members.values()):
                try:
                    state = await self._engine.container_inspect(member.id)
                except ContainerNotFound:
                    await _to_the_end(self._remove())
                    await self._make(progress)
                    return {container.name: Restored.MADE for container in self.lab.containers}
                if state.paused:
                    await self._engine.container_unpause(member.id)
                    mended[member.spec.name] = Restored.RESUMED
                elif not state.running:
                    progress(f"starting {member.spec.name} again")
                    await member.start(self._engine, has_leash=has_leash(state.labels))
                    mended[member.spec.name] = Restored.STARTED
            await self._rejoin(mended)
            return mended

    async def reset(self, name: str = "", progress: Progress = lambda _text: None) -> None:
        """Make all containers anew, or the one of that name in the lab.

        A container that others share their network with takes them along. Raises as :meth:`ready`
        does; the lab has no container then, and :meth:`ready` makes them.
        """
        async with self._turn:
            if not name or name not in self._members or len(self._members) == 1:
                await _to_the_end(self._remove())
                await self._make(progress)
                return
            await self._reset_one(self._members[name], progress)

    async def pause(self) -> None:
        """Freeze the containers, until :meth:`restore`.

        An engine may refuse it for one container, at times: the others are frozen all the same.
        """
        async with self._turn:
            refusals = [await member.pause(self._engine) for member in self._members.values()]
        for refusal in filter(None, refusals):
            raise refusal

    async def stop(self) -> None:
        """Stop the containers, and keep them, until :meth:`restore` or another owner."""
        async with self._turn:
            await asyncio.gather(*(member.stop(self._engine) for member in self._members.values()))

    async def aclose(self) -> None:
        """Remove everything that belongs to the owner. May be called twice."""
        async with self._turn:
            await _to_the_end(self._remove())

    def let_go(self) -> None:
        """Let go of the containers, which stop by themselves and are kept. Needs no engine."""
        members, self._members = self._members, {}
        for member in members.values():
            member.let_go()

    # --- making -----------------------------------------------------------------------------------

    async def _make(self, progress: Progress) -> None:
        try:
            # Before anything else: a pull is none of the student's time.
            await have_images(self._engine, self.lab, progress)
            await self._remove_left()
            for spec in start_order(self.lab):
                await self._finish((self._members[name] for name in spec.depends_on), progress)
                await self._make_one(spec, progress)
            await self._finish(self._members.values(), progress)
            await self._set_up(progress)
            for member in self._members.values():
                await self._engine.container_rename(member.id, member.name)
        except BaseException:
            await _to_the_end(self._remove())
            raise

    async def _make_one(self, spec: Container, progress: Progress) -> Member:
        several = len(self.lab.containers) > 1
        progress(f"making the container {spec.name}" if several else "making the container")
        image = await self._engine.image_inspect(spec.image)
        network = await self._network_of(spec)
        name = f"{self.name}-{secrets.token_hex(3)}"
        member = Member(spec, f"{name}-{spec.name}" if several else name)
        self._members[spec.name] = member
        for is_held in (True, False):
            config = create_config(
                self.lab,
                spec,
                folder=self.folder,
                labels={**self._own_labels(spec.name), CELLS_LABEL: "true"},
                image=image,
                prefix=self._prefix,
                network=network,
                has_leash=is_held,
            )
            creating = self._engine.container_create(config, name=member.unfinished_name)
            member.id = await _to_the_end(creating)
            try:
                await member.start(self._engine, has_leash=is_held, is_new=True)
            except (CommandNotStarted, EngineApiError) as error:
                # Only an image without a shell has no leash: its containers are swept.
                if not is_held or "not found" not in error.message.lower():
                    raise
                await _to_the_end(member.remove(self._engine))
            else:
                break
        return member

    def _sharing(self) -> list[Member]:
        """Return the containers that share a loopback; the first one has it."""
        return [m for m in self._members.values() if m.spec.network_mode == "none"]

    async def _rejoin(self, mended: dict[str, Restored]) -> None:
        """Start those again that share the loopback of one that was started: it is a new one."""
        sharing = self._sharing()
        if not sharing or mended.get(sharing[0].spec.name) is not Restored.STARTED:
            return
        for member in sharing[1:]:
            if member.spec.name not in mended:
                state = await self._engine.container_inspect(member.id)
                await member.stop(self._engine)
                await member.start(self._engine, has_leash=has_leash(state.labels))
                mended[member.spec.name] = Restored.STARTED

    def _own_labels(self, container: str = "") -> dict[str, str]:
        kept = {KEEP_LABEL: "true"} if self.lab.keep else {}
        if self.begun is None:
            self.begun = time.time()
        begun = {BEGUN_LABEL: f"{self.begun:.0f}"}
        own = labels_of(self.name, self.owner, container)
        return {**self._labels, **kept, **begun, **own}

    async def _network_of(self, spec: Container) -> str:
        """Return the network of a container that is made now, as the engine calls it.

        Those without a network share the loopback of the first among them.
        """
        if spec.network_mode == "none":
            holder = next((m for m in self._sharing() if m.spec is not spec), None)
            return f"container:{holder.id}" if holder else "none"
        if not self._network:
            labels = self._own_labels()
            name = f"{self._prefix}{secrets.token_hex(3)}"
            await _to_the_end(self._engine.network_create(name, labels=labels))
            self._network = name
        return self._network

    async def _finish(self, members: Iterable[Member], progress: Progress) -> None:
        """Wait until the containers are healthy."""
        for member in members:
            if member.spec.healthcheck is not None and not member.was_healthy:
                progress(f"waiting until {member.spec.name} is healthy")
                await member.until_healthy(self._engine)
                member.was_healthy = True

    async def _set_up(self, progress: Progress) -> None:
        first = self._members[self.lab.containers[0].name]
        await run_setup(self._engine, first.id, self.folder, progress)

    async def _reset_one(self, member: Member, progress: Progress) -> None:
        try:
            sharing = self._sharing()
            # The others would be left with the network of a container that is gone.
            again = sharing if sharing and sharing[0] is member else [member]
            for old in reversed(again):
                await _to_the_end(old.remove(self._engine))
                del self._members[old.spec.name]
            made = [await self._make_one(old.spec, progress) for old in again]
            await self._finish(made, progress)
            if any(new.spec is self.lab.containers[0] for new in made):
                await self._set_up(progress)
            for new in made:
                await self._engine.container_rename(new.id, new.name)
        except BaseException:
            await _to_the_end(self._remove())
            raise

    # --- what was left behind ---------------------------------------------------------------------

    async def _take_over(self, progress: Progress) -> bool:
        """Start the containers that this owner has left; return false where there are not all."""
        specs = {container.name: container for container in self.lab.containers}
        found = {}
        for summary in await self._left():
            name = summary.labels.get(CONTAINER_LABEL, "")
            if name in specs and not summary.name.endswith(UNFINISHED):
                found[name] = Member(specs[name], summary.name, summary.id)
                begun = summary.labels.get(BEGUN_LABEL, "")
                self.begun = float(begun) if begun.isdecimal() else None
        if set(found) != set(specs):
            return False
        progress("starting the container again")
        self._members = {spec.name: found[spec.name] for spec in start_order(self.lab)}
        try:
            for member in self._members.values():
                state = await self._engine.container_inspect(member.id)
                if state.paused:
                    await self._engine.container_unpause(member.id)
                if has_leash(state.labels):
                    # What is not kept is this kernel's alone, whose last process has ended.
                    is_alone = not self.lab.keep or is_let_go(state.name, state.labels)
                    await member.until_stopped(self._engine, is_alone=is_alone)
                else:
                    await self._engine.container_stop(member.id, stop_timeout=1)
                if self.lab.keep and held_name(state.name) != state.name:
                    member.name = held_name(state.name)
                    await self._engine.container_rename(member.id, member.name)
                await member.start(self._engine, has_leash=has_leash(state.labels))
            await self._finish(self._members.values(), progress)
            networks = await self._networks()
            self._network = networks[0] if networks else ""
        except BaseException:
            self.let_go()
            raise
        return True

    async def _left(self, more: str = "") -> list[ContainerSummary]:
        labels = [f"{LAB_LABEL}={self.name}", f"{OWNER_LABEL}={self.owner}{more}"]
        return await self._engine.container_list(all=True, filters={"label": labels})

    async def _networks(self) -> list[str]:
        found = await self._engine.network_list(label=f"{OWNER_LABEL}={self.owner}")
        return [item.name for item in found if item.labels.get(LAB_LABEL) == self.name]

    # --- removing ---------------------------------------------------------------------------------

    async def _remove(self) -> None:
        """Remove everything of this owner, also what a call has made whose answer was lost."""
        self.let_go()
        await self._remove_left()

    async def _remove_left(self) -> None:
        left = [item.id for item in await self._left()]
        if refused := await remove_containers(self._engine, left):
            # A checker in their network, whose kernel was killed.
            checkers = [item.id for item in await self._left(CHECKER) if is_of_gone(item.labels)]
            refused = await remove_containers(self._engine, [*checkers, *refused])
        for refusal in refused.values():
            raise refusal
        for network in await self._networks():
            await self._engine.network_remove(network)
        self._network = ""
        if any(container.volumes for container in self.lab.containers):
            for volume in await self._engine.volume_list(prefix=self._prefix):
                await self._engine.volume_remove(volume)
