"""The images of a lab: there already, pulled, or named in an error that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from dexec_kernel.backend.images import Images, PullProgress
from dexec_kernel.errors import ImageNotFound
from dexec_kernel.lab.spec import Lab
from dexec_kernel.units import format_size


class Had(Enum):
    """Where an image came from; the values are words for people."""

    THERE = "there"
    PULLED = "pulled"


def images_of(lab: Lab) -> tuple[str, ...]:
    """Return the names of a lab's images, each once."""
    return tuple(dict.fromkeys(container.image for container in lab.containers))


async def have_image(
    engine: Images, image: str, tell: Callable[[str], None] = lambda _text: None
) -> Had:
    """Have the engine pull an image that it does not have; ``tell`` is told how far that is.

    Raises :class:`ImageNotPulled`.
    """
    try:
        await engine.image_inspect(image)
    except ImageNotFound:
        teller = _Teller(image, tell)
        await engine.image_pull(image, teller.progress)
        await engine.image_inspect(image)
        return Had.PULLED
    return Had.THERE


async def have_images(
    engine: Images, lab: Lab, tell: Callable[[str], None] = lambda _text: None
) -> None:
    """Have all images of a lab. Raises :class:`ImageNotPulled` for the first that is missing."""
    for image in images_of(lab):
        await have_image(engine, image, tell)


class _Teller:
    """Tells how far a pull is, at most once a percent: each may be a message to a front end."""

    def __init__(self, image: str, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._head = f"pulling {image}"
        self._said = self._head
        tell(self._head)

    def progress(self, found: PullProgress) -> None:
        said = self._head
        if found.is_unpacking:
            said = f"{self._head}: unpacking"
        elif found.total:
            share = found.current / found.total
            said = f"{self._head}: {share:.0%} of {format_size(found.total)}"
        if said != self._said:
            self._said = said
            self._tell(said)
