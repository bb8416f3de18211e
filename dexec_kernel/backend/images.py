"""The images that containers are made of, and the verbs for them.

Source: Docker Engine API 1.24 to 1.51, "Inspect an image", "Create an image", "Import images".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ImageInspect:
    """An image (Go's ``image.InspectResponse``): its process and its user. ``size`` is in bytes."""

    id: str
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    user: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a pull is, in bytes over all layers that are known so far.

    ``total`` of 0 stands for unknown. The engine may learn of more layers.
    """

    current: int = 0
    total: int = 0

    @property
    def is_unpacking(self) -> bool:
        """Whether everything is there that was known, and is being unpacked."""
        return 0 < self.total <= self.current


class Images(Protocol):
    """Look at, pull and load images.

    Besides the errors named at each verb, all raise :class:`EngineApiError` for other refusals and
    :class:`EngineUnavailable`.
    """

    async def image_inspect(self, image: str) -> ImageInspect:
        """Look at an image. Raises :class:`ImageNotFound`."""
        ...

    async def image_pull(
        self, image: str, progress: Callable[[PullProgress], None] = lambda _progress: None
    ) -> None:
        """Have the engine pull an image from its registry, without credentials of ours.

        It takes as long as it takes; a call that is cancelled ends the pull. Raises
        :class:`ImageNotPulled`.
        """
        ...

    async def image_load(self, content: AsyncIterator[bytes]) -> tuple[str, ...]:
        """Load the images of a tar archive as ``docker save`` writes it; return their names.

        One without a name is its id. Raises :class:`ImageNotLoaded`, and errors of ``content``.
        """
        ...
