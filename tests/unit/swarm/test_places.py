from __future__ import annotations

from dexec_kernel.engine.endpoint import Endpoint
from dexec_kernel.engine.swarm import Node
from dexec_kernel.swarm import places as module
from dexec_kernel.swarm.places import Place, Places, Way

NODE = Node("n2", "node2", "10.0.0.2", "ready")
FAR = Way(NODE, Endpoint("the test", host="far", port=1))


def test_ways_to_other_nodes_are_kept():
    places = Places()
    places.note("c1", FAR)
    assert places.way_of("c1") == FAR
    # It is another engine's container now.
    places.note("c1", Way(NODE, None))
    assert places.way_of("c1") is None
    places.note("c2", None)
    assert places.way_of("c2") is None


def test_the_oldest_are_forgotten(monkeypatch):
    monkeypatch.setattr(module, "_MOST", 2)
    places = Places()
    for name in ("a", "b", "a", "c"):
        places.note(name, FAR)
    assert [places.way_of(name) is None for name in "abc"] == [False, True, False]


def test_what_a_name_means():
    places = Places()
    places.choose("swarm:web", place := Place("c1", FAR))
    assert places.chosen("swarm:web") == place
    assert places.chosen("swarm:db") is None
