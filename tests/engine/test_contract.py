"""The contract of backends, kept by the client of real engines: Docker's and Podman's.

And by an engine of a swarm whose container is on another node, over ssh.
"""

from __future__ import annotations

from contextlib import aclosing

import pytest

from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.endpoint import parse_host
from dexec_kernel.engine.swarm import Node
from dexec_kernel.swarm.engine import SwarmEngine
from dexec_kernel.swarm.places import Places, Way
from tests.contract.suite import ExecContract, Site, guard  # noqa: F401 -- a fixture


@pytest.fixture
async def site(place):
    return Site(place.client, place.container)


class TestEngines(ExecContract):
    """Every test of the contract, with either engine."""


class TestAnotherNode(ExecContract):
    """Every test of the contract, where the engine of the container is another one behind ssh."""

    @pytest.fixture
    async def site(self, host, busybox, sshd, monkeypatch):
        monkeypatch.setenv("PATH", sshd.path)
        here = EngineClient(parse_host(host, source="the test"))
        # Neither is in a swarm: the node has no id.
        node = Node("", "far", "127.0.0.1", "ready")
        places = Places()
        places.note(busybox, Way(node, parse_host(sshd.url(host), source="the test")))
        async with aclosing(SwarmEngine(here, {}, places=places)) as engine:
            yield Site(engine, busybox)
