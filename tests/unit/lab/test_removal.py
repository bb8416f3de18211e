"""Containers that are removed together, where an engine wants an order."""

from __future__ import annotations

from dexec_kernel.errors import ContainerNotFound, EngineApiError
from dexec_kernel.lab.removal import remove_containers


class Engine:
    """Refuses a container as long as another one that needs it is there, as Podman does."""

    def __init__(self, **needs: str) -> None:
        self.needs = needs
        self.asked: list[str] = []

    async def container_remove(self, container: str, *, force: bool, volumes: bool) -> None:
        assert force
        assert volumes
        self.asked.append(container)
        if container not in self.needs:
            raise ContainerNotFound.of(container)
        if container in self.needs.values():
            raise EngineApiError(f"{container} has dependent containers", status=500)
        del self.needs[container]


async def test_what_others_need_is_removed_after_them():
    engine = Engine(a="", b="a", c="b", d="")
    assert await remove_containers(engine, ["a", "b", "c", "d", "gone"]) == {}
    assert engine.needs == {}
    assert engine.asked == ["a", "b", "c", "d", "gone", "a", "b", "a"]


async def test_a_refusal_that_stays_is_returned():
    engine = Engine(a="", foreign="a", b="")
    refused = await remove_containers(engine, iter("ab"))
    assert {container: error.status for container, error in refused.items()} == {"a": 500}
    assert set(engine.needs) == {"a", "foreign"}
    assert await remove_containers(engine, ()) == {}
