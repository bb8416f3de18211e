"""How a checker's container is made: as the lab's own, for one shell that waits. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from dexec_kernel.backend.images import ImageInspect
from dexec_kernel.backend.lifecycle import CreateConfig
from dexec_kernel.lab.checks.script import DRIVER
from dexec_kernel.lab.create import CHECKER, create_config, labels_of
from dexec_kernel.lab.spec import Container, Lab

#: The number of processes in a checker whose lab does not bound them: a check may call a fork bomb.
_MOST_PROCESSES = 512
#: Root has to read what only its owner may, to become another user, and to end what it has started.
_NEEDED = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")


def checker_config(
    lab: Lab,
    folder: Path,
    owner: str,
    *,
    labels: Mapping[str, str],
    network: str = "none",
) -> CreateConfig:
    """Return how to make a checker for the lab's first container.

    It has the lab's image, limits and environment; root runs its check. It has no volume that the
    student writes to, and ``network`` is the engine's word for the network to be in.
    """
    container = lab.containers[0]
    own = [text for text in container.volumes if text.startswith(".")]
    config = create_config(
        lab,
        replace(container, volumes=tuple(own)),
        folder=folder,
        labels={**labels, **labels_of(folder.name, owner + CHECKER)},
        image=ImageInspect(id=""),
        prefix="",
        network=network,
    )
    return replace(
        config,
        entrypoint=("sh", "-c", DRIVER, "check"),
        cmd=(),
        user="0",
        working_dir="/",
        pids=config.pids or _MOST_PROCESSES,
        read_only=False,
        binds=tuple(f"{text.removesuffix(':ro')}:ro" for text in config.binds),
        cap_add=tuple(dict.fromkeys((*config.cap_add, *_NEEDED))),
        health=None,
        stop_timeout=0,
        discards_log=True,
        auto_remove=True,
    )


def copied(paths: tuple[str, ...], container: Container) -> list[str]:
    """Return the paths that are copied: not those in a folder of the lab, which a checker has."""
    shown = [text.split(":")[1] for text in container.volumes if text.startswith(".")]
    return [path for path in paths if not any(_is_below(path, place) for place in shown)]


def _is_below(path: str, place: str) -> bool:
    return PurePosixPath(path).is_relative_to(PurePosixPath(place))
