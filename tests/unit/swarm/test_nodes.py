"""The questions about a swarm; ``test_engine.py`` asks them of engines."""

from __future__ import annotations

import pytest

from dexec_kernel.errors import ConfigurationError
from dexec_kernel.swarm.nodes import find_places


@pytest.mark.parametrize(("name", "hosts"), [("swarm:", ""), ("swarm:web", "node1")])
async def test_mistakes_are_told_before_the_engine_is_asked(engine, client, name, hosts):
    with pytest.raises(ConfigurationError):
        await find_places(client, name, node_hosts=hosts, environ={})
    assert engine.calls == []
