"""Where the containers of other nodes are: it outlives the clients that reach them."""

from __future__ import annotations

from dataclasses import dataclass

from dexec_kernel.engine.endpoint import Endpoint
from dexec_kernel.engine.swarm import Node

#: How many containers and execs of other nodes are remembered at most.
_MOST = 1_000


@dataclass(frozen=True, slots=True)
class Way:
    """A node, and the address of its engine; None for the engine that was asked for it."""

    node: Node
    endpoint: Endpoint | None


@dataclass(frozen=True, slots=True)
class Place:
    """A task's container, and the node that it is on. ``note`` is a ContainerInspect's."""

    container_id: str
    way: Way
    note: str = ""

    def is_at(self, other: Place) -> bool:
        """Whether it is the same container on the same engine, in whichever state its node is."""
        mine, theirs = self.way.endpoint, other.way.endpoint
        return self.container_id == other.container_id and mine == theirs


class Places:
    """The ways to containers by their ids and names, and to execs by their ids."""

    def __init__(self) -> None:
        self._ways: dict[str, Way] = {}
        self._chosen: dict[str, Place] = {}

    def way_of(self, thing: str) -> Way | None:
        """Return the way to a container or an exec, None for one of the engine at hand."""
        return self._ways.get(thing)

    def note(self, thing: str, way: Way | None) -> None:
        """Remember the way to a container or an exec."""
        if way is None or way.endpoint is None:
            self._ways.pop(thing, None)
            return
        self._ways.pop(thing, None)
        self._ways[thing] = way
        while len(self._ways) > _MOST:
            del self._ways[next(iter(self._ways))]

    def chosen(self, name: str) -> Place | None:
        """Return the container that a task's name has meant last."""
        return self._chosen.get(name)

    def choose(self, name: str, place: Place) -> None:
        """Remember the container that a task's name means."""
        self._chosen[name] = place
