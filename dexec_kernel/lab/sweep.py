"""What labs have left whose owners are gone: found by labels, and removed."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

from dexec_kernel.backend.lifecycle import LabEngine
from dexec_kernel.backend.models import LAB_LABEL
from dexec_kernel.errors import ContainerNotFound, EngineApiError
from dexec_kernel.lab.create import OWNER_LABEL, UNHELD_LABEL, VOLUMES, volume_prefix
from dexec_kernel.lab.parent import KEEP_LABEL, PARENT_LABEL, Parent

_log = logging.getLogger(__name__)
_RUNNING = "running"
_VOLUME = re.compile(rf"{VOLUMES}[0-9a-f]{{12}}-.+")


@dataclass(frozen=True, slots=True)
class Swept:
    """The names of the containers that were removed, and of those of labs that are left."""

    removed: list[str]
    left: list[str]


async def sweep(
    engine: LabEngine, *, server: Parent | None = None, kernels: Collection[str] = ()
) -> Swept:
    """Remove what no living process owns.

    A container that runs and is held by its stdin has an owner. ``kernels`` are those of
    ``server``, all of them: it knows better which of its own are gone. What cannot be removed is
    logged, and is for the next sweep. Raises :class:`EngineUnavailable`.
    """
    swept, owned = Swept([], []), set[str]()
    for item in await engine.container_list(all=True, filters={"label": [LAB_LABEL]}):
        prefix = volume_prefix(item.labels[LAB_LABEL], item.labels.get(OWNER_LABEL, ""))
        is_held = item.state == _RUNNING and UNHELD_LABEL not in item.labels
        if not _is_left(item.labels, server, kernels, is_held=is_held):
            swept.left.append(item.name)
            owned.add(prefix)
            continue
        try:
            await engine.container_remove(item.id, force=True, volumes=True)
        except ContainerNotFound:
            continue
        except EngineApiError as error:
            _log.warning("A container of a lab is left: %s", error)
            swept.left.append(item.name)
            owned.add(prefix)
            continue
        swept.removed.append(item.name)
    for network in await engine.network_list(label=LAB_LABEL):
        if _is_left(network.labels, server, kernels, is_held=False):
            with suppress(EngineApiError):  # A container that is held is in it.
                await engine.network_remove(network.id)
    # They have no labels, and an owner may have ended between its containers and its volumes. The
    # engine refuses one that a container was made with just now.
    for volume in await engine.volume_list(prefix=VOLUMES):
        if _VOLUME.fullmatch(volume) and not volume.startswith(tuple(owned)):
            with suppress(EngineApiError):
                await engine.volume_remove(volume)
    return swept


def _is_left(
    labels: Mapping[str, str], server: Parent | None, kernels: Collection[str], *, is_held: bool
) -> bool:
    parent = Parent.read(labels.get(PARENT_LABEL, ""))
    if parent is None or KEEP_LABEL in labels:
        return False
    if server is not None and parent == server:
        return labels.get(OWNER_LABEL) not in kernels
    return parent.is_gone and not is_held
