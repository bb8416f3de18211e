"""What labs have left whose owners are gone: found by labels, and removed."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

from dexec_kernel.backend.lifecycle import LabEngine
from dexec_kernel.backend.models import LAB_LABEL
from dexec_kernel.errors import EngineApiError
from dexec_kernel.lab.create import OWNER_LABEL, UNHELD_LABEL, VOLUMES, volume_prefix
from dexec_kernel.lab.member import UNFINISHED
from dexec_kernel.lab.parent import KEEP_LABEL, MAKER_LABEL, PARENT_LABEL, Parent, is_of_gone
from dexec_kernel.lab.removal import remove_containers

_log = logging.getLogger(__name__)
_RUNNING = "running"
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
    """Remove what no living process owns.

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
            and UNHELD_LABEL not in item.labels
            and not is_of_gone(item.labels, MAKER_LABEL),
            is_kept=KEEP_LABEL in item.labels and not item.name.endswith(UNFINISHED),
        )
        for item in found
    }
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
