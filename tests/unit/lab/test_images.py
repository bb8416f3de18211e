"""A lab's images: there, pulled with progress, or an error."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from dexec_kernel.backend.images import ImageInspect, PullProgress
from dexec_kernel.errors import ImageNotFound, ImageNotPulled
from dexec_kernel.lab.images import Had, have_image, have_images, images_of
from dexec_kernel.lab.spec import Container, Lab

LAB = Lab("A lab", (Container("a", "one"), Container("b", "two"), Container("c", "one")))


@dataclass
class FakeImages:
    """An engine with some images; a registry has others."""

    images: set[str]
    registry: set[str] = field(default_factory=set)
    steps: tuple[PullProgress, ...] = ()

    async def image_inspect(self, image):
        if image not in self.images:
            raise ImageNotFound.of(image)
        return ImageInspect("sha256:1")

    async def image_pull(self, image, progress=lambda _progress: None):
        for step in self.steps:
            progress(step)
        if image not in self.registry:
            raise ImageNotPulled.of(image, "no such host")
        self.images.add(image)

    async def image_load(self, content):
        raise NotImplementedError


def test_each_image_once():
    assert images_of(LAB) == ("one", "two")


async def test_a_pull_tells_how_far_it_is():
    mib = 1024 * 1024
    shares = (1, 1, 2, 100)
    engine = FakeImages({"one"}, {"two"}, tuple(PullProgress(n * mib, 100 * mib) for n in shares))
    said = []
    await have_images(engine, LAB, said.append)
    assert said == [
        "pulling two",
        "pulling two: 1% of 100.0 MiB",
        "pulling two: 2% of 100.0 MiB",
        "pulling two: unpacking",
    ]
    assert await have_image(engine, "two") is Had.THERE


async def test_one_that_is_nowhere():
    engine = FakeImages(set(), {"one"}, (PullProgress(),))
    with pytest.raises(ImageNotPulled, match="'two', and could not pull it: no such host"):
        await have_images(engine, LAB)
    assert engine.images == {"one"}


async def test_a_pull_that_has_brought_nothing():
    engine = FakeImages(set())

    async def pull(image, progress):
        progress(PullProgress())

    engine.image_pull = pull
    with pytest.raises(ImageNotFound):
        await have_image(engine, "one")
