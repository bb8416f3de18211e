"""What labs have left whose owners are gone: found by labels, and removed."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

from dexec_kernel.backend.lifecycle import LabEngine
from dexec_kernel.backend.models import LAB_LABEL, ContainerSummary
from dexec_kernel.errors import ContainerNotFound, EngineApiError
from dexec_kernel.lab.create import OWNER_LABEL, VOLUMES, has_leash, volume_prefix
from dexec_kernel.lab.member import UNFINISHED
from dexec_kernel.lab.parent import (
    KEEP_LABEL,
    MAKER_LABEL,
    PARENT_LABEL,
    Parent,
    is_let_go,
    is_of_gone,
)
from dexec_kernel.lab.removal import remove_containers

_log = logging.getLogger(__name__)
_RUNNING, _PAUSED = "running", "paused"
_VOLUME = re.compile(rf"{VOLUMES}[0-9a-f]{{12}}-.+")


@dataclass(frozen=True, slots=True)
class Swept:
    """The names of the containers that were removed, and of those of labs that are left."""

    removed: list[str]
    left: list[str]


async def sweep(
    engine: LabEngine,
    *,
    server: Parent | None = None,
    kernels: Callable[[], Collection[str]] = tuple,
) -> Swept:
    """Remove what no living process owns, and stop what is kept and no living process holds.

    A container that runs and is held by its stdin may have an owner, unless the process that made
    it is gone too: a student who is root can cut the leash. ``kernels`` returns those of
    ``server``, all of them: it knows better which of its own are gone. What cannot be removed is
    logged, and is for the next sweep. Raises :class:`EngineUnavailable`.
    """
    found = await engine.container_list(all=True, filters={"label": [LAB_LABEL]})
    # Asked for only now: a kernel that has begun since has no container among those.
    who = _Owners(server, frozenset(kernels()))
    is_left = {
        item.id: who.are_gone(
            item.labels,
            is_held=item.state == _RUNNING
            and has_leash(item.labels)
            and not is_of_gone(item.labels, MAKER_LABEL),
            is_kept=_is_kept(item),
        )
        for item in found
    }
    for item in found:
        if _is_kept(item) and item.state in {_RUNNING, _PAUSED}:
            await _stop_if_let_go(engine, item)
    refused = await remove_containers(engine, (item for item in is_left if is_left[item]))
    for refusal in refused.values():
        _log.warning("A container of a lab is left: %s", refusal)
    swept, owned = Swept([], []), set[str]()
    for item in found:
        if is_left[item.id] and item.id not in refused:
            swept.removed.append(item.name)
        else:
            swept.left.append(item.name)
            owned.add(_prefix(item.labels))
    for network in await engine.network_list(label=LAB_LABEL):
        is_kept = KEEP_LABEL in network.labels and _prefix(network.labels) in owned
        if who.are_gone(network.labels, is_held=False, is_kept=is_kept):
            with suppress(EngineApiError):  # A container that is held is in it.
                await engine.network_remove(network.id)
    # They have no labels, and an owner may have ended between its containers and its volumes. The
    # engine refuses one that a container was made with just now.
    for volume in await engine.volume_list(prefix=VOLUMES):
        if _VOLUME.fullmatch(volume) and not volume.startswith(tuple(owned)):
            with suppress(EngineApiError):
                await engine.volume_remove(volume)
    return swept


def _is_kept(container: ContainerSummary) -> bool:
    return KEEP_LABEL in container.labels and not container.name.endswith(UNFINISHED)


async def _stop_if_let_go(engine: LabEngine, container: ContainerSummary) -> None:
    """Stop a container that has a leash which was cut, or none, or that was paused."""
    if not is_let_go(container.name, container.labels):
        return
    try:
        # The next kernel may have it since the list was made: it has given it another name.
        state = await engine.container_inspect(container.id)
        if state.name == container.name:
            if state.paused:
                await engine.container_unpause(container.id)
            await engine.container_stop(container.id, stop_timeout=1)
    except ContainerNotFound:
        pass
    except EngineApiError as error:
        _log.warning("A container of a lab runs on: %s", error)


@dataclass(frozen=True, slots=True)
class _Owners:
    """A server, if there is one, and the ids of its kernels."""

    server: Parent | None
    kernels: frozenset[str]

    def are_gone(self, labels: Mapping[str, str], *, is_held: bool, is_kept: bool) -> bool:
        """Return whether nobody owns any more what has these labels."""
        if is_kept:
            return False
        parent = Parent.read(labels.get(PARENT_LABEL, ""))
        # What is kept belongs to a notebook, and not to one kernel.
        if parent is not None and parent == self.server and KEEP_LABEL not in labels:
            return labels.get(OWNER_LABEL) not in self.kernels
        return parent is not None and parent.is_gone and not is_held


def _prefix(labels: Mapping[str, str]) -> str:
    return volume_prefix(labels[LAB_LABEL], labels.get(OWNER_LABEL, ""))
